#include "services/smb-frontend/session/share.h"

#include <cstdlib>

#include "common/bytes/utf16.h"
#include "common/logging/log.h"
#include "common/security/access_check.h"
#include "common/security/sddl.h"

namespace continuo::session {
namespace {

// What the words of `permissions` mean, as Windows' share permissions do.
constexpr security::AccessMask kReadAccess = 0x001200A9;
constexpr security::AccessMask kChangeAccess = 0x001301BF;
constexpr security::AccessMask kFullAccess = security::kFileAllAccess;

security::AccessMask MaskOf(config::PermissionAccess access) {
  switch (access) {
    case config::PermissionAccess::kRead:
      return kReadAccess;
    case config::PermissionAccess::kChange:
      return kChangeAccess;
    case config::PermissionAccess::kFull:
    case config::PermissionAccess::kNo:
      return kFullAccess;
  }
  return 0;
}

std::optional<security::Sid> SidOf(const config::PermissionEntry& entry,
                                   const NameResolver& resolve) {
  switch (entry.who) {
    case config::PermissionWho::kEveryone:
      return security::kEveryoneSid;
    case config::PermissionWho::kAnonymous:
      return security::kAnonymousSid;
    case config::PermissionWho::kAuthenticatedUsers:
      return security::kAuthenticatedUsersSid;
    case config::PermissionWho::kSid:
      return security::Sid::Parse(entry.name);
    case config::PermissionWho::kUser:
    case config::PermissionWho::kGroup:
      return resolve(entry.name);
  }
  return std::nullopt;
}

vfs::ShareOptions VfsOptions(const config::Share& share,
                             std::shared_ptr<const security::IdMapper> ids) {
  vfs::ShareOptions options;
  options.path = share.path;
  options.is_case_insensitive = share.case_insensitive;
  options.has_named_streams = share.named_streams;
  options.is_force_sync = share.vfs.force_sync;
  options.force_create_mode = share.force_create_mode;
  options.force_directory_mode = share.force_directory_mode;
  options.id_mapper = std::move(ids);
  switch (share.map_acls.front()) {
    case config::AclMapping::kXattrV3:
      options.ntacl_format = vfs::NtaclFormat::kV3;
      break;
    case config::AclMapping::kNative:
    case config::AclMapping::kPosixAcl:
      options.acl_backend = vfs::AclBackend::kPosix;
      break;
    case config::AclMapping::kXattrAny:
    case config::AclMapping::kXattrRaw:
    case config::AclMapping::kXattrV4:
      break;
  }
  switch (share.map_attributes.front().xattr_version) {
    case 3:
      options.dos_attributes_format = vfs::DosAttributesFormat::kV3;
      break;
    case 5:
      options.dos_attributes_format = vfs::DosAttributesFormat::kV5;
      break;
    default:
      options.dos_attributes_format = vfs::DosAttributesFormat::kV4;
  }
  return options;
}

std::string Resolved(const std::string& path) {
  char* resolved = ::realpath(path.c_str(), nullptr);
  if (resolved == nullptr) return path;
  std::string out(resolved);
  std::free(resolved);  // NOLINT: realpath's contract.
  while (out.size() > 1 && out.back() == '/') out.pop_back();
  return out == "/" ? "" : out;
}

std::shared_ptr<const Share> MakeDiskShare(const config::Share& config,
                                           std::shared_ptr<const security::IdMapper> ids,
                                           const NameResolver& resolve) {
  auto root = vfs::ShareRoot::Open(VfsOptions(config, std::move(ids)));
  if (!root.ok()) {
    logging::Error("share.unavailable", {{"share", config.netname},
                                         {"path", config.path},
                                         {"status", root.status().name()}});
    return nullptr;
  }
  auto descriptor = ShareDescriptor(config, resolve);
  if (!descriptor.ok()) {
    logging::Error("share.bad_descriptor",
                   {{"share", config.netname}, {"status", descriptor.status()}});
    return nullptr;
  }
  auto share = std::make_shared<Share>();
  share->config = config;
  share->absolute_path = Resolved(config.path);
  share->root = *std::move(root);
  share->descriptor =
      std::make_shared<const security::SecurityDescriptor>(*std::move(descriptor));
  return share;
}

std::shared_ptr<const Share> MakePipeShare() {
  auto share = std::make_shared<Share>();
  share->kind = ShareKind::kPipe;
  share->config.netname = "IPC$";
  share->config.remark = "Remote IPC";
  return share;
}

bool IsSame(const config::Share& a, const config::Share& b) {
  return a.netname == b.netname && a.path == b.path && a.remark == b.remark && a.vfs == b.vfs &&
         a.permissions == b.permissions && a.security_descriptor == b.security_descriptor &&
         a.encrypt_data == b.encrypt_data && a.ca == b.ca && a.map_acls == b.map_acls &&
         a.map_attributes == b.map_attributes && a.named_streams == b.named_streams &&
         a.access_based_enumeration == b.access_based_enumeration &&
         a.administrative == b.administrative && a.case_insensitive == b.case_insensitive &&
         a.hide_dot_files == b.hide_dot_files && a.force_create_mode == b.force_create_mode &&
         a.force_directory_mode == b.force_directory_mode;
}

}  // namespace

security::AccessMask Share::MaximalAccessOf(const security::SecurityToken& token) const {
  if (kind == ShareKind::kPipe) return kFullAccess;
  if (config.administrative && !token.is_admin) return 0;
  return security::MaximalAccess(*descriptor, token, {});
}

absl::StatusOr<security::SecurityDescriptor> ShareDescriptor(const config::Share& share,
                                                             const NameResolver& resolve) {
  if (!share.security_descriptor.empty()) {
    return security::ParseSddl(share.security_descriptor, {});
  }
  security::SecurityDescriptor descriptor;
  // Nobody's: the owner's implicit rights must not let a user in.
  descriptor.owner = security::kSystemSid;
  descriptor.group = security::kSystemSid;
  security::Acl acl;
  // Refusals first: the order of [MS-DTYP] 2.4.5.1.
  for (const bool wants_refusals : {true, false}) {
    for (const config::PermissionEntry& entry : share.permissions) {
      const bool is_refusal = entry.access == config::PermissionAccess::kNo;
      if (is_refusal != wants_refusals) continue;
      const std::optional<security::Sid> sid = SidOf(entry, resolve);
      if (!sid) {
        logging::Warning("share.unknown_name", {{"share", share.netname}, {"name", entry.name}});
        continue;
      }
      security::Ace ace;
      ace.type = is_refusal ? security::AceType::kAccessDenied : security::AceType::kAccessAllowed;
      ace.mask = MaskOf(entry.access);
      ace.sid = *sid;
      acl.aces.push_back(std::move(ace));
    }
  }
  descriptor.SetDacl(std::move(acl));
  return descriptor;
}

std::shared_ptr<const ShareTable> ShareTable::Make(const config::Config& config,
                                                   std::shared_ptr<const security::IdMapper> ids,
                                                   const NameResolver& resolve,
                                                   const ShareTable* previous) {
  auto table = std::make_shared<ShareTable>();
  for (const config::Share& wanted : config.shares) {
    std::shared_ptr<const Share> kept = previous == nullptr ? nullptr : previous->Find(wanted.netname);
    if (kept != nullptr && (!kept->is_disk() || !IsSame(kept->config, wanted))) kept = nullptr;
    if (kept == nullptr) kept = MakeDiskShare(wanted, ids, resolve);
    if (kept != nullptr) table->Add(std::move(kept));
  }
  if (config.global.enable_ipc) table->Add(MakePipeShare());
  return table;
}

std::shared_ptr<const Share> ShareTable::Find(std::string_view netname) const {
  const auto place = by_name_.find(bytes::FoldName(netname));
  return place == by_name_.end() ? nullptr : place->second;
}

// Of two shares of one name the first is served; the configuration refuses such a pair.
void ShareTable::Add(std::shared_ptr<const Share> share) {
  by_name_.try_emplace(bytes::FoldName(share->netname()), share);
  shares_.push_back(std::move(share));
}

}  // namespace continuo::session
