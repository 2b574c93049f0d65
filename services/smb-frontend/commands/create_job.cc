#include "services/smb-frontend/commands/create_job.h"

#include <utility>

#include "common/base/fault_point.h"
#include "common/security/access_check.h"
#include "common/security/inheritance.h"
#include "common/smbwire/file_flags.h"

namespace continuo::commands {
namespace {

using security::AccessMask;

// A name that appears between the look-up and the creation is looked up again, so often at most.
constexpr int kMaxCreateRaces = 8;

// Rights that change a file's data, which the read-only attribute takes away.
constexpr AccessMask kDataChange = security::kFileWriteData | security::kFileAppendData;

vfs::FileAccess AccessNeeded(const CreatePlan& plan) {
  const AccessMask wanted = plan.desired | plan.implied;
  if ((wanted & kDataChange) != 0) return vfs::FileAccess::kReadWrite;
  if ((wanted & (security::kFileReadData | security::kFileExecute | security::kMaximumAllowed)) !=
      0) {
    return vfs::FileAccess::kRead;
  }
  return vfs::FileAccess::kMetadata;
}

// Errors: NotADirectory, FileIsADirectory, ObjectNameCollision.
NtStatus CheckKind(const CreatePlan& plan, const vfs::File& file) {
  const bool is_directory = file.stat.IsDirectory();
  if (plan.name.stream) return NtStatus::kSuccess;  // Streams of either kind are files.
  if (plan.disposition == Disposition::kCreate) return NtStatus::kObjectNameCollision;
  const bool needs_file = plan.wants_non_directory || plan.name.has_data_stream_suffix;
  if (is_directory && needs_file) return NtStatus::kFileIsADirectory;
  if (!is_directory && plan.wants_directory) return NtStatus::kNotADirectory;
  if (is_directory && plan.Overwrites()) {
    return plan.wants_directory ? NtStatus::kInvalidParameter : NtStatus::kFileIsADirectory;
  }
  return NtStatus::kSuccess;
}

// [MS-FSA] 2.1.5.1.2: what the DOS attributes of an existing file forbid.
NtStatus CheckAttributes(const CreatePlan& plan, const vfs::File& file) {
  const uint32_t attributes = file.Attributes();
  const bool is_read_only = (attributes & vfs::kAttributeReadOnly) != 0;
  if (is_read_only && !file.stat.IsDirectory()) {
    if (((plan.desired | plan.implied) & kDataChange) != 0) return NtStatus::kAccessDenied;
    if (plan.is_delete_on_close) return NtStatus::kCannotDelete;
  }
  if (plan.Overwrites() && !plan.name.stream) {
    constexpr uint32_t kMustRepeat = vfs::kAttributeHidden | vfs::kAttributeSystem;
    if ((attributes & kMustRepeat & ~plan.attributes) != 0) return NtStatus::kAccessDenied;
  }
  return NtStatus::kSuccess;
}

security::AccessOptions OptionsFor(const CreatePlan& plan, const CreateCaller& caller,
                                   AccessMask from_parent) {
  return {.has_backup_intent = (plan.options & smbwire::kOptionOpenForBackupIntent) != 0,
          .from_parent = from_parent,
          .ceiling = caller.ceiling};
}

// The file's own descriptor decides first; only when it refuses, the parent's is asked for what it
// adds ([MS-FSA] 2.1.5.1.2.1): most opens never read it.
NtResult<AccessMask> CheckExisting(const CreatePlan& plan, const CreateCaller& caller,
                                   const vfs::File& file) {
  const AccessMask wanted = plan.desired | plan.implied;
  security::AccessDecision decision =
      security::CheckAccess(*file.security, caller.token, wanted, OptionsFor(plan, caller, 0));
  constexpr AccessMask kFromParent = security::kDelete | security::kFileReadAttributes;
  const bool may_gain = (wanted & (kFromParent | security::kMaximumAllowed)) != 0;
  const bool lacks = !decision.status.ok() || (plan.wants_maximum_allowed() &&
                                               (decision.granted & kFromParent) != kFromParent);
  if (lacks && may_gain && !file.path.empty()) {
    const vfs::Vfs vfs(caller.share.root);
    const auto parent = vfs.OpenParent(file.path);
    if (parent.ok()) {
      const AccessMask more = security::RightsThroughParent(*(*parent)->security, caller.token);
      decision = security::CheckAccess(*file.security, caller.token, wanted,
                                       OptionsFor(plan, caller, more));
    }
  }
  if (!decision.status.ok()) return decision.status;
  AccessMask granted = decision.granted;
  // What only overwriting needed is not the client's to use later.
  if (!plan.wants_maximum_allowed()) granted &= plan.desired;
  const bool is_read_only = (file.Attributes() & vfs::kAttributeReadOnly) != 0;
  if (is_read_only && !file.stat.IsDirectory()) granted &= ~kDataChange;
  return granted;
}

void FillMaximal(const CreatePlan& plan, const CreateCaller& caller, CreateTarget& target) {
  if (!plan.wants_maximal_access) return;
  AccessMask from_parent = 0;
  if (!target.file->path.empty()) {
    const auto parent = vfs::Vfs(caller.share.root).OpenParent(target.file->path);
    if (parent.ok()) {
      from_parent = security::RightsThroughParent(*(*parent)->security, caller.token);
    }
  }
  target.maximal = security::MaximalAccess(*target.file->security, caller.token,
                                           OptionsFor(plan, caller, from_parent));
}

// The descriptor to store on a new object. Null where the parent's is derived from its mode, too: so
// is the child's then. Beneath a stored one without inheritable ACEs the child gets the token's
// default DACL ([MS-DTYP] 2.5.3.4.1), not what its mode bits would give others.
NtResult<std::shared_ptr<const security::SecurityDescriptor>> NewDescriptor(
    const CreatePlan& plan, const CreateCaller& caller, const vfs::Directory& parent,
    bool is_directory) {
  if (!plan.descriptor && !parent.has_stored_security) {
    return std::shared_ptr<const security::SecurityDescriptor>();
  }
  const vfs::ShareRoot& root = *caller.share.root;
  std::optional<security::SecurityDescriptor> wanted = plan.descriptor;
  // An owner that the caller may not give to anything is not taken over: the creator is the owner,
  // as with Samba, instead of INVALID_OWNER.
  if (wanted && wanted->owner.IsValid() &&
      !security::CheckNewOwner(wanted->owner, caller.token).ok()) {
    wanted->owner = security::Sid();
  }
  auto made = security::DescriptorForNewObject(
      parent.security.get(), wanted ? &*wanted : nullptr, caller.token,
      root.ids().SidOfGid(caller.token.gid),
      is_directory ? security::ObjectKind::kDirectory : security::ObjectKind::kFile);
  if (!made.ok()) return made.status();
  return std::make_shared<const security::SecurityDescriptor>(*std::move(made));
}

// ExtA of a new or overwritten file, [MS-SMB2] 3.3.5.9.1.
NtStatus SetEas(const vfs::Vfs& vfs, vfs::File& file,
                const std::vector<vfs::ExtendedAttribute>& eas) {
  for (const vfs::ExtendedAttribute& ea : eas) {
    CONTINUO_RETURN_IF_ERROR(vfs.SetEa(file, ea.name, ea.value));
  }
  return NtStatus::kSuccess;
}

AccessMask GrantedToCreator(const CreatePlan& plan, const CreateCaller& caller) {
  const AccessMask granted = plan.wants_maximum_allowed()
                                 ? (security::kFileAllAccess | plan.desired) & caller.ceiling
                                 : plan.desired;
  return granted & ~security::kMaximumAllowed;
}

NtResult<CreateTarget> CreateObject(const CreatePlan& plan, const CreateCaller& caller,
                                    const vfs::Found& found) {
  const bool makes_directory = plan.wants_directory && !plan.name.stream;
  const vfs::Directory& parent = *found.parent;
  const AccessMask needed =
      makes_directory ? security::kFileAddSubdirectory : security::kFileAddFile;
  const auto may_add =
      security::CheckAccess(*parent.security, caller.token, needed, {.ceiling = caller.ceiling});
  if (!may_add.status.ok()) return may_add.status;
  if ((plan.desired & security::kAccessSystemSecurity) != 0 &&
      !caller.token.Has(security::Privilege::kSecurity)) {
    return NtStatus::kPrivilegeNotHeld;
  }
  // The share's permissions bound what a creator gets, too.
  if ((plan.desired & ~security::kMaximumAllowed & ~caller.ceiling &
       ~security::kAccessSystemSecurity) != 0) {
    return NtStatus::kAccessDenied;
  }
  if (plan.is_delete_on_close && (plan.attributes & vfs::kAttributeReadOnly) != 0) {
    return NtStatus::kCannotDelete;
  }
  auto descriptor = NewDescriptor(plan, caller, parent, makes_directory);
  if (!descriptor.ok()) return descriptor.status();
  vfs::CreateSpec spec;
  spec.attributes = makes_directory ? plan.attributes : plan.attributes | vfs::kAttributeArchive;
  if (plan.name.stream) spec.attributes = vfs::kAttributeArchive;
  spec.security = *std::move(descriptor);
  if (!plan.name.stream) spec.allocation_bytes = plan.allocation_bytes;
  if (!makes_directory) spec.mark = caller.mark;
  if (spec.mark) spec.eas = plan.eas;
  const vfs::Vfs vfs(caller.share.root);
  auto made = makes_directory ? vfs.CreateDirectory(parent, found.leaf, spec)
                              : vfs.CreateFile(parent, found.leaf, spec);
  if (!made.ok()) return made.status();
  const NtStatus has_eas = spec.mark ? NtStatus() : SetEas(vfs, **made, plan.eas);
  if (!has_eas.ok()) {
    [[maybe_unused]] const NtStatus undone = vfs.Remove(**made);
    return has_eas;
  }
  CreateTarget target;
  target.file = *std::move(made);
  target.is_created = true;
  target.is_directory = makes_directory;
  target.parent_key = parent.key;
  target.granted = GrantedToCreator(plan, caller);
  return target;
}

// The stage at which a crash stopped this CREATE on this object.
std::optional<vfs::MarkStage> StageOf(const CreateCaller& caller, const vfs::File& file) {
  if (!caller.mark || !caller.is_interrupted) return std::nullopt;
  const std::optional<vfs::CreateMark> mark = vfs::ReadCreateMark(file);
  if (!mark || mark->create_guid != caller.mark->create_guid ||
      mark->client_guid != caller.mark->client_guid) {
    return std::nullopt;
  }
  return mark->stage;
}

// Before a marked CREATE makes a stream of a file that it has not made itself.
NtStatus MarkStreamMaking(const CreateCaller& caller, const vfs::File& file) {
  vfs::CreateMark mark = *caller.mark;
  mark.stage = vfs::MarkStage::kMakingStream;
  return vfs::WriteCreateMark(file, mark);
}

NtStatus OpenNamedStream(const CreatePlan& plan, const CreateCaller& caller,
                         CreateTarget& target) {
  const vfs::Vfs vfs(caller.share.root);
  const std::optional<vfs::MarkStage> stage = StageOf(caller, *target.file);
  const bool was_making = stage && (*stage == vfs::MarkStage::kMade ||
                                    *stage == vfs::MarkStage::kMakingStream);
  vfs::StreamOpen how = vfs::StreamOpen::kExisting;
  if (was_making) how = vfs::StreamOpen::kOpenOrCreate;
  else if (plan.disposition == Disposition::kCreate) how = vfs::StreamOpen::kCreateExclusive;
  else if (plan.MayCreate()) how = vfs::StreamOpen::kOpenOrCreate;
  if (caller.mark && !was_making && !target.is_created && plan.MayCreate()) {
    auto known = vfs::OpenStream(vfs, target.file, *plan.name.stream, vfs::StreamOpen::kExisting);
    if (known.status() == NtStatus::kObjectNameNotFound) {
      if (!caller.has_intent) {
        target.missing_name = target.file->path;
        return NtStatus();
      }
      CONTINUO_RETURN_IF_ERROR(MarkStreamMaking(caller, *target.file));
    }
  }
  auto stream = vfs::OpenStream(vfs, target.file, *plan.name.stream, how);
  if (!stream.ok()) return stream.status();
  target.is_base_created = target.is_created;
  target.is_created = was_making || (*stream)->was_created();
  target.stream = *std::move(stream);
  target.is_directory = false;
  return NtStatus::kSuccess;
}

// What this CREATE made before a crash, as if it had just made it. Its descriptor may give the creator
// less than CREATE does.
CreateTarget OpenMade(const CreatePlan& plan, const CreateCaller& caller,
                      std::shared_ptr<vfs::File> file) {
  CreateTarget target;
  target.granted = GrantedToCreator(plan, caller);
  target.is_created = true;
  if (file->access != vfs::FileAccess::kReadWrite) {
    auto fd = vfs::Vfs(caller.share.root).Reopen(*file, vfs::FileAccess::kReadWrite);
    if (fd.ok()) {
      file->fd = *std::move(fd);
      file->access = vfs::FileAccess::kReadWrite;
    }
  }
  target.file = std::move(file);
  return target;
}

NtResult<CreateTarget> OpenExisting(const CreatePlan& plan, const CreateCaller& caller,
                                    std::shared_ptr<vfs::File> file) {
  const std::optional<vfs::MarkStage> stage = StageOf(caller, *file);
  if (stage == vfs::MarkStage::kMade) return OpenMade(plan, caller, std::move(file));
  if (const NtStatus status = CheckKind(plan, *file); !status.ok()) return status;
  if (const NtStatus status = CheckAttributes(plan, *file); !status.ok()) return status;
  const NtResult<AccessMask> granted = CheckExisting(plan, caller, *file);
  if (!granted.ok()) return granted.status();
  CreateTarget target;
  target.granted = *granted;
  target.is_overwritten = stage == vfs::MarkStage::kOverwritten;
  target.is_directory = file->stat.IsDirectory();
  // MAXIMUM_ALLOWED may have turned out to include writing.
  const bool may_write = (*granted & kDataChange) != 0 && file->stat.IsRegular();
  if (may_write && file->access != vfs::FileAccess::kReadWrite) {
    auto fd = vfs::Vfs(caller.share.root).Reopen(*file, vfs::FileAccess::kReadWrite);
    if (fd.ok()) {
      file->fd = *std::move(fd);
      file->access = vfs::FileAccess::kReadWrite;
    }
  }
  target.file = std::move(file);
  return target;
}

}  // namespace

NtResult<CreateTarget> FindOrCreate(const CreatePlan& plan, const CreateCaller& caller) {
  const vfs::Vfs vfs(caller.share.root);
  for (int attempt = 0; attempt < kMaxCreateRaces; ++attempt) {
    auto found = vfs.Find(plan.name, AccessNeeded(plan));
    if (!found.ok()) return found.status();
    NtResult<CreateTarget> target = NtStatus::kObjectNameNotFound;
    if (found->file != nullptr) {
      target = OpenExisting(plan, caller, std::move(found->file));
    } else {
      if (!plan.MayCreate()) return NtStatus::kObjectNameNotFound;
      if (caller.mark && !caller.has_intent) {
        CreateTarget missing;
        missing.parent_key = found->parent->key;
        missing.missing_name = found->leaf;
        return missing;
      }
      target = CreateObject(plan, caller, *found);
      if (target.status() == NtStatus::kObjectNameCollision) continue;
    }
    if (!target.ok()) return target.status();
    if (plan.name.stream) {
      if (const NtStatus status = OpenNamedStream(plan, caller, *target); !status.ok()) {
        return status;
      }
      if (!target->missing_name.empty()) return target;
    }
    FillMaximal(plan, caller, *target);
    return target;
  }
  return NtStatus::kObjectNameCollision;
}

namespace {

NtStatus OverwriteObject(const CreatePlan& plan, const CreateCaller& caller,
                         CreateTarget& target) {
  if (target.stream != nullptr) return target.stream->SetSize(0);
  vfs::CreateSpec spec;
  spec.attributes = plan.attributes | vfs::kAttributeArchive;
  spec.allocation_bytes = plan.allocation_bytes;
  const vfs::Vfs vfs(caller.share.root);
  CONTINUO_RETURN_IF_ERROR(vfs.ResetForOverwrite(*target.file, spec));
  CONTINUO_FAULT_POINT("create.emptied");
  return SetEas(vfs, *target.file, plan.eas);
}

}  // namespace

NtStatus Overwrite(const CreatePlan& plan, const CreateCaller& caller, CreateTarget& target) {
  if (!caller.mark) return OverwriteObject(plan, caller, target);
  vfs::CreateMark mark = *caller.mark;
  mark.stage = vfs::MarkStage::kOverwriting;
  CONTINUO_RETURN_IF_ERROR(vfs::WriteCreateMark(*target.file, mark));
  CONTINUO_FAULT_POINT("create.marked");
  CONTINUO_RETURN_IF_ERROR(OverwriteObject(plan, caller, target));
  mark.stage = vfs::MarkStage::kOverwritten;
  CONTINUO_RETURN_IF_ERROR(vfs::WriteCreateMark(*target.file, mark));
  CONTINUO_FAULT_POINT("create.overwritten");
  return NtStatus();
}

}  // namespace continuo::commands
