#include "common/failover_trace/recorder.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/strings/str_format.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>

#include "common/base/check.h"
#include "common/logging/log.h"
#include "common/rpc/unique_fd.h"

namespace continuo::failover_trace {
namespace {

namespace fs = std::filesystem;

constexpr char kDirectory[] = "/failover";
constexpr char kSuffix[] = ".log";
constexpr char kFormerSuffix[] = ".log.1";
constexpr size_t kBootDigits = 8;
constexpr int kReopenMax = 8;  // Others may rename the file before our lock has it.

absl::Status Failed(std::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrFormat("%s %s", what, path));
}

// A node's name as a file's.
std::string FileName(std::string node) {
  std::replace(node.begin(), node.end(), '/', '_');
  if (node.empty() || node.front() == '.') node.insert(0, "_");
  return node;
}

std::string HostName() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == 0) return "node";
  return name.data();
}

std::string BootId() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id.substr(0, kBootDigits);
}

absl::Duration SinceBoot() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return absl::DurationFromTimespec(time);
}

bool IsStillAt(int fd, const std::string& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

// The file for appending, locked, and not one that another process has just put aside.
absl::StatusOr<rpc::UniqueFd> OpenLocked(const std::string& path) {
  for (int i = 0; i < kReopenMax; ++i) {
    rpc::UniqueFd fd(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640));
    if (!fd.ok()) return Failed("open", path);
    while (::flock(fd.get(), LOCK_EX) != 0) {
      if (errno != EINTR) return Failed("lock", path);
    }
    if (IsStillAt(fd.get(), path)) return fd;
  }
  return absl::AbortedError(path + " is renamed all the time");
}

bool IsFull(int fd) {
  struct stat st {};
  return ::fstat(fd, &st) == 0 && static_cast<size_t>(st.st_size) >= kLogMaxBytes;
}

void ReadLog(const std::string& path, std::vector<Event>* events) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (auto event = DecodeLine(line)) events->push_back(*std::move(event));
  }
}

bool EndsWith(const std::string& text, std::string_view end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

}  // namespace

absl::Status AppendEvent(const std::string& runstate_dir, const Event& event) {
  const std::string directory = runstate_dir + kDirectory;
  std::error_code error;
  fs::create_directories(directory, error);
  const std::string path = directory + "/" + FileName(event.node) + kSuffix;
  CONTINUO_ASSIGN_OR_RETURN(rpc::UniqueFd fd, OpenLocked(path));
  if (IsFull(fd.get())) {
    const std::string former = directory + "/" + FileName(event.node) + kFormerSuffix;
    if (::rename(path.c_str(), former.c_str()) != 0) return Failed("rename", path);
    CONTINUO_ASSIGN_OR_RETURN(fd, OpenLocked(path));
  }
  const std::string line = EncodeLine(event);
  if (::write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
      ::fdatasync(fd.get()) != 0) {
    return Failed("append to", path);
  }
  return absl::OkStatus();
}

absl::Status ReadEvents(const std::string& runstate_dir, std::vector<Event>* events) {
  std::error_code error;
  fs::directory_iterator entries(runstate_dir + kDirectory, error);
  if (error == std::errc::no_such_file_or_directory) return absl::OkStatus();
  if (error) {
    return absl::UnavailableError(
        absl::StrFormat("list %s%s: %s", runstate_dir, kDirectory, error.message()));
  }
  for (const fs::directory_entry& entry : entries) {
    const std::string name = entry.path().filename();
    if (EndsWith(name, kSuffix) || EndsWith(name, kFormerSuffix)) ReadLog(entry.path(), events);
  }
  return absl::OkStatus();
}

struct Recorder::State {
  explicit State(Options from) : options(std::move(from)), boot(BootId()) {}
  void Run();

  const Options options;
  const std::string boot;
  mutable absl::Mutex mutex;
  std::deque<Event> queue ABSL_GUARDED_BY(mutex);
  bool is_writing ABSL_GUARDED_BY(mutex) = false;
  bool is_stopping ABSL_GUARDED_BY(mutex) = false;
  bool is_running ABSL_GUARDED_BY(mutex) = false;
  uint64_t lost ABSL_GUARDED_BY(mutex) = 0;
  absl::Status last ABSL_GUARDED_BY(mutex);
};

void Recorder::State::Run() {
  pthread_setname_np(pthread_self(), "failover-trace");
  for (;;) {
    Event event;
    {
      absl::MutexLock lock(&mutex);
      is_writing = false;
      const auto has_work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex) {
        return !queue.empty() || is_stopping;
      };
      mutex.Await(absl::Condition(&has_work));
      if (queue.empty()) return;
      event = std::move(queue.front());
      queue.pop_front();
      is_writing = true;
    }
    const absl::Status written = AppendEvent(options.runstate_dir, event);
    {
      absl::MutexLock lock(&mutex);
      last = written;
    }
    static logging::RateLimit limit;
    if (!written.ok()) {
      limit.Log(logging::Severity::kWarning, "failover.not_noted", {{"reason", written}});
    }
  }
}

Recorder::Recorder(Options options) {
  if (options.node.empty()) options.node = HostName();
  state_ = std::make_shared<State>(std::move(options));
}

Recorder::~Recorder() {
  absl::MutexLock lock(&state_->mutex);
  state_->is_stopping = true;
}

void Recorder::Note(Kind kind, std::string detail, uint64_t epoch) {
  NoteAt(absl::Now(), kind, std::move(detail), epoch);
}

void Recorder::NoteAt(absl::Time wall, Kind kind, std::string detail, uint64_t epoch) {
  const absl::Duration ago = absl::Now() - wall;
  Event event{.wall = wall,
              .since_boot = SinceBoot() - ago,
              .boot = state_->boot,
              .node = state_->options.node,
              .epoch = epoch,
              .daemon = state_->options.daemon,
              .kind = kind,
              .detail = std::move(detail)};
  absl::MutexLock lock(&state_->mutex);
  if (state_->queue.size() >= kQueueMax) {
    ++state_->lost;
    return;
  }
  state_->queue.push_back(std::move(event));
  if (state_->is_running) return;
  // With the first event: a process that sees none has no thread for it.
  state_->is_running = true;
  std::thread([state = state_] { state->Run(); }).detach();
}

absl::Status Recorder::Flush(absl::Duration limit) {
  State& state = *state_;
  absl::MutexLock lock(&state.mutex);
  const auto is_idle = [&state]() ABSL_SHARED_LOCKS_REQUIRED(state.mutex) {
    return state.queue.empty() && !state.is_writing;
  };
  if (!state.mutex.AwaitWithTimeout(absl::Condition(&is_idle), limit)) {
    return absl::DeadlineExceededError("runstate_dir does not answer");
  }
  return state.last;
}

uint64_t Recorder::lost_count() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->lost;
}

}  // namespace continuo::failover_trace
