#include "services/smb-frontend/app/break_sender.h"

#include <utility>

#include "common/smbwire/oplock_break.h"
#include "services/smb-frontend/commands/end_session.h"
#include "services/smb-frontend/dispatch/smb_connection.h"
#include "services/smb-frontend/notify/foreign_changes.h"

namespace continuo::app {
namespace {

Bytes EncodeBreak(const fsa::BreakToSend& event, const open::OpenFile& open) {
  bytes::ByteWriter out;
  if (event.is_lease) {
    smbwire::LeaseBreakNotification notification;
    notification.new_epoch = event.new_epoch;
    notification.flags = event.is_ack_required ? smbwire::kLeaseBreakAckRequired : 0;
    notification.lease_key = event.lease_key;
    notification.current_lease_state = event.current_state;
    notification.new_lease_state = event.new_state;
    smbwire::EncodeLeaseBreakNotification(notification, out);
  } else {
    smbwire::EncodeOplockBreak({.oplock_level = static_cast<uint8_t>(event.new_level),
                                .file_id = open.file_id()},
                               out);
  }
  return std::move(out).Take();
}

}  // namespace

// Any channel of the session reaches the client; the first that is still there is taken.
bool BreakSender::DeliverTo(const std::shared_ptr<session::Session>& session, const Bytes& body) {
  for (const uint64_t connection_id : session->channels()) {
    const std::shared_ptr<dispatch::SmbConnection> connection =
        server_.connections.Find(connection_id);
    if (connection == nullptr) continue;
    connection->PostNotification(session, body);
    return true;
  }
  return false;
}

// An oplock is its session's. A lease is the client's: any of its connections will do, and clients
// expect the first ([MS-SMB2] 3.3.4.7; smb2.lease.v2_complex1).
bool BreakSender::Deliver(const fsa::BreakToSend& event, const open::OpenFile& open) {
  const Bytes body = EncodeBreak(event, open);
  if (!event.is_lease) return DeliverTo(open.session(), body);
  for (const auto& session : server_.sessions.OfClient(event.client_guid)) {
    if (session->is_usable() && DeliverTo(session, body)) return true;
  }
  return false;
}

// Nobody is there to acknowledge: the break takes effect at once ([MS-SMB2] 3.3.4.6).
void BreakSender::GiveUp(const fsa::BreakToSend& event) {
  if (!event.is_ack_required) return;
  server_.loops->loop(0).Post([fsa = server_.fsa, event] {
    if (event.is_lease) {
      fsa->AckLeaseBreak(event.client_guid, event.lease_key, fsa::kLeaseNone,
                         [](const NtResult<fsa::LeaseAck>&) {});
    } else {
      fsa->AckOplockBreak(event.open, fsa::OplockLevel::kNone, [](NtStatus) {});
    }
  });
}

// A durable open without a client cannot answer: it ends ([MS-SMB2] 3.3.4.6, 3.3.4.7).
bool BreakSender::EndIfDisconnected(const std::shared_ptr<open::OpenFile>& open) {
  {
    absl::MutexLock lock(&open->mutex());
    if (!std::exchange(open->state().is_disconnected, false)) return false;
  }
  net::EventLoop& loop = server_.loops->loop(0);
  server_.background_tasks.fetch_add(1);
  loop.Post([this, &loop, open] { net::Spawn(commands::EndUnclaimed(server_, loop, open)); });
  return true;
}

void BreakSender::OnBreak(const fsa::BreakToSend& event) {
  const std::shared_ptr<open::OpenFile> open = server_.opens.FindVolatile(event.open.value());
  if (open == nullptr) return GiveUp(event);
  {
    absl::MutexLock lock(&open->mutex());
    if (!event.is_lease) open->state().oplock = event.new_level;
    const bool is_absent = open->state().is_persistent && open->state().is_disconnected;
    if (!open->state().is_answered || is_absent) {
      // The client does not know the open yet, or not again: CREATE sends the break after its response.
      open->state().early_breaks.push_back(event);
      return;
    }
  }
  if (Deliver(event, *open)) return;
  if (event.is_ack_required && EndIfDisconnected(open)) return;
  GiveUp(event);
}

void BreakSender::OnOpenPurged(const fsa::OpenPurged& event) {
  const std::shared_ptr<open::OpenFile> open = server_.opens.FindVolatile(event.open.value());
  if (open == nullptr) return;
  net::EventLoop& loop = server_.loops->loop(0);
  server_.background_tasks.fetch_add(1);
  loop.Post([this, &loop, open, delete_now = event.delete_now] {
    net::Spawn(commands::DropPurged(server_, loop, open, delete_now));
  });
}

void BreakSender::OnNameEvents(std::span<const fsa::NameEvent> events) {
  if (server_.foreign_changes != nullptr) server_.foreign_changes->OnOwnEvents(events);
}

void BreakSender::PassIoBarrier(std::function<void()> then) {
  server_.loops->BarrierAll(std::move(then));
}

}  // namespace continuo::app
