// Extended attributes of the protocol, and facts of the volume.
#include <sys/statvfs.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/base/check.h"
#include "common/bytes/utf16.h"
#include "common/ntstatus/errno_status.h"
#include "services/smb-frontend/vfs/credentials.h"
#include "services/smb-frontend/vfs/overflow_store.h"
#include "services/smb-frontend/vfs/resolve.h"
#include "services/smb-frontend/vfs/vfs.h"
#include "services/smb-frontend/vfs/vfs_internal.h"

namespace continuo::vfs {
namespace {

constexpr std::string_view kUserPrefix = "user.";
constexpr size_t kEaNameMaxSizeBytes = 249;  // XATTR_NAME_MAX less the prefix, and a u8 on the wire.
constexpr size_t kEaValueMaxSizeBytes = 65535;
// FILE_FULL_EA_INFORMATION as FileEaInformation counts it: [MS-FSCC] 2.4.13, 4 + 4 + name + NUL.
constexpr uint32_t kEaListHeaderSizeBytes = 4;
constexpr uint32_t kEaEntrySizeBytes = 5;

// What is ours or Samba's below "user." is no client's EA.
bool IsPrivate(std::string_view name) {
  constexpr std::array<std::string_view, 7> kPrivatePrefixes = {
      "user.DOSATTRIB", "user.DosStream.", "user.ContinuoStream.", "user.continuo.",
      "user.SAMBA_PAI", "user.org.netatalk.", "user.samba."};
  return std::any_of(kPrivatePrefixes.begin(), kPrivatePrefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

// An EA's name is OEM text; control characters and list separators are refused ([MS-FSCC] 2.4.16).
bool IsEaName(std::string_view name) {
  if (name.empty() || name.size() > kEaNameMaxSizeBytes) return false;
  return std::none_of(name.begin(), name.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u < 0x20 || std::string_view("\"*+,/:;<=>?[\\]|").find(c) != std::string_view::npos;
  });
}

bool IsEa(std::string_view xattr) {
  return xattr.starts_with(kUserPrefix) && !IsPrivate(xattr) &&
         xattr.size() - kUserPrefix.size() <= kEaNameMaxSizeBytes;
}

NtResult<std::vector<std::string>> EaNames(const File& file) {
  std::vector<std::string> names;
  const int error = ListXattrs(TargetOf(file), names);
  if (IsXattrUnsupported(error)) return std::vector<std::string>();
  if (error != 0) return NtStatusFromErrno(error);
  std::erase_if(names, [](const std::string& name) { return !IsEa(name); });
  return names;
}

}  // namespace

uint32_t EaSizeOf(XattrTarget target, const std::vector<std::string>& xattrs) {
  uint32_t total = 0;
  for (const std::string& name : xattrs) {
    if (!IsEa(name)) continue;
    const ssize_t size = XattrSize(target, name.c_str());
    if (size < 0) continue;
    const size_t name_size = name.size() - kUserPrefix.size();
    total += kEaEntrySizeBytes + static_cast<uint32_t>(name_size) + static_cast<uint32_t>(size);
  }
  return total == 0 ? 0 : total + kEaListHeaderSizeBytes;
}

NtResult<std::vector<ExtendedAttribute>> Vfs::ListEas(const File& file) const {
  CONTINUO_ASSIGN_OR_RETURN(const auto names, EaNames(file));
  std::vector<ExtendedAttribute> out;
  for (const std::string& name : names) {
    ExtendedAttribute ea;
    if (ReadXattr(TargetOf(file), name.c_str(), ea.value) != 0) continue;
    if (ea.value.size() > kEaValueMaxSizeBytes) continue;
    ea.name = name.substr(kUserPrefix.size());
    out.push_back(std::move(ea));
  }
  return out;
}

NtResult<uint32_t> Vfs::EaSizeBytes(const File& file) const {
  CONTINUO_ASSIGN_OR_RETURN(const auto names, EaNames(file));
  return EaSizeOf(TargetOf(file), names);
}

NtStatus Vfs::SetEa(File& file, std::string_view name, std::span<const uint8_t> value) const {
  if (!IsEaName(name)) return NtStatus::kInvalidEaName;
  std::string xattr = std::string(kUserPrefix) + std::string(name);
  if (IsPrivate(xattr)) return NtStatus::kAccessDenied;
  if (value.size() > kEaValueMaxSizeBytes) return NtStatus::kEaTooLarge;
  // An EA that exists in another case is the one that is meant.
  CONTINUO_ASSIGN_OR_RETURN(const auto names, EaNames(file));
  for (const std::string& existing : names) {
    if (bytes::EqualsIgnoringCase(existing, xattr)) xattr = existing;
  }
  if (value.empty()) {
    const int error = RemoveXattr(TargetOf(file), xattr.c_str());
    if (error != 0 && error != ENODATA) return NtStatusFromErrno(error);
    return SyncObject(*root_, file);
  }
  const int error = WriteXattr(TargetOf(file), xattr.c_str(), value);
  if (IsXattrUnsupported(error)) return NtStatus(uint32_t{0xC000004F});  // STATUS_EAS_NOT_SUPPORTED
  if (IsNoXattrSpace(error)) return NtStatus::kEaTooLarge;
  if (error != 0) return NtStatusFromErrno(error);
  return SyncObject(*root_, file);
}

NtResult<VolumeInfo> Vfs::GetVolumeInfo() const {
  struct statvfs info{};
  if (::fstatvfs(root_->fd(), &info) != 0) return NtStatusFromErrno(errno);
  VolumeInfo out;
  const uint64_t unit = info.f_frsize != 0 ? info.f_frsize : info.f_bsize;
  out.bytes_per_sector = 512;
  out.sectors_per_unit = static_cast<uint32_t>(std::max<uint64_t>(1, unit / 512));
  out.total_units = info.f_blocks;
  out.caller_free_units = info.f_bavail;
  out.actual_free_units = info.f_bfree;
  out.serial = root_->volume_serial();
  FileStat stat;
  if (StatFd(*root_, root_->fd(), stat) == 0) out.created = stat.birth_time;
  out.is_read_only = root_->options().is_read_only || (info.f_flag & ST_RDONLY) != 0;
  return out;
}

}  // namespace continuo::vfs
