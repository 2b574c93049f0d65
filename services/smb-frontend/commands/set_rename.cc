// SET_INFO that renames a file, a directory or a stream. [MS-FSA] 2.1.5.15.12.
#include <initializer_list>
#include <string>
#include <utility>

#include "common/bytes/utf16.h"
#include "common/smbwire/fscc.h"
#include "services/smb-frontend/commands/await_fsa.h"
#include "services/smb-frontend/commands/new_name.h"
#include "services/smb-frontend/commands/persistent_open.h"
#include "services/smb-frontend/commands/set_info_parts.h"
#include "services/smb-frontend/dispatch/smb_connection.h"
#include "services/smb-frontend/open/paths.h"
#include "services/smb-frontend/vfs/stable.h"

namespace continuo::commands {
namespace {

constexpr uint32_t kRenameIgnoreReadOnly = 0x00000040;  // [MS-FSCC] 2.4.43.

// What was done, for those who have to be told.
struct Moved {
  std::string old_path;  // Absolute, as the FSA has it.
  std::string new_path;
  std::string new_path_in_share;
  fsa::FileKey old_parent;
  fsa::FileKey new_parent;
  bool is_directory = false;
};

net::Task<NtStatus> BreakHandles(dispatch::RequestScope& scope, fsa::BreakRequest request) {
  frontend::FsaHost* fsa = scope.server.fsa;
  const auto begin = [fsa, &request](frontend::FsaHost::StatusDone done) {
    return fsa->Break(std::move(request), std::move(done));
  };
  co_return co_await AwaitFsaStatus(scope, begin);
}

// Others' handle caching ends first; then nobody may have the object open without sharing its
// deletion.
net::Task<NtStatus> MakeMovable(dispatch::RequestScope& scope,
                                std::shared_ptr<open::OpenFile> open) {
  fsa::BreakRequest request{.open = open->fsa_id(), .reason = fsa::BreakReason::kRename};
  const NtStatus broken = co_await BreakHandles(scope, std::move(request));
  if (!broken.ok()) co_return broken;
  frontend::FsaHost* fsa = scope.server.fsa;
  const auto begin = [fsa, &open](frontend::FsaHost::StatusDone done) {
    return fsa->CheckRename(open->fsa_id(), std::move(done));
  };
  co_return co_await AwaitFsaStatus(scope, begin);
}

net::Task<NtStatus> MakeReplaceable(dispatch::RequestScope& scope, fsa::FileKey key) {
  fsa::BreakRequest request{.file = key, .reason = fsa::BreakReason::kRename};
  const NtStatus broken = co_await BreakHandles(scope, std::move(request));
  if (!broken.ok()) co_return broken;
  frontend::FsaHost* fsa = scope.server.fsa;
  const auto begin = [fsa, &key](frontend::FsaHost::StatusDone done) {
    return fsa->CheckReplace(key, std::move(done));
  };
  co_return co_await AwaitFsaStatus(scope, begin);
}

// As Windows does, the directory that gets the name is opened for it, with FILE_SHARE_READ and
// FILE_SHARE_WRITE: who has it open with DELETE access, or is about to delete it, is in the way.
net::Task<NtResult<fsa::OpenId>> HoldDirectory(dispatch::RequestScope& scope,
                                               const vfs::Directory& directory,
                                               bool moves_directory) {
  const fsa::OpenId id(scope.server.opens.NewFileId().volatile_id);
  fsa::OpenRequest request;
  request.open = id;
  request.file = directory.key;
  request.path = open::AbsolutePath(scope.open->share(), directory.path);
  request.client_guid = scope.connection.negotiated().client_guid;
  request.session_id = scope.session->id().value();
  request.access = moves_directory ? security::kFileAddSubdirectory : security::kFileAddFile;
  request.share_access = fsa::kShareRead | fsa::kShareWrite;
  request.is_directory = true;
  const auto start = [&](net::CompletionOf<NtResult<fsa::OpenGrant>> done) {
    frontend::FsaHost* fsa = scope.server.fsa;
    const frontend::FsaHost::Started started = fsa->Open(std::move(request), std::move(done));
    if (!started.is_pending) return;
    const NtStatus async = scope.GoAsync([fsa, op = started.op] { fsa->Cancel(op); });
    if (!async.ok()) fsa->Cancel(started.op);
  };
  const NtResult<fsa::OpenGrant> grant =
      co_await net::AwaitCallback<NtResult<fsa::OpenGrant>>(scope.loop(), start);
  if (!grant.ok()) co_return grant.status();
  co_return id;
}

void ReleaseDirectory(dispatch::RequestScope& scope, fsa::OpenId id) {
  frontend::FsaHost* fsa = scope.server.fsa;
  scope.server.fsa->Close(id, [fsa](NtResult<fsa::CloseResult> closed) {
    // It was to be deleted, and has just got an entry.
    if (closed.ok() && closed->delete_now) fsa->DeleteDone(*closed->delete_now, false);
  });
}

// Worker thread.
NtStatus Move(open::OpenFile& open, const NewName& target, vfs::ReplaceMode mode, Moved* moved) {
  absl::MutexLock lock(&open.file_mutex());
  vfs::File& file = *open.file;
  const vfs::Vfs vfs = open.vfs();
  file.path = open.PathInShare();  // Another open may have moved it.
  moved->old_path = open::AbsolutePath(open.share(), file.path);
  moved->is_directory = file.stat.IsDirectory();
  moved->new_parent = target.directory->key;
  const auto parent = vfs.OpenParent(file.path);
  if (parent.ok()) moved->old_parent = (*parent)->key;
  CONTINUO_RETURN_IF_ERROR(vfs.Rename(file, *target.directory, target.leaf, mode));
  moved->new_path_in_share = file.path;
  moved->new_path = open::AbsolutePath(open.share(), file.path);
  return NtStatus::kSuccess;
}

// Where `path` is after the move; nullopt: elsewhere all along.
std::optional<std::string> PathAfter(const Moved& moved, const std::string& path) {
  if (path == moved.old_path) return moved.new_path;
  const size_t prefix = moved.old_path.size();
  const bool is_beneath = moved.is_directory && path.size() > prefix && path[prefix] == '/' &&
                          path.compare(0, prefix, moved.old_path) == 0;
  if (!is_beneath) return std::nullopt;
  return moved.new_path + path.substr(prefix);
}

void FollowMove(open::OpenTable& opens, const Moved& moved) {
  opens.ForEach([&moved](const std::shared_ptr<open::OpenFile>& other) {
    if (other->is_pipe()) return;
    const std::string path = open::AbsolutePath(other->share(), other->PathInShare());
    const std::optional<std::string> now = PathAfter(moved, path);
    if (now) other->SetPathInShare(open::PathInShare(other->share(), *now));
  });
}

void AnnounceMove(dispatch::RequestScope& scope, const open::OpenFile& open, const Moved& moved) {
  frontend::FsaHost& fsa = *scope.server.fsa;
  const bool is_same_parent = moved.old_parent == moved.new_parent;
  fsa.DirectoryChanged(moved.old_parent, open.fsa_id());
  if (!is_same_parent) fsa.DirectoryChanged(moved.new_parent, open.fsa_id());
  if (!fsa.has_watches()) return;
  const uint32_t filter = moved.is_directory ? fsa::kNotifyDirName : fsa::kNotifyFileName;
  std::vector<fsa::NameEvent> events;
  events.push_back({.path = moved.old_path,
                    .action = is_same_parent ? fsa::NotifyAction::kRenamedOldName
                                             : fsa::NotifyAction::kRemoved,
                    .filter = filter});
  events.push_back({.path = moved.new_path,
                    .action = is_same_parent ? fsa::NotifyAction::kRenamedNewName
                                             : fsa::NotifyAction::kAdded,
                    .filter = filter});
  if (!moved.is_directory) {
    // As Windows: a renamed file counts as changed, a renamed directory does not.
    events.push_back({.path = moved.new_path,
                      .action = fsa::NotifyAction::kModified,
                      .filter = fsa::kNotifyAttributes | fsa::kNotifyCreation});
  }
  fsa.NameEvents(std::move(events));
}

// Worker thread. The directories that lost or got a name, where the file system is not told to by
// libc:force_sync in any case.
NtStatus StabilizeNames(open::OpenFile& open, std::initializer_list<std::string_view> paths) {
  if (open.share().config.vfs.force_sync || !IsWriteThrough(open)) return NtStatus::kSuccess;
  for (const std::string_view path : paths) {
    CONTINUO_RETURN_IF_ERROR(vfs::SyncParentOf(open.vfs(), path));
  }
  return NtStatus::kSuccess;
}

net::Task<NtStatus> RenameFile(dispatch::RequestScope& scope, std::shared_ptr<open::OpenFile> open,
                               const NewNameRequest& request) {
  if (open->PathInShare().empty()) co_return NtStatus::kAccessDenied;  // The root of the share.
  const NtStatus movable = co_await MakeMovable(scope, open);
  if (!movable.ok()) co_return movable;
  const auto find = [&] { return FindNewName(*open, scope.identity->token, request); };
  const NtResult<NewName> target = co_await scope.RunBlocking(find);
  if (!target.ok()) co_return target.status();
  if (target->replaced != nullptr && !request.is_posix) {
    const NtStatus replaceable = co_await MakeReplaceable(scope, target->replaced->key);
    if (!replaceable.ok()) co_return replaceable;
  }
  const NtResult<fsa::OpenId> held =
      co_await HoldDirectory(scope, *target->directory, request.moves_directory);
  if (!held.ok()) co_return held.status();
  const vfs::ReplaceMode mode = request.may_replace ? vfs::ReplaceMode::kReplaceExisting
                                                    : vfs::ReplaceMode::kRefuseExisting;
  Moved moved;
  const auto move = [&] { return Move(*open, *target, mode, &moved); };
  const NtStatus status = co_await scope.RunBlocking(move);
  ReleaseDirectory(scope, *held);
  if (!status.ok()) co_return status;
  open->SetPathInShare(moved.new_path_in_share);
  scope.server.fsa->Renamed({.file = open->facts().file_key,
                             .old_path = moved.old_path,
                             .new_path = moved.new_path,
                             .is_directory = moved.is_directory});
  FollowMove(scope.server.opens, moved);
  AnnounceMove(scope, *open, moved);
  const std::string old_path = open::PathInShare(open->share(), moved.old_path);
  const auto sync = [&] { return StabilizeNames(*open, {old_path, moved.new_path_in_share}); };
  co_return co_await scope.RunBlocking(sync);
}

net::Task<NtStatus> RenameStream(dispatch::RequestScope& scope,
                                 std::shared_ptr<open::OpenFile> open, const std::string& suffix,
                                 vfs::ReplaceMode mode) {
  const auto name = vfs::ParseStreamSuffix(suffix);
  if (!name.ok()) co_return name.status();
  // Only a named stream can be renamed, and only to another name of a stream: [MS-FSA] 2.1.5.15.12.
  if (!open->is_stream() || !*name) co_return NtStatus::kInvalidParameter;
  const std::string old_name = open->stream->name();
  const NtStatus movable = co_await MakeMovable(scope, open);
  if (!movable.ok()) co_return movable;
  const auto move = [&] { return open->stream->Rename(**name, mode); };
  const NtStatus status = co_await scope.RunBlocking(move);
  if (!status.ok() || !scope.server.fsa->has_watches()) co_return status;
  const std::string path = open::AbsolutePath(open->share(), open->PathInShare());
  std::vector<fsa::NameEvent> events;
  events.push_back({.path = path + ":" + old_name,
                    .action = fsa::NotifyAction::kRemovedStream,
                    .filter = fsa::kNotifyStreamName});
  events.push_back({.path = path + ":" + **name,
                    .action = fsa::NotifyAction::kAddedStream,
                    .filter = fsa::kNotifyStreamName});
  scope.server.fsa->NameEvents(std::move(events));
  co_return NtStatus::kSuccess;
}

}  // namespace

net::Task<NtStatus> SetRename(dispatch::RequestScope& scope,
                              const smbwire::SetInfoRequest& request) {
  const auto info = request.info_class == smbwire::kFileRenameInformationEx
                        ? smbwire::DecodeFileRenameInformationEx(request.buffer)
                        : smbwire::DecodeFileRenameInformation(request.buffer);
  if (!info.ok()) co_return info.status();
  const auto text = bytes::Utf16LeToUtf8(info->name_utf16le);
  if (!text) co_return NtStatus::kObjectNameInvalid;
  const std::shared_ptr<open::OpenFile> open = scope.open;
  if (text->starts_with(':')) {
    const vfs::ReplaceMode mode = info->replace_if_exists ? vfs::ReplaceMode::kReplaceExisting
                                                          : vfs::ReplaceMode::kRefuseExisting;
    co_return co_await RenameStream(scope, open, *text, mode);
  }
  if (open->is_stream()) co_return NtStatus::kInvalidParameter;
  auto name = ParseNewName(info->name_utf16le);
  if (!name.ok()) co_return name.status();
  const NewNameRequest wanted{
      .name = *std::move(name),
      .may_replace = info->replace_if_exists,
      .is_posix = (info->flags & smbwire::kRenamePosixSemantics) != 0,
      .ignores_read_only = (info->flags & kRenameIgnoreReadOnly) != 0,
      .moves_directory = open->is_directory(),
      .ceiling = scope.tree->maximal_access};
  co_return co_await RenameFile(scope, open, wanted);
}

net::Task<NtStatus> SetLink(dispatch::RequestScope& scope, const smbwire::SetInfoRequest& request) {
  const auto info = request.info_class == smbwire::kFileLinkInformationEx
                        ? smbwire::DecodeFileRenameInformationEx(request.buffer)
                        : smbwire::DecodeFileRenameInformation(request.buffer);
  if (!info.ok()) co_return info.status();
  const std::shared_ptr<open::OpenFile> open = scope.open;
  if (open->is_directory()) co_return NtStatus::kFileIsADirectory;
  if (open->is_stream()) co_return NtStatus::kInvalidParameter;
  auto name = ParseNewName(info->name_utf16le);
  if (!name.ok()) co_return name.status();
  const NewNameRequest wanted{.name = *std::move(name),
                              .may_replace = info->replace_if_exists,
                              .ceiling = scope.tree->maximal_access};
  fsa::BreakRequest link_break{.open = open->fsa_id(), .reason = fsa::BreakReason::kHardLink};
  const NtStatus broken = co_await BreakHandles(scope, std::move(link_break));
  if (!broken.ok()) co_return broken;
  const auto find = [&] { return FindNewName(*open, scope.identity->token, wanted); };
  const NtResult<NewName> target = co_await scope.RunBlocking(find);
  if (!target.ok()) co_return target.status();
  if (target->replaced != nullptr) {
    const NtStatus replaceable = co_await MakeReplaceable(scope, target->replaced->key);
    if (!replaceable.ok()) co_return replaceable;
  }
  const vfs::ReplaceMode mode = wanted.may_replace ? vfs::ReplaceMode::kReplaceExisting
                                                   : vfs::ReplaceMode::kRefuseExisting;
  const auto link = [&] {
    absl::MutexLock lock(&open->file_mutex());
    open->file->path = open->PathInShare();
    CONTINUO_RETURN_IF_ERROR(
        open->vfs().Link(*open->file, *target->directory, target->leaf, mode));
    return StabilizeNames(*open, {vfs::JoinPath(target->directory->path, target->leaf)});
  };
  const NtStatus status = co_await scope.RunBlocking(link);
  if (!status.ok()) co_return status;
  scope.server.fsa->DirectoryChanged(target->directory->key, open->fsa_id());
  if (!scope.server.fsa->has_watches()) co_return NtStatus::kSuccess;
  const std::string path = vfs::JoinPath(target->directory->path, target->leaf);
  std::vector<fsa::NameEvent> events;
  events.push_back({.path = open::AbsolutePath(open->share(), path),
                    .action = fsa::NotifyAction::kAdded,
                    .filter = fsa::kNotifyFileName});
  scope.server.fsa->NameEvents(std::move(events));
  co_return NtStatus::kSuccess;
}

}  // namespace continuo::commands
