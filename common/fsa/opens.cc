#include <algorithm>

#include "common/fsa/files_impl.h"

namespace continuo::fsa {
namespace {

constexpr uint32_t kReading = kFileReadData | kFileExecute;
constexpr uint32_t kWriting = kFileWriteData | kFileAppendData;
constexpr uint32_t kSharing = kReading | kWriting | kDeleteAccess;

// Who overwrites writes, whatever else was asked for ([MS-SMB2] 3.3.5.9, [MS-FSA] 2.1.5.1.2).
uint32_t WantedAccess(const OpenRequest& request) {
  return request.action == OpenAction::kOverwrite ? request.access | kFileWriteData
                                                  : request.access;
}

bool IsDenied(uint32_t access, uint32_t share_access) {
  if ((access & kReading) != 0 && (share_access & kShareRead) == 0) return true;
  if ((access & kWriting) != 0 && (share_access & kShareWrite) == 0) return true;
  return (access & kDeleteAccess) != 0 && (share_access & kShareDelete) == 0;
}

uint32_t RequestedState(const OpenRequest& request) {
  uint32_t state = CachingOf(request.oplock);
  if (request.oplock == OplockLevel::kLease && request.lease) {
    state = request.lease->state & kLeaseAll;
    if (request.is_directory) {
      state = request.lease->version >= 2 ? state & ~kLeaseWrite : kLeaseNone;
    }
  } else if (request.is_directory) {
    state = kLeaseNone;
  }
  // Write or handle caching without read caching does not exist.
  return (state & kLeaseRead) != 0 ? state : kLeaseNone;
}

}  // namespace

// Each must share what the other one does; opens that neither read, write, execute nor delete take no
// part.
bool DoShareModesConflict(const Open& held, const OpenRequest& wanted) {
  const uint32_t access = WantedAccess(wanted);
  if ((held.access & kSharing) == 0 || (access & kSharing) == 0) return false;
  return IsDenied(access, held.share_access) || IsDenied(held.access, wanted.share_access);
}

uint32_t CachingOf(OplockLevel level) {
  switch (level) {
    case OplockLevel::kLevelII: return kLeaseRead;
    case OplockLevel::kExclusive: return kLeaseRead | kLeaseWrite;
    case OplockLevel::kBatch: return kLeaseAll;
    case OplockLevel::kNone:
    case OplockLevel::kLease: break;
  }
  return kLeaseNone;
}

OplockLevel LevelOf(uint32_t caching) {
  if ((caching & kLeaseRead) == 0) return OplockLevel::kNone;
  if ((caching & kLeaseWrite) == 0) return OplockLevel::kLevelII;
  return (caching & kLeaseHandle) != 0 ? OplockLevel::kBatch : OplockLevel::kExclusive;
}

uint32_t CachingOf(const Open& open) {
  return open.lease != nullptr ? open.lease->state : CachingOf(open.oplock);
}

bool IsSameLease(const Open& open, const OpenRequest& request) {
  return open.lease != nullptr && request.oplock == OplockLevel::kLease && request.lease &&
         open.lease->id.second == request.lease->key && open.client_guid == request.client_guid;
}

bool IsSameLease(const Open& a, const Open& b) { return a.lease != nullptr && a.lease == b.lease; }

bool IsOplockStatOpen(uint32_t access) {
  return (access & ~(kFileReadAttributes | kFileWriteAttributes | kSynchronize)) == 0;
}

bool IsLeaseStatOpen(uint32_t access) { return IsOplockStatOpen(access & ~kReadControl); }

bool IsUnder(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.substr(0, directory.size()) == directory &&
         path[directory.size()] == '/';
}

File& FilesImpl::FileFor(const FileKey& key) {
  auto& slot = files_[key];
  if (slot == nullptr) {
    if (spare_files_.empty()) {
      slot = std::make_unique<File>();
    } else {
      slot = std::move(spare_files_.back());
      spare_files_.pop_back();
    }
    slot->key = key;
  }
  return *slot;
}

Stream& FilesImpl::StreamFor(File& file, const std::string& name) {
  if (Stream* stream = file.Find(name)) return *stream;
  auto stream = std::make_unique<Stream>();
  stream->file = &file;
  stream->name = name;
  file.streams.push_back(std::move(stream));
  return *file.streams.back();
}

std::unique_ptr<Open> FilesImpl::NewOpen() {
  if (spare_opens_.empty()) return std::make_unique<Open>();
  std::unique_ptr<Open> open = std::move(spare_opens_.back());
  spare_opens_.pop_back();
  return open;
}

std::optional<NtResult<OpenGrant>> FilesImpl::OpenFile(const OpenRequest& request,
                                                       Effects* effects) {
  if (FindOpen(request.open) != nullptr || waiting_.contains(request.op)) {
    return NtStatus(NtStatus::kInvalidParameter);
  }
  if ((request.oplock == OplockLevel::kLease) != request.lease.has_value()) {
    return NtStatus(NtStatus::kInvalidParameter);
  }
  File& file = FileFor(request.file);
  const Evaluation evaluation = Evaluate(file, request, Attempt::kFirst, effects);
  std::optional<NtResult<OpenGrant>> answer;
  if (evaluation.verdict == Verdict::kGrant) {
    answer = Grant(file, request);
  } else if (evaluation.verdict == Verdict::kRefuse) {
    answer = evaluation.status;
  } else {
    waiting_[request.op] = request.file;
    file.waiting_opens.push_back(request);
  }
  if (!answer || !answer->ok() || file.is_dirty) Settle(file, effects);
  return answer;
}

FilesImpl::Evaluation FilesImpl::Evaluate(File& file, const OpenRequest& request, Attempt attempt,
                                          Effects* effects) {
  if (IsBeingDeletedFor(file, request)) return {Verdict::kWait, {}};
  if (IsDeletePendingFor(file, request)) return {Verdict::kRefuse, NtStatus::kDeletePending};
  if (request.lease) {
    const auto it = leases_.find(LeaseId(request.client_guid, request.lease->key));
    if (it != leases_.end()) {
      const Stream& leased = *it->second->stream;
      if (leased.file != &file || leased.name != request.stream) {
        return {Verdict::kRefuse, NtStatus::kInvalidParameter};
      }
    }
  }
  ShareCheck check = CheckShare(file, request);
  Stream* stream = file.Find(request.stream);
  if (stream != nullptr) CollectPurges(*stream, request, &check);
  if (check.has_persistent_conflict) {
    return {request.waits_for_reclaim ? Verdict::kWait : Verdict::kRefuse,
            NtStatus::kFileNotAvailable};
  }
  if (!check.in_the_way.empty()) {
    for (Open* open : check.in_the_way) Purge(*open, effects);
    if (IsBeingDeletedFor(file, request)) return {Verdict::kWait, {}};
    stream = file.Find(request.stream);
  }
  if (stream != nullptr &&
      BreakForOpen(*stream, request, check.has_conflict, attempt, effects)) {
    return {Verdict::kWait, {}};
  }
  if (check.has_conflict) return {Verdict::kRefuse, NtStatus::kSharingViolation};
  return {};
}

FilesImpl::ShareCheck FilesImpl::CheckShare(const File& file, const OpenRequest& request) const {
  ShareCheck check;
  for (const auto& stream : file.streams) {
    const bool is_same = stream->name == request.stream;
    // Deleting the file deletes its streams, so every open of one has to share that.
    if (!is_same && (!request.stream.empty() || (request.access & kDeleteAccess) == 0)) continue;
    for (Open* open : stream->opens) {
      const bool conflicts = is_same ? DoShareModesConflict(*open, request)
                                     : (open->access & kSharing) != 0 &&
                                           (open->share_access & kShareDelete) == 0;
      if (!open->is_connected && open->durability == Durability::kPersistent) {
        check.has_persistent_conflict |= conflicts || !IsOplockStatOpen(WantedAccess(request));
      } else if (!conflicts) {
        continue;
      } else if (!open->is_connected && open->durability == Durability::kDurable) {
        check.in_the_way.push_back(open);
      } else {
        check.has_conflict = true;
      }
    }
  }
  return check;
}

// A disconnected durable open cannot answer a break: it goes instead ([MS-SMB2] 3.3.4.6, 3.3.4.7).
void FilesImpl::CollectPurges(const Stream& stream, const OpenRequest& request,
                              ShareCheck* check) const {
  if (IsOplockStatOpen(WantedAccess(request))) return;
  const uint32_t lost = (check->has_conflict ? kLeaseHandle : kLeaseWrite) |
                        (request.action == OpenAction::kOverwrite ? kLeaseAll : 0);
  for (Open* open : stream.opens) {
    if (open->is_connected || open->durability != Durability::kDurable) continue;
    if (IsSameLease(*open, request)) continue;
    if (open->lease != nullptr && IsLeaseStatOpen(WantedAccess(request))) continue;
    if ((CachingOf(*open) & lost) == 0) continue;
    const bool is_served = open->lease != nullptr &&
                           std::any_of(open->lease->opens.begin(), open->lease->opens.end(),
                                       [](const Open* other) { return other->is_connected; });
    if (is_served) continue;
    if (std::find(check->in_the_way.begin(), check->in_the_way.end(), open) ==
        check->in_the_way.end()) {
      check->in_the_way.push_back(open);
    }
  }
}

bool FilesImpl::IsDeletePendingFor(const File& file, const OpenRequest& request) const {
  const Stream* main = file.Find("");
  // Another name of the same file (a hard link) is not what is going to be deleted.
  if (main != nullptr && main->is_delete_pending && main->delete_path == request.path) return true;
  if (request.stream.empty()) return false;
  const Stream* stream = file.Find(request.stream);
  return stream != nullptr && stream->is_delete_pending;
}

bool FilesImpl::IsBeingDeletedFor(const File& file, const OpenRequest& request) const {
  const Stream* main = file.Find("");
  if (main != nullptr && main->is_being_deleted && main->delete_path == request.path) return true;
  if (request.stream.empty()) return false;
  const Stream* stream = file.Find(request.stream);
  return stream != nullptr && stream->is_being_deleted;
}

// Breaks what the open cannot live with. True: it has to wait for an acknowledgement.
//
// Source: [MS-FSA] 2.1.5.1.2 and 2.1.4.12. A sharing violation may go away with the handles that
//         are only cached, so handle caching is broken first; otherwise write caching is. An
//         overwrite ends all caching, and waits only for cached writes.
bool FilesImpl::BreakForOpen(Stream& stream, const OpenRequest& request, bool has_conflict,
                             Attempt attempt, Effects* effects) {
  if (IsOplockStatOpen(WantedAccess(request))) return false;
  const uint32_t awaited = has_conflict ? kLeaseHandle : kLeaseWrite;
  bool must_wait = false;
  for (size_t i = 0; i < stream.opens.size(); ++i) {
    Open& open = *stream.opens[i];
    if (IsSameLease(open, request)) continue;
    if (open.lease != nullptr && IsLeaseStatOpen(WantedAccess(request))) continue;
    const bool was_breaking =
        open.lease != nullptr ? open.lease->is_breaking() : open.is_breaking();
    const uint32_t caching = CachingOf(open);
    uint32_t keeps = caching & ~awaited;
    if (request.action == OpenAction::kOverwrite && (!has_conflict || keeps != caching)) {
      keeps = kLeaseNone;
    }
    if (keeps == caching) {
      must_wait |= was_breaking;
      continue;
    }
    if (open.lease != nullptr) {
      BreakLease(*open.lease, keeps, effects);
    } else {
      BreakOplock(open, keeps, effects);
    }
    must_wait |= (caching & awaited) != 0 || (was_breaking && attempt == Attempt::kRetry);
  }
  return must_wait;
}

OpenGrant FilesImpl::Grant(File& file, const OpenRequest& request) {
  Stream& stream = StreamFor(file, request.stream);
  std::unique_ptr<Open> owned = NewOpen();
  Open& open = *owned;
  open.id = request.open;
  open.stream = &stream;
  open.path = request.path;
  open.client_guid = request.client_guid;
  open.session_id = request.session_id;
  open.access = request.access;
  open.share_access = request.share_access;
  open.create_options = request.create_options;
  open.is_directory = request.is_directory;
  open.is_delete_on_close = request.is_delete_on_close;
  open.create_guid = request.create_guid;
  if (request.lease) {
    open.parent_key = request.lease->parent_key;
    GrantLease(stream, open, request);
  } else if (request.oplock != OplockLevel::kNone) {
    open.oplock = LevelOf(GrantableState(stream, request, RequestedState(request)));
  }
  const bool can_be_durable =
      open.lease != nullptr ? (open.lease->state & kLeaseHandle) != 0
                            : open.oplock == OplockLevel::kBatch;
  if (can_be_durable || request.durability == Durability::kPersistent ||
      request.durability == Durability::kResilient) {
    open.durability = request.durability;
  }
  stream.opens.push_back(&open);
  opens_.emplace(open.id, std::move(owned));
  Touch(open);
  return GrantOf(open);
}

// What part of `requested` can be held beside what others hold.
//
// Source: [MS-FSA] 2.1.5.18, [MS-SMB2] 3.3.5.9.8; smb2.lease.break, smb2.lease.oplock.
uint32_t FilesImpl::GrantableState(const Stream& stream, const OpenRequest& request,
                                   uint32_t requested) const {
  if (requested == kLeaseNone || !stream.locks.empty()) return kLeaseNone;
  uint32_t state = requested;
  const bool is_lease = request.oplock == OplockLevel::kLease;
  for (const Open* open : stream.opens) {
    if (IsSameLease(*open, request)) continue;
    const uint32_t caching = CachingOf(*open);
    // Opens for attributes alone hold nothing that write caching could hide from them.
    if (caching == kLeaseNone && IsLeaseStatOpen(open->access)) continue;
    state &= ~kLeaseWrite;
    // Only an open for attributes gets here beside another's write caching, which it must not see.
    if ((caching & kLeaseWrite) != 0) return kLeaseNone;
    if (is_lease && open->lease == nullptr && caching != kLeaseNone) state &= ~kLeaseHandle;
    if (!is_lease && open->lease != nullptr && (caching & kLeaseHandle) != 0) return kLeaseNone;
  }
  return state;
}

// [MS-SMB2] 3.3.5.9.8 and 3.3.5.9.11. A lease that exists is only ever upgraded as a whole: to what
// was asked, if that contains what it has and can be held now (smb2.lease.upgrade3).
void FilesImpl::GrantLease(Stream& stream, Open& open, const OpenRequest& request) {
  const uint32_t requested = RequestedState(request);
  const uint32_t grantable = GrantableState(stream, request, requested);
  open.oplock = OplockLevel::kLease;
  auto& slot = leases_[LeaseId(request.client_guid, request.lease->key)];
  if (slot == nullptr) {
    slot = std::make_unique<Lease>();
    slot->id = LeaseId(request.client_guid, request.lease->key);
    slot->stream = &stream;
    slot->version = request.lease->version;
    slot->epoch = static_cast<uint16_t>(request.lease->epoch + 1);
    slot->state = grantable;
  } else {
    Lease& lease = *slot;
    const bool is_superset = (grantable & lease.state) == lease.state && grantable != lease.state;
    if (is_superset && grantable == requested && !lease.is_breaking()) {
      lease.state = grantable;
      lease.epoch = static_cast<uint16_t>(lease.epoch + 1);
      Touch(lease);
    }
  }
  open.lease = slot.get();
  slot->opens.push_back(&open);
}

OpenGrant FilesImpl::GrantOf(const Open& open) const {
  OpenGrant grant;
  grant.oplock = open.oplock;
  grant.is_durable = open.durability != Durability::kNone;
  if (open.lease != nullptr) {
    grant.lease_state = open.lease->state;
    grant.lease_version = open.lease->version;
    grant.lease_epoch = open.lease->version >= 2 ? open.lease->epoch : uint16_t{0};
    grant.is_lease_break_in_progress = open.lease->is_breaking();
  }
  return grant;
}

NtStatus FilesImpl::CheckRename(OpenId id) const {
  const Open* self = FindOpen(id);
  if (self == nullptr) return NtStatus::kFileClosed;
  if (self->is_directory) {
    for (const auto& [other_id, other] : opens_) {
      if (IsUnder(other->path, self->path)) return NtStatus::kAccessDenied;
    }
  }
  for (const auto& stream : self->stream->file->streams) {
    for (const Open* other : stream->opens) {
      if (other == self || (other->access & kSharing) == 0) continue;
      if ((other->share_access & kShareDelete) == 0) return NtStatus::kSharingViolation;
    }
  }
  return NtStatus();
}

NtStatus FilesImpl::CheckReplace(const FileKey& key) const {
  const File* file = FindFile(key);
  if (file == nullptr) return NtStatus();
  for (const auto& stream : file->streams) {
    if (!stream->opens.empty()) return NtStatus::kAccessDenied;
  }
  return NtStatus();
}

}  // namespace continuo::fsa
