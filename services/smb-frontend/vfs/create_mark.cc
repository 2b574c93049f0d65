#include "services/smb-frontend/vfs/create_mark.h"

#include <algorithm>

#include "common/base/bytes.h"
#include "services/smb-frontend/vfs/credentials.h"
#include "services/smb-frontend/vfs/vfs.h"
#include "services/smb-frontend/vfs/vfs_internal.h"

namespace continuo::vfs {
namespace {

constexpr char kMarkXattr[] = "user.continuo.create";
constexpr uint8_t kVersion = 1;
constexpr size_t kGuidBytes = 16;
constexpr size_t kMarkBytes = 2 + 2 * kGuidBytes;

// The kernel ties user xattrs to the right to write the data, which this CREATE need not have.
template <typename Fn>
int WithPrivilegeIfNeeded(Fn&& change) {
  const int error = change();
  if (error != EPERM && error != EACCES) return error;
  const ScopedPrivilege privilege;
  return change();
}

}  // namespace

NtStatus WriteCreateMark(const File& file, const CreateMark& mark) {
  Bytes value = {kVersion, static_cast<uint8_t>(mark.stage)};
  value.insert(value.end(), mark.create_guid.begin(), mark.create_guid.end());
  value.insert(value.end(), mark.client_guid.begin(), mark.client_guid.end());
  return StatusOfXattr(WithPrivilegeIfNeeded(
      [&] { return WriteXattr(TargetOf(file), kMarkXattr, value); }));
}

std::optional<CreateMark> ReadCreateMark(const File& file) {
  Bytes value;
  if (ReadXattr(TargetOf(file), kMarkXattr, value) != 0) return std::nullopt;
  if (value.size() != kMarkBytes || value[0] != kVersion) return std::nullopt;
  if (value[1] < static_cast<uint8_t>(MarkStage::kMade) ||
      value[1] > static_cast<uint8_t>(MarkStage::kOverwritten)) {
    return std::nullopt;
  }
  CreateMark mark;
  mark.stage = static_cast<MarkStage>(value[1]);
  std::copy_n(value.begin() + 2, kGuidBytes, mark.create_guid.begin());
  std::copy_n(value.begin() + 2 + kGuidBytes, kGuidBytes, mark.client_guid.begin());
  return mark;
}

void RemoveCreateMark(const File& file) {
  (void)WithPrivilegeIfNeeded([&] { return RemoveXattr(TargetOf(file), kMarkXattr); });
}

}  // namespace continuo::vfs
