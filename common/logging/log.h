// Structured log lines: one event with fields on one line.
//
//   logging::Info("share.connected", {{"session", logging::Hex(id)}, {"share", name}});
//   → 2026-11-21T09:00:00.123456Z INFO smb-frontend event=share.connected session=0x11 share=demo
//
//   if (logging::Enabled(logging::Severity::kDebug)) ...     // Skips building costly fields.
//
//   static logging::RateLimit limit({.lines_per_second = 5, .burst = 20});
//   limit.Log(logging::Severity::kInfo, "logon.refused", {{"reason", "bad password"}});
//
// What a severity means (style B.8): ERROR = someone must act; WARNING = the cluster is worse off;
// INFO = state changes, a handful per client; DEBUG = per request. Lines that a client can trigger
// go through a RateLimit. Never payloads, keys or tokens.
//
// Threading: every function may be called from any thread. A line that is not enabled costs one
// relaxed atomic load (fields are built by the caller before that: guard costly ones by Enabled).
// An enabled line is formatted on the caller's thread and queued; a writer thread of this folder
// does the I/O, so that a slow disk or terminal never holds an event loop. When the queue is full,
// lines are dropped and counted, and the count is logged once there is room. ERROR lines are queued
// too; Flush() waits for the queue (used before exit). Before Configure() is called lines go to
// stderr at once, at level INFO.
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include <absl/status/status.h>
#include <absl/time/time.h>

namespace continuo::logging {

// Ordered so that a higher number is more verbose. `log_level` of tsmb.conf maps as
// 0 = off, 1 = ERROR, 2 = WARNING, 3 = INFO, 4 and 5 = DEBUG (see SeverityFromLevel).
enum class Severity : int { kOff = 0, kError = 1, kWarning = 2, kInfo = 3, kDebug = 4 };

std::string_view SeverityName(Severity severity);  // "ERROR", ...
Severity SeverityFromLevel(int tsmb_log_level);     // Clamps to 0..5.

// One value of a field, as text. Implicit from text, integers, bool and double, so that call sites
// stay short. Quoting and escaping happen when the line is written.
class Value {
 public:
  Value(std::string_view text) : text_(text) {}                      // NOLINT: implicit by design.
  Value(const std::string& text) : text_(text) {}                    // NOLINT
  Value(std::string&& text) : text_(std::move(text)) {}              // NOLINT
  Value(const char* text) : text_(text == nullptr ? "" : text) {}    // NOLINT
  Value(bool value) : text_(value ? "true" : "false") {}             // NOLINT
  Value(const absl::Status& status) : text_(status.ToString()) {}    // NOLINT
  Value(absl::Duration value) : text_(absl::FormatDuration(value)) {}  // NOLINT
  template <typename T>
    requires(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>)
  Value(T value) : text_(std::to_string(value)) {}  // NOLINT

  std::string_view text() const { return text_; }

 private:
  std::string text_;
};

// 0x-prefixed lower-case hexadecimal, for ids and NTSTATUS codes.
Value Hex(uint64_t value);

struct Field {
  std::string_view key;  // [a-z0-9_.], borrowed until the call returns.
  Value value;
};
using Fields = std::initializer_list<Field>;

enum class Destination { kStderr, kSyslog, kFile };

struct Options {
  std::string daemon_name;
  Severity level = Severity::kInfo;
  Destination destination = Destination::kStderr;
  std::string file_path;        // For kFile.
  size_t queue_lines_max = 8192;  // Lines waiting for the writer; more are dropped and counted.
};

// Opens the sink and starts the writer thread; call once from main before other threads log, and
// again on a reload. On failure the former sink stays in use.
// Errors: what opening the file says, naming it.
absl::Status Configure(const Options& options);

// Closes and opens the file again (SIGHUP after logrotate). No effect on other sinks.
absl::Status Reopen();

// Waits until what was logged before has been written, at most `limit`.
void Flush(absl::Duration limit = absl::Seconds(1));

void SetLevel(Severity level);
Severity Level();

// Lines dropped because the queue was full, since the start of the process.
uint64_t DroppedLineCount();

namespace internal {
extern std::atomic<int> g_level;
void Write(Severity severity, std::string_view event, const Field* fields, size_t field_count);
}  // namespace internal

inline bool Enabled(Severity severity) {
  return static_cast<int>(severity) <= internal::g_level.load(std::memory_order_relaxed);
}

// Requires: `event` is `subject.what_happened` in lower case, a literal that scripts can rely on.
inline void Log(Severity severity, std::string_view event, Fields fields = {}) {
  if (Enabled(severity)) internal::Write(severity, event, fields.begin(), fields.size());
}
inline void Log(Severity severity, std::string_view event, const std::vector<Field>& fields) {
  if (Enabled(severity)) internal::Write(severity, event, fields.data(), fields.size());
}
inline void Error(std::string_view event, Fields fields = {}) {
  Log(Severity::kError, event, fields);
}
inline void Warning(std::string_view event, Fields fields = {}) {
  Log(Severity::kWarning, event, fields);
}
inline void Info(std::string_view event, Fields fields = {}) {
  Log(Severity::kInfo, event, fields);
}
inline void Debug(std::string_view event, Fields fields = {}) {
  Log(Severity::kDebug, event, fields);
}

// A token bucket in front of one kind of line that clients can trigger. Suppressed lines are
// counted and the next line that passes carries `suppressed=N`.
// Threading: any thread; lock-free.
class RateLimit {
 public:
  struct Options {
    double lines_per_second = 5;
    double burst = 20;
  };
  RateLimit() : RateLimit(Options{}) {}
  explicit RateLimit(const Options& options);

  void Log(Severity severity, std::string_view event, Fields fields = {});

  // True when a line may be written now; `now` is explicit for tests.
  bool Admit(absl::Time now, uint64_t* suppressed_before);

 private:
  const int64_t nanos_per_line_;
  const int64_t burst_nanos_;
  std::atomic<int64_t> theoretical_arrival_nanos_{0};  // Of the generic cell rate algorithm.
  std::atomic<uint64_t> suppressed_{0};
};

}  // namespace continuo::logging
