#include "services/smb-frontend/notify/foreign_changes.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>

#include "common/logging/log.h"
#include "services/smb-frontend/open/paths.h"
#include "services/smb-frontend/vfs/names.h"
#include "services/smb-frontend/vfs/watch.h"

namespace continuo::notify {
namespace {

// A command announces its change after the system call, on a busy machine a good while after.
constexpr absl::Duration kHold = absl::Milliseconds(500);
// How long an announced change explains what the kernel tells of the same name.
constexpr absl::Duration kOwnMemory = absl::Seconds(3);
constexpr absl::Duration kSweepInterval = absl::Seconds(1);
// Beyond these a directory's changes are better read anew than told one by one.
constexpr size_t kMaxHeld = 16'384;
constexpr size_t kMaxOwn = 65'536;

// What is announced by this thread comes back through OnOwnEvents.
thread_local bool is_announcing = false;

fsa::NameEvent EventOf(std::string path, const vfs::ForeignChange& change) {
  fsa::NameEvent event;
  event.path = std::move(path);
  event.filter = change.is_directory ? fsa::kNotifyDirName : fsa::kNotifyFileName;
  switch (change.kind) {
    case vfs::ForeignChangeKind::kAdded:
      event.action = fsa::NotifyAction::kAdded;
      break;
    case vfs::ForeignChangeKind::kRemoved:
    case vfs::ForeignChangeKind::kLost:
      event.action = fsa::NotifyAction::kRemoved;
      break;
    case vfs::ForeignChangeKind::kRenamedOld:
      event.action = fsa::NotifyAction::kRenamedOldName;
      break;
    case vfs::ForeignChangeKind::kRenamedNew:
      event.action = fsa::NotifyAction::kRenamedNewName;
      break;
    case vfs::ForeignChangeKind::kModified:
      event.action = fsa::NotifyAction::kModified;
      event.filter = change.is_attributes_only
                         ? fsa::kNotifyAttributes | fsa::kNotifySecurity | fsa::kNotifyEa |
                               fsa::kNotifyLastWrite | fsa::kNotifyLastAccess |
                               fsa::kNotifyCreation
                         : fsa::kNotifySize | fsa::kNotifyLastWrite;
      break;
  }
  return event;
}

// "/srv/a/b.txt:stream" belongs to "/srv/a/b.txt": a stream is an attribute of its file for the kernel.
std::string_view BaseOf(std::string_view path) {
  const size_t slash = path.rfind('/');
  const size_t colon = path.find(':', slash == std::string_view::npos ? 0 : slash);
  return path.substr(0, colon);
}

}  // namespace

class ForeignChanges::Impl {
 public:
  explicit Impl(frontend::FsaHost* fsa) : fsa_(fsa) {
    progress_.EnterOutside();  // Until there is a thread.
  }
  ~Impl() { Stop(); }

  void Watch(const std::shared_ptr<open::OpenFile>& open) ABSL_LOCKS_EXCLUDED(mutex_);
  void OnOwnEvents(std::span<const fsa::NameEvent> events) ABSL_LOCKS_EXCLUDED(mutex_);
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);
  void Wake();
  const base::LoopProgress& progress() const { return progress_; }

 private:
  struct Directory {
    vfs::WatchId watch;
    std::vector<std::weak_ptr<open::OpenFile>> opens;
  };
  struct Held {
    absl::Time due;
    fsa::FileKey directory;
    vfs::ForeignChange change;
  };

  bool Start() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  void Hold(const fsa::FileKey& directory, const vfs::ForeignChange& change)
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Duration UntilDue() ABSL_LOCKS_EXCLUDED(mutex_);
  void AnnounceDue(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<Held> TakeDue(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string PathOf(const fsa::FileKey& directory) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Sweep(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

  frontend::FsaHost* const fsa_;
  std::atomic<bool> is_watching_{false};
  absl::Mutex mutex_;
  bool has_failed_ ABSL_GUARDED_BY(mutex_) = false;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<vfs::WatchHub> hub_;  // Set once, before the thread starts.
  vfs::UniqueFd wake_;
  std::atomic<bool> has_thread_{false};  // From then on hub_ and wake_ do not change.
  base::LoopProgress progress_;
  std::thread thread_;
  absl::flat_hash_map<fsa::FileKey, Directory> directories_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, absl::Time> own_ ABSL_GUARDED_BY(mutex_);
  std::deque<Held> held_ ABSL_GUARDED_BY(mutex_);
};

bool ForeignChanges::Impl::Start() {
  if (hub_ != nullptr) return true;
  if (has_failed_ || is_stopping_) return false;
  auto hub = vfs::WatchHub::Create();
  wake_.Reset(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!hub.ok() || !wake_.valid()) {
    has_failed_ = true;
    logging::Warning("notify.no_inotify", {{"status", hub.status().name()}});
    return false;
  }
  hub_ = *std::move(hub);
  thread_ = std::thread([this] { Run(); });
  has_thread_.store(true, std::memory_order_release);
  return true;
}

void ForeignChanges::Impl::Watch(const std::shared_ptr<open::OpenFile>& open) {
  absl::MutexLock lock(&mutex_);
  if (!Start()) return;
  const fsa::FileKey& key = open->facts().file_key;
  const auto [it, is_new] = directories_.try_emplace(key);
  std::vector<std::weak_ptr<open::OpenFile>>& opens = it->second.opens;
  const bool is_known = std::any_of(opens.begin(), opens.end(), [&](const auto& known) {
    return !known.owner_before(open) && !open.owner_before(known);
  });
  if (!is_known) opens.push_back(open);
  if (!is_new) return;
  const auto watch = hub_->Add(
      *open->file, [this, key](const vfs::ForeignChange& change) { Hold(key, change); });
  if (!watch.ok()) {
    static logging::RateLimit limit;
    limit.Log(logging::Severity::kWarning, "notify.no_watch",
              {{"status", watch.status().name()}});
    directories_.erase(it);
    return;
  }
  it->second.watch = *watch;
  is_watching_ = true;
}

void ForeignChanges::Impl::OnOwnEvents(std::span<const fsa::NameEvent> events) {
  if (!is_watching_.load(std::memory_order_acquire) || is_announcing) return;
  const absl::Time now = absl::Now();
  absl::MutexLock lock(&mutex_);
  // So many changes at a time are forgotten late rather than told twice.
  if (own_.size() + events.size() > kMaxOwn) return;
  for (const fsa::NameEvent& event : events) own_[std::string(BaseOf(event.path))] = now;
}

void ForeignChanges::Impl::Hold(const fsa::FileKey& directory, const vfs::ForeignChange& change) {
  if (change.name == vfs::kHiddenDirectory) return;
  absl::MutexLock lock(&mutex_);
  if (held_.size() >= kMaxHeld) return;
  if (!held_.empty() && change.kind == vfs::ForeignChangeKind::kModified) {
    const Held& last = held_.back();
    const bool is_repeated = last.directory == directory && last.change.kind == change.kind &&
                             last.change.name == change.name &&
                             last.change.is_attributes_only == change.is_attributes_only;
    if (is_repeated) return;
  }
  held_.push_back({.due = absl::Now() + kHold, .directory = directory, .change = change});
}

absl::Duration ForeignChanges::Impl::UntilDue() {
  absl::MutexLock lock(&mutex_);
  if (held_.empty()) return kSweepInterval;
  return std::clamp(held_.front().due - absl::Now(), absl::ZeroDuration(), kSweepInterval);
}

std::string ForeignChanges::Impl::PathOf(const fsa::FileKey& directory) {
  const auto found = directories_.find(directory);
  if (found == directories_.end()) return "";
  for (const auto& weak : found->second.opens) {
    const std::shared_ptr<open::OpenFile> open = weak.lock();
    if (open == nullptr || open->is_closing()) continue;
    return open::AbsolutePath(open->share(), open->PathInShare());
  }
  return "";
}

std::vector<ForeignChanges::Impl::Held> ForeignChanges::Impl::TakeDue(absl::Time now) {
  std::vector<Held> due;
  while (!held_.empty() && held_.front().due <= now) {
    due.push_back(std::move(held_.front()));
    held_.pop_front();
  }
  return due;
}

void ForeignChanges::Impl::AnnounceDue(absl::Time now) {
  std::vector<fsa::NameEvent> events;
  std::vector<fsa::FileKey> changed;
  {
    absl::MutexLock lock(&mutex_);
    std::vector<Held> due = TakeDue(now);
    for (size_t i = 0; i < due.size(); ++i) {
      vfs::ForeignChange& change = due[i].change;
      const std::string directory = PathOf(due[i].directory);
      if (directory.empty() || change.name.empty()) continue;
      // Half a rename is a name that came or went.
      const bool is_followed = i + 1 < due.size() && due[i + 1].directory == due[i].directory &&
                               due[i + 1].change.kind == vfs::ForeignChangeKind::kRenamedNew;
      const bool is_preceded = i > 0 && due[i - 1].directory == due[i].directory &&
                               due[i - 1].change.kind == vfs::ForeignChangeKind::kRenamedOld;
      fsa::NameEvent event = EventOf(directory + "/" + change.name, change);
      if (change.kind == vfs::ForeignChangeKind::kRenamedOld && !is_followed) {
        event.action = fsa::NotifyAction::kRemoved;
      }
      if (change.kind == vfs::ForeignChangeKind::kRenamedNew && !is_preceded) {
        event.action = fsa::NotifyAction::kAdded;
      }
      if (own_.contains(event.path)) continue;
      events.push_back(std::move(event));
      if (changed.empty() || changed.back() != due[i].directory) {
        changed.push_back(due[i].directory);
      }
    }
  }
  if (events.empty()) return;
  is_announcing = true;
  for (const fsa::FileKey& directory : changed) fsa_->DirectoryChanged(directory, fsa::OpenId(0));
  fsa_->NameEvents(std::move(events));
  is_announcing = false;
}

void ForeignChanges::Impl::Sweep(absl::Time now) {
  absl::MutexLock lock(&mutex_);
  for (auto it = own_.begin(); it != own_.end();) {
    if (now - it->second > kOwnMemory) {
      own_.erase(it++);
    } else {
      ++it;
    }
  }
  for (auto it = directories_.begin(); it != directories_.end();) {
    auto& opens = it->second.opens;
    const auto is_over = [](const std::weak_ptr<open::OpenFile>& weak) {
      const std::shared_ptr<open::OpenFile> open = weak.lock();
      return open == nullptr || open->is_closing();
    };
    opens.erase(std::remove_if(opens.begin(), opens.end(), is_over), opens.end());
    if (opens.empty()) {
      hub_->Remove(it->second.watch);
      directories_.erase(it++);
    } else {
      ++it;
    }
  }
  is_watching_ = !directories_.empty();
}

void ForeignChanges::Impl::Wake() {
  if (!has_thread_.load(std::memory_order_acquire)) return;
  const uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof(one));
}

void ForeignChanges::Impl::Run() {
  pthread_setname_np(pthread_self(), "smb-notify");
  absl::Time next_sweep = absl::Now() + kSweepInterval;
  for (;;) {
    const auto timeout_ms = static_cast<int>(absl::ToInt64Milliseconds(UntilDue())) + 1;
    std::array<pollfd, 2> fds{pollfd{.fd = hub_->fd(), .events = POLLIN, .revents = 0},
                              pollfd{.fd = wake_.get(), .events = POLLIN, .revents = 0}};
    progress_.LeaveOutside();
    (void)::poll(fds.data(), fds.size(), timeout_ms);
    progress_.EnterOutside();  // The mutex is held while a watch is added, which may need a disk.
    uint64_t wakes = 0;
    if ((fds[1].revents & POLLIN) != 0) (void)!::read(wake_.get(), &wakes, sizeof(wakes));
    {
      absl::MutexLock lock(&mutex_);
      if (is_stopping_) return;
    }
    if ((fds[0].revents & POLLIN) != 0) hub_->Dispatch();
    const absl::Time now = absl::Now();
    AnnounceDue(now);
    if (now >= next_sweep) {
      Sweep(now);
      next_sweep = now + kSweepInterval;
    }
  }
}

void ForeignChanges::Impl::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    is_stopping_ = true;
  }
  if (!thread_.joinable()) return;
  Wake();
  thread_.join();
}

ForeignChanges::ForeignChanges(frontend::FsaHost* fsa) : impl_(std::make_unique<Impl>(fsa)) {}
ForeignChanges::~ForeignChanges() { impl_->Stop(); }

void ForeignChanges::Watch(const std::shared_ptr<open::OpenFile>& open) { impl_->Watch(open); }
void ForeignChanges::OnOwnEvents(std::span<const fsa::NameEvent> events) {
  impl_->OnOwnEvents(events);
}
void ForeignChanges::Stop() { impl_->Stop(); }
void ForeignChanges::Nudge() { impl_->Wake(); }
const base::LoopProgress& ForeignChanges::progress() const { return impl_->progress(); }

}  // namespace continuo::notify
