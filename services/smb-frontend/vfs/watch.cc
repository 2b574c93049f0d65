#include "services/smb-frontend/vfs/watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "common/ntstatus/errno_status.h"

namespace continuo::vfs {
namespace {

constexpr uint32_t kMask = IN_CREATE | IN_DELETE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM |
                           IN_MOVED_TO | IN_ONLYDIR | IN_EXCL_UNLINK;
constexpr size_t kBufferSizeBytes = 64 * 1024;

ForeignChange ChangeOf(uint32_t mask, std::string name) {
  ForeignChange change{.kind = ForeignChangeKind::kModified, .name = std::move(name),
                       .is_directory = (mask & IN_ISDIR) != 0, .is_attributes_only = false};
  if ((mask & IN_CREATE) != 0) change.kind = ForeignChangeKind::kAdded;
  if ((mask & IN_DELETE) != 0) change.kind = ForeignChangeKind::kRemoved;
  if ((mask & IN_MOVED_FROM) != 0) change.kind = ForeignChangeKind::kRenamedOld;
  if ((mask & IN_MOVED_TO) != 0) change.kind = ForeignChangeKind::kRenamedNew;
  change.is_attributes_only = (mask & IN_ATTRIB) != 0;
  return change;
}

}  // namespace

struct WatchHub::Watch {
  int descriptor = -1;
  Callback callback;
};

NtResult<std::unique_ptr<WatchHub>> WatchHub::Create() {
  std::unique_ptr<WatchHub> hub(new WatchHub());
  hub->fd_.Reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!hub->fd_.valid()) return NtStatusFromErrno(errno);
  return hub;
}

WatchHub::~WatchHub() = default;

NtResult<WatchId> WatchHub::Add(const File& directory, Callback callback) {
  std::array<char, 32> path{};
  std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", directory.fd.get());
  const std::lock_guard lock(mutex_);
  // The same directory watched twice has one kernel watch.
  const int descriptor = ::inotify_add_watch(fd_.get(), path.data(), kMask);
  if (descriptor < 0) {
    return errno == ENOSPC ? NtStatus(NtStatus::kInsufficientResources) : NtStatusFromErrno(errno);
  }
  auto watch = std::make_shared<Watch>();
  watch->descriptor = descriptor;
  watch->callback = std::move(callback);
  const uint64_t id = next_id_++;
  watches_[id] = std::move(watch);
  by_descriptor_.emplace(descriptor, id);
  return WatchId(id);
}

void WatchHub::Remove(WatchId id) {
  const std::lock_guard lock(mutex_);
  const auto it = watches_.find(id.value());
  if (it == watches_.end()) return;
  const int descriptor = it->second->descriptor;
  watches_.erase(it);
  const auto [first, last] = by_descriptor_.equal_range(descriptor);
  for (auto entry = first; entry != last; ++entry) {
    if (entry->second == id.value()) {
      by_descriptor_.erase(entry);
      break;
    }
  }
  if (by_descriptor_.count(descriptor) == 0) (void)::inotify_rm_watch(fd_.get(), descriptor);
}

void WatchHub::Deliver(int descriptor, const ForeignChange& change) {
  std::vector<std::shared_ptr<Watch>> targets;
  {
    const std::lock_guard lock(mutex_);
    if (change.kind == ForeignChangeKind::kLost) {
      for (const auto& [id, watch] : watches_) targets.push_back(watch);
    } else {
      const auto [first, last] = by_descriptor_.equal_range(descriptor);
      for (auto entry = first; entry != last; ++entry) {
        targets.push_back(watches_.at(entry->second));
      }
    }
  }
  for (const auto& watch : targets) watch->callback(change);
}

void WatchHub::Dispatch() {
  std::vector<char> buffer(kBufferSizeBytes);
  for (;;) {
    const ssize_t size = ::read(fd_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return;
    size_t position = 0;
    while (position + sizeof(inotify_event) <= static_cast<size_t>(size)) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + position, sizeof(event));
      const char* name = buffer.data() + position + sizeof(event);
      position += sizeof(event) + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        Deliver(-1, ForeignChange{});
        continue;
      }
      // Events of the directory itself (no name) and of a watch that ended say nothing to clients.
      if ((event.mask & (IN_IGNORED | IN_UNMOUNT)) != 0 || event.len == 0) continue;
      Deliver(event.wd, ChangeOf(event.mask, std::string(name)));
    }
  }
}

}  // namespace continuo::vfs
