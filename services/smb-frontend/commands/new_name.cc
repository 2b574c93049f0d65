#include "services/smb-frontend/commands/new_name.h"

#include "common/security/access_check.h"

namespace continuo::commands {
namespace {

NtStatus CheckMayAdd(const vfs::Directory& directory, const security::SecurityToken& token,
                     const NewNameRequest& request) {
  const security::AccessMask needed =
      request.moves_directory ? security::kFileAddSubdirectory : security::kFileAddFile;
  return security::CheckAccess(*directory.security, token, needed, {.ceiling = request.ceiling})
      .status;
}

// [MS-FSA] 2.1.5.15.12: replacing a file is deleting it.
NtStatus CheckMayReplace(const vfs::File& existing, const vfs::Directory& directory,
                         const security::SecurityToken& token, const NewNameRequest& request) {
  if (existing.stat.IsDirectory()) return NtStatus::kAccessDenied;
  const bool is_read_only = (existing.Attributes() & vfs::kAttributeReadOnly) != 0;
  if (is_read_only && !request.ignores_read_only) return NtStatus::kAccessDenied;
  const security::AccessOptions options{
      .from_parent = security::RightsThroughParent(*directory.security, token),
      .ceiling = request.ceiling};
  return security::CheckAccess(*existing.security, token, security::kDelete, options).status;
}

}  // namespace

NtResult<vfs::ObjectName> ParseNewName(std::span<const uint8_t> utf16le) {
  CONTINUO_ASSIGN_OR_RETURN(
      vfs::ObjectName name,
      vfs::ParseName(utf16le, {.has_streams = false, .allow_leading_backslash = true}));
  if (name.IsRoot()) return NtStatus::kObjectNameInvalid;
  return name;
}

NtResult<NewName> FindNewName(const open::OpenFile& self, const security::SecurityToken& token,
                              const NewNameRequest& request) {
  const vfs::Vfs vfs = self.vfs();
  CONTINUO_ASSIGN_OR_RETURN(auto found, vfs.Find(request.name, vfs::FileAccess::kMetadata));
  NewName out;
  if (found.file == nullptr) {
    out.directory = std::move(found.parent);
    out.leaf = std::move(found.leaf);
    CONTINUO_RETURN_IF_ERROR(CheckMayAdd(*out.directory, token, request));
    return out;
  }
  const vfs::File& existing = *found.file;
  CONTINUO_ASSIGN_OR_RETURN(out.directory, vfs.OpenParent(existing.path));
  out.leaf = request.name.components.back();
  if (existing.path == self.PathInShare()) return out;  // Its own name, perhaps in another case.
  if (!request.may_replace) return NtStatus::kObjectNameCollision;
  CONTINUO_RETURN_IF_ERROR(CheckMayAdd(*out.directory, token, request));
  CONTINUO_RETURN_IF_ERROR(CheckMayReplace(existing, *out.directory, token, request));
  out.replaced = std::move(found.file);
  return out;
}

}  // namespace continuo::commands
