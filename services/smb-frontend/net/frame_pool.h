// Memory of coroutine frames: per-thread free lists in size classes, so that a request in steady
// state costs no malloc.
//
// Threading: a frame may be freed on another thread than the one that allocated it; it then joins
// that thread's lists. Each list is bounded, the rest goes back to malloc. Sanitizer builds use
// malloc alone, so that a use after free is seen.
#pragma once

#include <cstddef>

namespace continuo::net {

// Frames above this size are plain malloc.
inline constexpr size_t kMaxPooledFrameBytes = 4096;
// What one size class of one thread may keep.
inline constexpr size_t kMaxFreeFramesPerClass = 512;

void* AllocateFrame(size_t size_bytes);
void FreeFrame(void* frame, size_t size_bytes) noexcept;

// Base of promise types: gives their coroutines pooled frames.
struct PooledFrame {
  static void* operator new(size_t size_bytes) { return AllocateFrame(size_bytes); }
  static void operator delete(void* frame, size_t size_bytes) noexcept {
    FreeFrame(frame, size_bytes);
  }
};

}  // namespace continuo::net
