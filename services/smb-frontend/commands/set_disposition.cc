// SET_INFO that marks a file for deletion, or takes the mark away. [MS-FSA] 2.1.5.15.3.
#include "common/smbwire/fscc.h"
#include "services/smb-frontend/commands/await_fsa.h"
#include "services/smb-frontend/commands/set_info_parts.h"

namespace continuo::commands {
namespace {

struct Disposition {
  bool is_delete = false;
  bool is_posix = false;
  bool ignores_read_only = false;
};

NtResult<Disposition> Decode(const smbwire::SetInfoRequest& request) {
  Disposition out;
  if (request.info_class == smbwire::kFileDispositionInformation) {
    CONTINUO_ASSIGN_OR_RETURN(out.is_delete,
                              smbwire::DecodeFileDispositionInformation(request.buffer));
    return out;
  }
  CONTINUO_ASSIGN_OR_RETURN(const uint32_t flags,
                            smbwire::DecodeFileDispositionInformationEx(request.buffer));
  out.is_delete = (flags & smbwire::kDispositionExDelete) != 0;
  out.is_posix = (flags & smbwire::kDispositionExPosixSemantics) != 0;
  out.ignores_read_only = (flags & smbwire::kDispositionExIgnoreReadonly) != 0;
  return out;
}

// Worker thread. Whether the object may be deleted at all.
NtStatus CheckDeletable(open::OpenFile& open, const Disposition& disposition) {
  absl::MutexLock lock(&open.file_mutex());
  vfs::File& file = *open.file;
  CONTINUO_RETURN_IF_ERROR(open.vfs().Refresh(file));
  const bool is_read_only = (file.Attributes() & vfs::kAttributeReadOnly) != 0;
  if (is_read_only && !disposition.ignores_read_only) return NtStatus::kCannotDelete;
  if (open.is_stream() || !file.stat.IsDirectory()) return NtStatus::kSuccess;
  if (open.PathInShare().empty()) return NtStatus::kCannotDelete;  // The root of the share.
  CONTINUO_ASSIGN_OR_RETURN(const bool is_empty, open.vfs().IsEmptyDirectory(file));
  return is_empty ? NtStatus::kSuccess : NtStatus::kDirectoryNotEmpty;
}

}  // namespace

net::Task<NtStatus> SetDisposition(dispatch::RequestScope& scope,
                                   const smbwire::SetInfoRequest& request) {
  const auto disposition = Decode(request);
  if (!disposition.ok()) co_return disposition.status();
  const std::shared_ptr<open::OpenFile> open = scope.open;
  frontend::FsaHost* fsa = scope.server.fsa;
  if (disposition->is_delete) {
    const auto check = [&] { return CheckDeletable(*open, *disposition); };
    const NtStatus deletable = co_await scope.RunBlocking(check);
    if (!deletable.ok()) co_return deletable;
    const auto begin_break = [fsa, &open](frontend::FsaHost::StatusDone done) {
      return fsa->Break({.open = open->fsa_id(), .reason = fsa::BreakReason::kDelete},
                        std::move(done));
    };
    const NtStatus broken = co_await AwaitFsaStatus(scope, begin_break);
    if (!broken.ok()) co_return broken;
  }
  const auto begin_set = [fsa, &open, &disposition](frontend::FsaHost::StatusDone done) {
    return fsa->SetDeletePending(open->fsa_id(), disposition->is_delete, disposition->is_posix,
                                 std::move(done));
  };
  co_return co_await AwaitFsaStatus(scope, begin_set);
}

}  // namespace continuo::commands
