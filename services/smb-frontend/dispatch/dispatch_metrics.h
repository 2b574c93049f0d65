// What dispatch counts about each command; handlers count nothing themselves.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "common/smbwire/header.h"

namespace continuo::dispatch {

// Threading: relaxed atomics, any thread.
struct CommandCounters {
  std::atomic<uint64_t> started{0};
  std::atomic<uint64_t> completed{0};
  std::atomic<uint64_t> failed{0};  // Completed with an error status.
  std::atomic<uint64_t> duration_ns{0};
};

struct DispatchMetrics {
  std::array<CommandCounters, smbwire::kCommandCount> commands;
  std::atomic<uint64_t> bytes_read{0};     // File data sent to clients.
  std::atomic<uint64_t> bytes_written{0};  // File data received from clients.
  std::atomic<uint64_t> closed_bytes_received{0};  // Of connections that are gone.
  std::atomic<uint64_t> closed_bytes_sent{0};
  std::atomic<uint64_t> async_requests{0};
  std::atomic<uint64_t> cancelled_requests{0};
  std::atomic<uint64_t> bad_signatures{0};
  std::atomic<uint64_t> protocol_disconnects{0};
};

}  // namespace continuo::dispatch
