#include "services/smb-frontend/commands/file_change.h"

#include "common/smbwire/filetime.h"
#include "services/smb-frontend/open/paths.h"

namespace continuo::commands {

void NotifyModified(dispatch::RequestScope& scope, const open::OpenFile& open, uint32_t filter) {
  if (!scope.server.fsa->has_watches()) return;
  fsa::NameEvent event;
  event.path = open::AbsolutePath(open.share(), open.PathInShare());
  event.action = fsa::NotifyAction::kModified;
  event.filter = filter;
  if (open.is_stream()) {
    event.path += ":" + open.stream->name();
    event.action = fsa::NotifyAction::kModifiedStream;
  }
  scope.server.fsa->NameEvents({std::move(event)});
}

net::Task<void> AfterDataChange(dispatch::RequestScope& scope,
                                std::shared_ptr<open::OpenFile> open, DataChange change) {
  std::optional<vfs::FileTime> pinned;
  {
    absl::MutexLock lock(&open->mutex());
    auto& state = open->state();
    state.closes_slowly = true;
    pinned = state.pinned_write_time;
    if (change == DataChange::kResized) state.write_time.Settle();
    else if (!pinned) state.write_time.OnWrite(absl::Now());
  }
  if (pinned) {
    const auto restore = [&] {
      absl::MutexLock lock(&open->file_mutex());
      return open->vfs().SetTimes(*open->file, {.write = *pinned});
    };
    const NtStatus restored = co_await scope.RunBlocking(restore);
    (void)restored;  // The data is in the file: the write has succeeded.
  }
  uint32_t filter = 0;
  if (open->is_stream()) {
    filter = change == DataChange::kWritten ? fsa::kNotifyStreamWrite | fsa::kNotifyStreamSize
                                            : fsa::kNotifyStreamSize;
  } else {
    filter = change == DataChange::kWritten ? fsa::kNotifyLastWrite | fsa::kNotifySize
                                            : fsa::kNotifySize;
  }
  NotifyModified(scope, *open, filter);
}

net::Task<void> StampWriteTime(dispatch::RequestScope& scope,
                               std::shared_ptr<open::OpenFile> open) {
  {
    absl::MutexLock lock(&open->mutex());
    if (!open->state().write_time.may_need_stamp()) co_return;
  }
  const auto stamp = [&] {
    absl::MutexLock lock(&open->file_mutex());
    CONTINUO_RETURN_IF_ERROR(open->vfs().Refresh(*open->file));
    {
      absl::MutexLock state_lock(&open->mutex());
      if (!open->state().write_time.MustStamp(open->file->stat.write_time)) return NtStatus();
    }
    const smbwire::FileTime now = smbwire::ToFileTime(absl::Now());
    return open->vfs().SetTimes(*open->file, {.write = static_cast<vfs::FileTime>(now.ticks)});
  };
  const NtStatus stamped = co_await scope.RunBlocking(stamp);
  (void)stamped;  // The file keeps the time of its last write: as good.
}

}  // namespace continuo::commands
