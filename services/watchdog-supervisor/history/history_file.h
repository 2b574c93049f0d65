// What happened to the group before: <run_dir>/watchdog-history, one line an event.
//
// Shape:     time TAB event TAB daemon TAB reason; tabs and line ends in texts become spaces.
//            Beyond kHistoryMaxBytes the file becomes <name>.1 and a new one begins.
// Threading: any thread; each line is one write() on a descriptor opened for appending.
#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/time/time.h>

namespace continuo::supervisor {

inline constexpr size_t kHistoryMaxBytes = 256 * 1024;

struct HistoryEvent {
  absl::Time time;
  std::string event;   // "started", "stopped", "failed".
  std::string daemon;  // The one that failed; else empty.
  std::string reason;
};

std::string HistoryPath(const std::string& run_dir);

// The line is on the disk when this returns OK.
absl::Status AppendHistory(const std::string& path, const HistoryEvent& event);

// Newest first, at most `max_entries` (0: all). Lines that cannot be read are left out.
std::vector<HistoryEvent> ReadHistory(const std::string& path, size_t max_entries);

}  // namespace continuo::supervisor
