// One step of a failover, as one node saw it, and its line in that node's record.
//
//   1 TAB wall_us TAB boot_us TAB boot TAB node TAB epoch TAB daemon TAB kind TAB detail LF
//
// wall_us:  the wall clock, microseconds of Unix time
// boot_us:  CLOCK_BOOTTIME, which nobody sets; compares only with lines of the same `boot`
// epoch:    that of ca_path where the writer knows it, else 0
// Controls in texts are '?'. A line of a higher version, or with more fields, is passed over.
//
// Threading: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <absl/time/time.h>

namespace continuo::failover_trace {

inline constexpr size_t kLineMaxBytes = 1024;

// In the order in which they come, if all goes well.
enum class Kind : uint8_t {
  kStop,          // The group was told to stop.
  kDetect,        // The group has failed: which daemon, why.
  kKilled,        // Nothing of it runs any more.
  kFence,         // The former node is dead, by Pacemaker's or an operator's word.
  kStart,         // A group starts.
  kAdoptBegin,    // ca_path is taken over, from whom.
  kAdoptEnd,      // What came with it.
  kListen,        // Clients can connect.
  kReady,         // All daemons serve.
  kAddress,       // An address of clients has arrived.
  kTickle,        // Its former clients are told to reconnect.
  kReconnect,     // The first session.
  kReclaimFirst,  // The first persistent handle that its client took back.
  kReclaimLast,   // The last so far.
  kReclaimDone,   // All are reclaimed or expired.
  kNote,          // Something else that an administrator wrote down.
};

// "detect", "adopt-begin"; the same in the record.
std::string_view NameOf(Kind kind);
std::optional<Kind> KindOf(std::string_view name);

struct Event {
  absl::Time wall;
  absl::Duration since_boot;
  std::string boot;  // Which boot: the first digits of the kernel's boot id; empty: not known.
  std::string node;
  uint64_t epoch = 0;
  std::string daemon;
  Kind kind = Kind::kNote;
  std::string detail;
  friend bool operator==(const Event&, const Event&) = default;
};

// At most kLineMaxBytes; the detail is cut where it is too long.
std::string EncodeLine(const Event& event);
// Without the line's end. nullopt for what is no line of a version that is known, a torn one included.
std::optional<Event> DecodeLine(std::string_view line);

}  // namespace continuo::failover_trace
