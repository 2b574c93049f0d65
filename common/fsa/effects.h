// What an event made happen besides its own answer: answers of operations that waited, breaks to
// send, opens that are gone. The host carries them out in order.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "common/fsa/requests.h"
#include "common/ntstatus/ntstatus.h"

namespace continuo::fsa {

// A waiting open is decided. STATUS_FILE_DELETED means that the file went away meanwhile: the
// caller starts again from the path walk.
struct OpenCompleted {
  OpId op;
  OpenId open;
  NtResult<OpenGrant> result = NtStatus(NtStatus::kCancelled);
};

// A waiting LOCK, break or other operation without a payload is decided.
struct OpCompleted {
  OpId op;
  NtStatus status;
};

// A waiting CHANGE_NOTIFY is answered: entries, or STATUS_NOTIFY_ENUM_DIR, NOTIFY_CLEANUP,
// DELETE_PENDING, CANCELLED.
struct NotifyCompleted {
  OpId op;
  NtStatus status;
  std::vector<NotifyEntry> entries;
};

// Tell a client that its caching ends ([MS-SMB2] 2.2.23). With `is_ack_required` the host starts a
// timer for `break_id` and reports its end with TimeOut.
struct BreakToSend {
  BreakId break_id;
  OpenId open;  // an open of the oplock or lease; for a lease any connected one of the client
  bool is_lease = false;
  Guid client_guid{};
  // Oplock breaks:
  OplockLevel new_level = OplockLevel::kNone;
  // Lease breaks:
  LeaseKey lease_key{};
  uint32_t current_state = kLeaseNone;
  uint32_t new_state = kLeaseNone;
  uint16_t new_epoch = 0;  // 0 for v1 leases
  bool is_ack_required = false;
};

// An acknowledgement or a close settled this break: its timer can stop.
struct BreakEnded {
  BreakId break_id;
};

// A disconnected open had to give way to a conflicting one: the caller drops what it holds for it.
// It needs no Close.
struct OpenPurged {
  OpenId open;
  std::optional<DeleteNow> delete_now;
};

// What is known of a persistent open has changed; comes before all else that the same operation caused.
// The host makes it durable before it carries out anything that follows. Only Apply makes it.
struct PersistentChanged {
  PersistentOpen now;
};
// A persistent open has ended: in its place among the changes, its record goes. With `is_deleting` only
// after what its end deletes has been removed, which the caller sees to.
struct PersistentEnded {
  OpenId open;
  bool is_deleting = false;
};

// Answers with a payload of their own; only Apply makes them.
struct CloseCompleted {
  OpId op;
  NtResult<CloseResult> result = NtStatus(NtStatus::kCancelled);
};
struct LeaseAckCompleted {
  OpId op;
  NtResult<LeaseAck> result = NtStatus(NtStatus::kCancelled);
};
struct DisconnectCompleted {
  OpId op;
  DisconnectResult result = DisconnectResult::kMustBeClosed;
};

using Effect = std::variant<OpenCompleted, OpCompleted, NotifyCompleted, BreakToSend, BreakEnded,
                            OpenPurged, CloseCompleted, LeaseAckCompleted, DisconnectCompleted,
                            PersistentChanged, PersistentEnded>;
using Effects = std::vector<Effect>;

}  // namespace continuo::fsa
