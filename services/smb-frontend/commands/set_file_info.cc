// SET_INFO of what a file is: times, attributes, size, EAs; and facts of the open itself.
#include <optional>
#include <string_view>

#include "common/smbwire/file_flags.h"
#include "common/smbwire/fscc.h"
#include "common/smbwire/fscc_ea.h"
#include "services/smb-frontend/commands/basic_info.h"
#include "services/smb-frontend/commands/file_change.h"
#include "services/smb-frontend/commands/info_rules.h"
#include "services/smb-frontend/commands/set_info_parts.h"

namespace continuo::commands {
namespace {

// Worker thread, under file_mutex. A write whose time was held back shows from now on, as later than
// what was shown before, also where the file system's clock has not ticked in between.
NtStatus ShowDelayedWrite(open::OpenFile& open) {
  std::optional<vfs::FileTime> shown;
  {
    absl::MutexLock lock(&open.mutex());
    if (open.state().write_time.is_delayed()) shown = open.state().write_time.last_shown();
    open.state().write_time.Settle();
  }
  if (!shown || open.file->stat.write_time > *shown) return NtStatus::kSuccess;
  const smbwire::FileTime now = smbwire::ToFileTime(absl::Now());
  return open.vfs().SetTimes(*open.file, {.write = static_cast<vfs::FileTime>(now.ticks)});
}

// Worker thread.
NtStatus ApplyBasic(open::OpenFile& open, const BasicChange& change,
                    std::optional<vfs::FileTime>* frozen) {
  absl::MutexLock lock(&open.file_mutex());
  const vfs::Vfs vfs = open.vfs();
  CONTINUO_RETURN_IF_ERROR(vfs.Refresh(*open.file));
  if (change.freezes_write_time) *frozen = open.file->stat.write_time;
  CONTINUO_RETURN_IF_ERROR(ShowDelayedWrite(open));
  const std::optional<uint32_t>& stored = open.file->stored.attributes;
  const bool has_them = stored && (*stored & vfs::kAttributesSettable) == change.attributes;
  if (change.attributes && !has_them) {
    CONTINUO_RETURN_IF_ERROR(vfs.SetAttributes(*open.file, *change.attributes));
  }
  const vfs::TimeChange& times = change.times;
  if (!times.creation && !times.access && !times.write && !times.change) {
    return NtStatus::kSuccess;
  }
  return vfs.SetTimes(*open.file, times);
}

void PinWriteTime(open::OpenFile& open, const BasicChange& change,
                  std::optional<vfs::FileTime> frozen) {
  absl::MutexLock lock(&open.mutex());
  auto& state = open.state();
  if (change.thaws_write_time) state.pinned_write_time.reset();
  if (frozen) state.pinned_write_time = frozen;
  if (change.times.write) state.pinned_write_time = change.times.write;
  if (change.times.write) state.write_time.Reset();
}

NtStatus ApplySize(open::OpenFile& open, uint8_t info_class, uint64_t size_bytes) {
  const bool is_allocation = info_class == smbwire::kFileAllocationInformation;
  if (open.is_stream()) {
    if (is_allocation) {
      CONTINUO_ASSIGN_OR_RETURN(const uint64_t current, open.stream->SizeBytes());
      if (size_bytes >= current) return NtStatus::kSuccess;
    }
    return open.stream->SetSize(size_bytes);
  }
  absl::MutexLock lock(&open.file_mutex());
  return is_allocation ? open.vfs().SetAllocation(*open.file, size_bytes)
                       : open.vfs().SetSize(*open.file, size_bytes);
}

std::string_view TextOf(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};  // NOLINT: same object type.
}

}  // namespace

net::Task<NtStatus> SetBasicInfo(dispatch::RequestScope& scope,
                                 const smbwire::SetInfoRequest& request) {
  const auto info = smbwire::DecodeFileBasicInformation(request.buffer);
  if (!info.ok()) co_return info.status();
  const std::shared_ptr<open::OpenFile> open = scope.open;
  const auto change = PlanBasicChange(*info, open->file->stat.IsDirectory());
  if (!change.ok()) co_return change.status();
  std::optional<vfs::FileTime> frozen;
  const auto work = [&] { return ApplyBasic(*open, *change, &frozen); };
  const NtStatus applied = co_await scope.RunBlocking(work);
  if (!applied.ok()) co_return applied;
  PinWriteTime(*open, *change, frozen);
  const uint32_t filter = NotifyFilterOf(*change);
  if (filter != 0) NotifyModified(scope, *open, filter);
  co_return NtStatus::kSuccess;
}

net::Task<NtStatus> SetFileSize(dispatch::RequestScope& scope,
                                const smbwire::SetInfoRequest& request) {
  const auto size_bytes = smbwire::DecodeFileSizeInformation(request.buffer);
  if (!size_bytes.ok()) co_return size_bytes.status();
  const std::shared_ptr<open::OpenFile> open = scope.open;
  if (open->is_directory()) co_return NtStatus::kInvalidParameter;
  scope.server.fsa->BreakForWrite(open->fsa_id(), fsa::BreakReason::kSetSize);
  const auto work = [&] { return ApplySize(*open, request.info_class, *size_bytes); };
  const NtStatus applied = co_await scope.RunBlocking(work);
  if (!applied.ok()) co_return applied;
  co_await AfterDataChange(scope, open, DataChange::kResized);
  co_return NtStatus::kSuccess;
}

net::Task<NtStatus> SetFullEas(dispatch::RequestScope& scope,
                               const smbwire::SetInfoRequest& request) {
  const auto list = smbwire::DecodeFullEaList(request.buffer);
  if (!list.ok()) co_return list.status();
  const std::shared_ptr<open::OpenFile> open = scope.open;
  const auto work = [&] {
    absl::MutexLock lock(&open->file_mutex());
    for (const smbwire::ExtendedAttribute& ea : *list) {
      CONTINUO_RETURN_IF_ERROR(open->vfs().SetEa(*open->file, TextOf(ea.name), ea.value));
    }
    return NtStatus();
  };
  const NtStatus applied = co_await scope.RunBlocking(work);
  if (!applied.ok()) co_return applied;
  NotifyModified(scope, *open, fsa::kNotifyEa);
  co_return NtStatus::kSuccess;
}

NtStatus SetOpenFacts(dispatch::RequestScope& scope, const smbwire::SetInfoRequest& request) {
  if (request.info_class == smbwire::kFilePositionInformation) {
    CONTINUO_ASSIGN_OR_RETURN(const uint64_t position,
                              smbwire::DecodeFilePositionInformation(request.buffer));
    absl::MutexLock lock(&scope.open->mutex());
    scope.open->state().position = position;
    return NtStatus::kSuccess;
  }
  CONTINUO_ASSIGN_OR_RETURN(const uint32_t mode,
                            smbwire::DecodeFileModeInformation(request.buffer));
  if (!IsSettableMode(mode)) return NtStatus::kInvalidParameter;
  absl::MutexLock lock(&scope.open->mutex());
  scope.open->state().mode = mode;
  return NtStatus::kSuccess;
}

}  // namespace continuo::commands
