// Oplocks and leases: how they are broken, acknowledged and lost.
//
// A lease's life, [MS-SMB2] 3.3.1.12 and 3.3.4.7 (an oplock's is the same with two levels):
//
//   state        | break needed        | acknowledgement        | time-out or last close
//   -------------+---------------------+------------------------+-----------------------
//   held         | read only: none, no | UNSUCCESSFUL           | gone (close)
//                |   acknowledgement;  |                        |
//                | else breaking       |                        |
//   breaking     | goes further down   | within what was told:  | none
//                |   when this one is  |   held, or breaking    |
//                |   acknowledged      |   again if it has to   |
//                |                     |   go further down;     |
//                |                     | more: NOT_ACCEPTED     |
#include <algorithm>

#include "common/fsa/files_impl.h"

namespace continuo::fsa {

void FilesImpl::SendLeaseBreak(Lease& lease, uint32_t to, Effects* effects) {
  Touch(lease);
  BreakToSend event;
  event.is_lease = true;
  event.client_guid = lease.id.first;
  event.lease_key = lease.id.second;
  event.current_state = lease.state;
  event.new_state = to;
  for (const Open* open : lease.opens) {
    event.open = open->id;
    if (open->is_connected) break;
  }
  event.new_epoch = lease.version >= 2 ? lease.epoch : uint16_t{0};
  // Nothing dirty and no handle to give up: the client only has to forget.
  event.is_ack_required = lease.state != kLeaseRead;
  if (event.is_ack_required) {
    lease.break_id = BreakId(++last_break_id_);
    lease.break_to = to;
    event.break_id = lease.break_id;
    breaks_[lease.break_id] = BreakTarget{.open = nullptr, .lease = &lease};
  } else {
    lease.state = to;
  }
  effects->push_back(event);
}

void FilesImpl::BreakLease(Lease& lease, uint32_t to, Effects* effects) {
  if (lease.is_breaking()) {
    lease.break_required &= to;
    return;
  }
  to &= lease.state;
  if (to == lease.state) return;
  lease.break_required = to;
  // Once for all steps down to it: smb2.lease.v2_breaking3.
  lease.epoch = static_cast<uint16_t>(lease.epoch + 1);
  SendLeaseBreak(lease, to, effects);
  if (!lease.is_breaking()) lease.stream->file->is_dirty = true;
}

// Oplocks break to level II or to none, whatever finer state the reason would leave.
void FilesImpl::BreakOplock(Open& open, uint32_t to, Effects* effects) {
  const OplockLevel level =
      (to & kLeaseRead) != 0 ? OplockLevel::kLevelII : OplockLevel::kNone;
  if (open.oplock == OplockLevel::kNone) return;
  if (open.is_breaking()) {
    open.must_break_to_none |= level == OplockLevel::kNone;
    return;
  }
  if (open.oplock == level) return;
  Touch(open);
  BreakToSend event;
  event.open = open.id;
  event.client_guid = open.client_guid;
  event.new_level = level;
  event.is_ack_required = open.oplock != OplockLevel::kLevelII;
  if (event.is_ack_required) {
    open.break_id = BreakId(++last_break_id_);
    open.break_to = level;
    open.must_break_to_none = false;
    event.break_id = open.break_id;
    breaks_[open.break_id] = BreakTarget{.open = &open, .lease = nullptr};
  } else {
    open.oplock = level;
    open.stream->file->is_dirty = true;
  }
  effects->push_back(event);
}

void FilesImpl::EndBreak(BreakId* id, Effects* effects) {
  if (*id == BreakId()) return;
  breaks_.erase(*id);
  effects->push_back(BreakEnded{*id});
  *id = BreakId();
}

// Source: [MS-SMB2] 3.3.5.22.1.
NtStatus FilesImpl::AckOplockBreak(const AckOplockBreakRequest& request, Effects* effects) {
  Open* open = FindOpen(request.open);
  if (open == nullptr) return NtStatus::kFileClosed;
  if (open->lease != nullptr || !open->is_breaking()) return NtStatus::kInvalidOplockProtocol;
  File& file = *open->stream->file;
  const OplockLevel told = open->break_to;
  const bool must_be_none = open->must_break_to_none;
  const bool is_valid =
      request.level == OplockLevel::kNone || request.level == OplockLevel::kLevelII;
  const bool is_too_much = told == OplockLevel::kNone && request.level != OplockLevel::kNone;
  EndBreak(&open->break_id, effects);
  Touch(*open);
  open->oplock = is_valid && !is_too_much ? request.level : OplockLevel::kNone;
  if (must_be_none) BreakOplock(*open, kLeaseNone, effects);
  file.is_dirty = true;
  Settle(file, effects);
  return is_valid && !is_too_much ? NtStatus() : NtStatus(NtStatus::kInvalidOplockProtocol);
}

// Source: [MS-SMB2] 3.3.5.22.2.
NtResult<LeaseAck> FilesImpl::AckLeaseBreak(const AckLeaseBreakRequest& request,
                                            Effects* effects) {
  const auto it = leases_.find(LeaseId(request.client_guid, request.key));
  if (it == leases_.end()) return NtStatus::kObjectNameNotFound;
  Lease& lease = *it->second;
  if (!lease.is_breaking()) return NtStatus::kUnsuccessful;
  if ((request.state & ~lease.break_to) != 0) return NtStatus::kRequestNotAccepted;
  EndBreak(&lease.break_id, effects);
  Touch(lease);
  lease.state = (request.state & kLeaseRead) != 0 ? request.state : kLeaseNone;
  const uint32_t required = lease.state & lease.break_required;
  if (required != lease.state) {
    // Handles are given up before the data that is cached behind them.
    const bool holds_more = (lease.state & ~kLeaseRead) != 0;
    SendLeaseBreak(lease, holds_more ? required | kLeaseRead : required, effects);
  }
  File& file = *lease.stream->file;
  file.is_dirty = true;
  Settle(file, effects);
  return LeaseAck{.state = request.state};
}

// Source: [MS-SMB2] 3.3.6.1 and 3.3.6.5: what was not acknowledged in time is gone.
void FilesImpl::TimeOut(BreakId id, Effects* effects) {
  const auto it = breaks_.find(id);
  if (it == breaks_.end()) return;
  const BreakTarget target = it->second;
  breaks_.erase(it);
  File* file = nullptr;
  if (target.lease != nullptr) {
    Touch(*target.lease);
    target.lease->break_id = BreakId();
    target.lease->state = kLeaseNone;
    file = target.lease->stream->file;
  } else {
    Touch(*target.open);
    target.open->break_id = BreakId();
    target.open->oplock = OplockLevel::kNone;
    file = target.open->stream->file;
  }
  file->is_dirty = true;
  Settle(*file, effects);
}

// Everybody else's read caching ends; of one's own only a level II oplock, which does not cover
// one's own changes either ([MS-FSA] 2.1.4.12, smb2.oplock.levelii500).
void FilesImpl::BreakReadCaching(Stream& stream, const Open* by, Effects* effects) {
  for (size_t i = 0; i < stream.opens.size(); ++i) {
    Open& open = *stream.opens[i];
    if (open.lease != nullptr) {
      if (by != nullptr && IsSameLease(open, *by)) continue;
      BreakLease(*open.lease, kLeaseNone, effects);
    } else if (&open != by || open.oplock == OplockLevel::kLevelII) {
      BreakOplock(open, kLeaseNone, effects);
    }
  }
}

// True: some handle lease is not given up yet.
bool FilesImpl::BreakHandleCaching(Stream& stream, const Open* by, Effects* effects) {
  bool must_wait = false;
  for (size_t i = 0; i < stream.opens.size(); ++i) {
    Open& open = *stream.opens[i];
    if (&open == by || (by != nullptr && IsSameLease(open, *by))) continue;
    const uint32_t caching = CachingOf(open);
    if ((caching & kLeaseHandle) == 0) continue;
    if (open.lease != nullptr) {
      BreakLease(*open.lease, caching & ~kLeaseHandle, effects);
    } else {
      BreakOplock(open, caching & ~kLeaseHandle, effects);
    }
    must_wait |= (CachingOf(open) & kLeaseHandle) != 0;
  }
  return must_wait;
}

std::optional<NtStatus> FilesImpl::Break(const BreakRequest& request, Effects* effects) {
  Open* by = nullptr;
  File* file = nullptr;
  std::string name = request.stream;
  if (request.open != OpenId()) {
    by = FindOpen(request.open);
    if (by == nullptr) return NtStatus(NtStatus::kFileClosed);
    file = by->stream->file;
    name = by->stream->name;
  } else {
    file = FindFile(request.file);
  }
  Stream* stream = file != nullptr ? file->Find(name) : nullptr;
  if (stream == nullptr) return NtStatus();
  const bool is_data = request.reason == BreakReason::kWrite ||
                       request.reason == BreakReason::kSetSize ||
                       request.reason == BreakReason::kLock;
  if (is_data) {
    BreakReadCaching(*stream, by, effects);
    if (file->is_dirty) Settle(*file, effects);
    return NtStatus();
  }
  const bool must_wait = BreakHandleCaching(*stream, by, effects);
  if (must_wait) {
    if (waiting_.contains(request.op)) return NtStatus(NtStatus::kInvalidParameter);
    waiting_[request.op] = file->key;
    file->waiting_breaks.push_back(WaitingBreak{
        .op = request.op, .by = request.open, .stream = name, .reason = request.reason});
    return std::nullopt;
  }
  if (file->is_dirty) Settle(*file, effects);
  return NtStatus();
}

void FilesImpl::RetryBreaks(File& file, Effects* effects) {
  for (size_t i = 0; i < file.waiting_breaks.size();) {
    const WaitingBreak waiting = file.waiting_breaks[i];
    Stream* stream = file.Find(waiting.stream);
    Open* by = waiting.by != OpenId() ? FindOpen(waiting.by) : nullptr;
    if (stream != nullptr && BreakHandleCaching(*stream, by, effects)) {
      ++i;
      continue;
    }
    file.waiting_breaks.erase(file.waiting_breaks.begin() + static_cast<ptrdiff_t>(i));
    waiting_.erase(waiting.op);
    effects->push_back(OpCompleted{waiting.op, NtStatus()});
  }
}

void FilesImpl::DirectoryChanged(const DirectoryChangedRequest& request, Effects* effects) {
  File* file = FindFile(request.directory);
  Stream* stream = file != nullptr ? file->Find("") : nullptr;
  if (stream == nullptr) return;
  const Open* by = FindOpen(request.by);
  for (size_t i = 0; i < stream->opens.size(); ++i) {
    Open& open = *stream->opens[i];
    if (open.lease == nullptr || open.lease->state == kLeaseNone) continue;
    const bool is_exempt = by != nullptr && by->parent_key == open.lease->id.second &&
                           by->client_guid == open.client_guid;
    if (!is_exempt) BreakLease(*open.lease, kLeaseNone, effects);
  }
  if (file->is_dirty) Settle(*file, effects);
}

// The open is going: its oplock ends, and its lease if it was the last to hold it.
void FilesImpl::DetachCaching(Open& open, Effects* effects) {
  EndBreak(&open.break_id, effects);
  open.oplock = OplockLevel::kNone;
  if (open.lease == nullptr) return;
  Lease& lease = *open.lease;
  open.lease = nullptr;
  const auto it = std::find(lease.opens.begin(), lease.opens.end(), &open);
  CONTINUO_CHECK(it != lease.opens.end());
  lease.opens.erase(it);
  if (!lease.opens.empty()) return;
  EndBreak(&lease.break_id, effects);
  leases_.erase(lease.id);
}

}  // namespace continuo::fsa
