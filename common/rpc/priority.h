// Memory locking and priority for the few threads that prove a daemon is alive, so that a loaded
// machine does not look like a dead one.
//
// Why not real-time priority: a real-time thread that waits for another thread without sleeping takes
// the core from the very thread it waits for, until the kernel throttles it. gRPC polls its queues so
// while another thread is half-way through adding to one, and Linux its futex tables while they are
// resized and when a thread ends. Measured were standstills of 0.95 s, the whole budget of real-time
// threads, which a supervisor takes for death.
//
// Threading: FavourCurrentThread concerns the calling thread, LockMemory the process.
#pragma once

namespace continuo::rpc {

// A larger share of a loaded core, by which no other thread can be starved. False where not allowed
// (no CAP_SYS_NICE). What the thread starts has the usual share.
bool FavourCurrentThread();

// Locks what the process maps now and, as it is touched, later. False where not allowed.
bool LockMemory();

}  // namespace continuo::rpc
