#include "services/smb-frontend/commands/basic_info.h"

#include "common/fsa/requests.h"
#include "common/smbwire/file_flags.h"

namespace continuo::commands {
namespace {

// A time to store; the special values store nothing.
std::optional<vfs::FileTime> TimeToSet(smbwire::FileTime time) {
  if (time.ticks <= 0) return std::nullopt;
  return static_cast<vfs::FileTime>(time.ticks);
}

}  // namespace

NtResult<BasicChange> PlanBasicChange(const smbwire::FileBasicInformation& info,
                                      bool is_directory) {
  BasicChange change;
  const uint32_t attributes = info.file_attributes;
  if ((attributes & smbwire::kAttributeDirectory) != 0 && !is_directory) {
    return NtStatus::kInvalidParameter;
  }
  if ((attributes & smbwire::kAttributeTemporary) != 0 && is_directory) {
    return NtStatus::kInvalidParameter;
  }
  if (attributes != 0) change.attributes = attributes & vfs::kAttributesSettable;
  change.times.creation = TimeToSet(info.creation_time);
  change.times.access = TimeToSet(info.last_access_time);
  change.times.write = TimeToSet(info.last_write_time);
  change.times.change = TimeToSet(info.change_time);
  change.freezes_write_time = info.last_write_time == smbwire::kFileTimeFreeze;
  change.thaws_write_time = info.last_write_time == smbwire::kFileTimeThaw;
  return change;
}

uint32_t NotifyFilterOf(const BasicChange& change) {
  uint32_t filter = 0;
  if (change.attributes) filter |= fsa::kNotifyAttributes;
  if (change.times.creation) filter |= fsa::kNotifyCreation;
  if (change.times.access) filter |= fsa::kNotifyLastAccess;
  if (change.times.write) filter |= fsa::kNotifyLastWrite;
  return filter;
}

}  // namespace continuo::commands
