#include "common/logging/log.h"

#include <errno.h>
#include <fcntl.h>
#include <syslog.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/strings/str_format.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>

#include "common/logging/line.h"

namespace continuo::logging {

namespace internal {
std::atomic<int> g_level{static_cast<int>(Severity::kInfo)};
}  // namespace internal

namespace {

constexpr int kTsmbLevelMax = 5;

int SyslogPriority(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return LOG_ERR;
    case Severity::kWarning:
      return LOG_WARNING;
    case Severity::kInfo:
      return LOG_INFO;
    case Severity::kDebug:
    case Severity::kOff:
      break;
  }
  return LOG_DEBUG;
}

void WriteFully(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // Nowhere to complain.
    text.remove_prefix(static_cast<size_t>(written));
  }
}

struct Line {
  Severity severity;
  std::string text;  // With timestamp and newline unless the sink is syslog.
};

// The one sink of the process. Never destroyed: threads may log until the very end.
class Sink {
 public:
  static Sink& Get() {
    static Sink* const sink = new Sink;
    return *sink;
  }

  absl::Status Configure(const Options& options) {
    int file = -1;
    if (options.destination == Destination::kFile) {
      file = OpenFile(options.file_path);
      if (file < 0) {
        return absl::ErrnoToStatus(errno, absl::StrFormat("open log file %s", options.file_path));
      }
    }
    absl::MutexLock io(&io_mutex_);
    absl::MutexLock lock(&mutex_);
    if (file_ >= 0) close(file_);
    file_ = file;
    options_ = options;
    ident_ = options.daemon_name;  // openlog keeps the pointer.
    if (options.destination == Destination::kSyslog) openlog(ident_.c_str(), LOG_PID, LOG_DAEMON);
    if (!is_running_) {
      is_running_ = true;
      std::thread([this] { Run(); }).detach();
    }
    return absl::OkStatus();
  }

  absl::Status Reopen() {
    absl::MutexLock io(&io_mutex_);
    absl::MutexLock lock(&mutex_);
    if (options_.destination != Destination::kFile) return absl::OkStatus();
    const int file = OpenFile(options_.file_path);
    if (file < 0) {
      return absl::ErrnoToStatus(errno, absl::StrFormat("open log file %s", options_.file_path));
    }
    close(file_);
    file_ = file;
    return absl::OkStatus();
  }

  void Put(Severity severity, std::string fields) {
    const absl::Time now = absl::Now();
    absl::MutexLock lock(&mutex_);
    if (queue_.size() >= options_.queue_lines_max) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    Line line{severity, Decorate(now, severity, std::move(fields))};
    if (!is_running_) {
      WriteFully(STDERR_FILENO, line.text);
      return;
    }
    queue_.push_back(std::move(line));
  }

  void Flush(absl::Duration limit) {
    absl::MutexLock lock(&mutex_);
    const auto is_written = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return !is_running_ || (queue_.empty() && !is_writing_);
    };
    mutex_.AwaitWithTimeout(absl::Condition(&is_written), limit);
  }

  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  static int OpenFile(const std::string& path) {
    return open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
  }

  std::string Decorate(absl::Time now, Severity severity, std::string fields)
      ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    if (options_.destination == Destination::kSyslog && is_running_) return fields;
    return absl::StrFormat("%s %s %s %s\n",
                           absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", now, absl::UTCTimeZone()),
                           SeverityName(severity),
                           options_.daemon_name.empty() ? "-" : options_.daemon_name, fields);
  }

  void Run() {
    const auto has_lines = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !queue_.empty(); };
    uint64_t dropped_reported = 0;
    for (;;) {
      std::vector<Line> batch;
      Destination destination = Destination::kStderr;
      {
        absl::MutexLock lock(&mutex_);
        mutex_.Await(absl::Condition(&has_lines));
        batch.swap(queue_);
        is_writing_ = true;
        destination = options_.destination;
        const uint64_t dropped_now = dropped();
        if (dropped_now != dropped_reported) {
          batch.push_back({Severity::kWarning,
                           Decorate(absl::Now(), Severity::kWarning,
                                    absl::StrFormat("event=log.lines_dropped count=%d",
                                                    dropped_now - dropped_reported))});
          dropped_reported = dropped_now;
        }
      }
      WriteBatch(batch, destination);
      absl::MutexLock lock(&mutex_);
      is_writing_ = false;
    }
  }

  void WriteBatch(const std::vector<Line>& batch, Destination destination) {
    absl::MutexLock io(&io_mutex_);
    if (destination == Destination::kSyslog) {
      for (const Line& line : batch) syslog(SyslogPriority(line.severity), "%s", line.text.c_str());
      return;
    }
    std::string text;
    for (const Line& line : batch) text += line.text;
    WriteFully(destination == Destination::kFile && file_ >= 0 ? file_ : STDERR_FILENO, text);
  }

  absl::Mutex io_mutex_ ABSL_ACQUIRED_BEFORE(mutex_);  // Held while writing.
  absl::Mutex mutex_;                                  // Held for a few instructions.
  Options options_ ABSL_GUARDED_BY(mutex_);
  std::vector<Line> queue_ ABSL_GUARDED_BY(mutex_);
  bool is_running_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_writing_ ABSL_GUARDED_BY(mutex_) = false;
  int file_ ABSL_GUARDED_BY(io_mutex_) = -1;
  std::string ident_ ABSL_GUARDED_BY(io_mutex_);
  std::atomic<uint64_t> dropped_{0};
};

}  // namespace

std::string_view SeverityName(Severity severity) {
  switch (severity) {
    case Severity::kOff:
      return "OFF";
    case Severity::kError:
      return "ERROR";
    case Severity::kWarning:
      return "WARNING";
    case Severity::kInfo:
      return "INFO";
    case Severity::kDebug:
      return "DEBUG";
  }
  return "?";
}

Severity SeverityFromLevel(int tsmb_log_level) {
  const int level = std::clamp(tsmb_log_level, 0, kTsmbLevelMax);
  return static_cast<Severity>(std::min(level, static_cast<int>(Severity::kDebug)));
}

Value Hex(uint64_t value) { return Value(absl::StrFormat("0x%x", value)); }

absl::Status Configure(const Options& options) {
  SetLevel(options.level);
  return Sink::Get().Configure(options);
}

absl::Status Reopen() { return Sink::Get().Reopen(); }

void Flush(absl::Duration limit) { Sink::Get().Flush(limit); }

void SetLevel(Severity severity) {
  internal::g_level.store(static_cast<int>(severity), std::memory_order_relaxed);
}

Severity Level() {
  return static_cast<Severity>(internal::g_level.load(std::memory_order_relaxed));
}

uint64_t DroppedLineCount() { return Sink::Get().dropped(); }

namespace internal {

void Write(Severity severity, std::string_view event, const Field* fields, size_t field_count) {
  if (severity == Severity::kOff) return;
  Sink::Get().Put(severity, FormatFields(event, fields, field_count));
}

}  // namespace internal

RateLimit::RateLimit(const Options& options)
    : nanos_per_line_(static_cast<int64_t>(1e9 / std::max(options.lines_per_second, 1e-6))),
      burst_nanos_(static_cast<int64_t>(static_cast<double>(nanos_per_line_) *
                                        std::max(options.burst, 1.0))) {}

void RateLimit::Log(Severity severity, std::string_view event, Fields fields) {
  if (!Enabled(severity)) return;
  uint64_t suppressed = 0;
  if (!Admit(absl::Now(), &suppressed)) return;
  if (suppressed == 0) {
    internal::Write(severity, event, fields.begin(), fields.size());
    return;
  }
  std::vector<Field> with_count(fields.begin(), fields.end());
  with_count.push_back({"suppressed", suppressed});
  internal::Write(severity, event, with_count.data(), with_count.size());
}

bool RateLimit::Admit(absl::Time now, uint64_t* suppressed_before) {
  const int64_t now_nanos = absl::ToUnixNanos(now);
  int64_t arrival = theoretical_arrival_nanos_.load(std::memory_order_relaxed);
  for (;;) {
    const int64_t next = std::max(arrival, now_nanos) + nanos_per_line_;
    if (next - now_nanos > burst_nanos_) {
      suppressed_.fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    if (theoretical_arrival_nanos_.compare_exchange_weak(arrival, next,
                                                         std::memory_order_relaxed)) {
      break;
    }
  }
  *suppressed_before = suppressed_.exchange(0, std::memory_order_relaxed);
  return true;
}

}  // namespace continuo::logging
