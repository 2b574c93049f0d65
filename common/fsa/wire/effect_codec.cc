#include "common/fsa/wire/codec_parts.h"

namespace continuo::fsa {
namespace wire {

void FromEntry(const NotifyEntry& from, v1::NotifyEntry* to) {
  to->set_action(static_cast<uint32_t>(from.action));
  to->set_name(from.name);
}

bool ToEntry(const v1::NotifyEntry& from, NotifyEntry* to) {
  to->name = from.name();
  return ToAction(from.action(), &to->action);
}

namespace {

void FromDelete(const DeleteNow& from, v1::DeleteNow* to) {
  Encode(from.file, to->mutable_file());
  to->set_stream(from.stream);
  to->set_path(from.path);
  to->set_is_directory(from.is_directory);
  to->set_is_posix(from.is_posix);
  to->set_set_by(from.set_by.value());
}

bool ToDelete(const v1::DeleteNow& from, std::optional<DeleteNow>* to) {
  DeleteNow value;
  if (!ToKey(from.file(), &value.file)) return false;
  value.stream = from.stream();
  value.path = from.path();
  value.is_directory = from.is_directory();
  value.is_posix = from.is_posix();
  value.set_by = OpenId(from.set_by());
  *to = std::move(value);
  return true;
}

class EffectEncoder {
 public:
  explicit EffectEncoder(v1::Event* to) : to_(to) {}

  void operator()(const OpenCompleted& from) {
    auto* to = to_->mutable_open_completed();
    to->set_op(from.op.value());
    to->set_open(from.open.value());
    to->set_status(from.result.status().value());
    if (!from.result.ok()) return;
    const OpenGrant& grant = *from.result;
    to->mutable_grant()->set_oplock_level(static_cast<uint32_t>(grant.oplock));
    to->mutable_grant()->set_lease_state(grant.lease_state);
    to->mutable_grant()->set_lease_epoch(grant.lease_epoch);
    to->mutable_grant()->set_lease_version(grant.lease_version);
    to->mutable_grant()->set_is_lease_break_in_progress(grant.is_lease_break_in_progress);
    to->mutable_grant()->set_is_durable(grant.is_durable);
  }
  void operator()(const OpCompleted& from) {
    to_->mutable_op_completed()->set_op(from.op.value());
    to_->mutable_op_completed()->set_status(from.status.value());
  }
  void operator()(const NotifyCompleted& from) {
    auto* to = to_->mutable_notify_completed();
    to->set_op(from.op.value());
    to->set_status(from.status.value());
    for (const NotifyEntry& entry : from.entries) FromEntry(entry, to->add_entries());
  }
  void operator()(const BreakToSend& from) {
    auto* to = to_->mutable_break_to_send();
    to->set_break_id(from.break_id.value());
    to->set_open(from.open.value());
    to->set_is_lease(from.is_lease);
    to->set_client_guid(FromArray(from.client_guid));
    to->set_new_oplock_level(static_cast<uint32_t>(from.new_level));
    to->set_lease_key(FromArray(from.lease_key));
    to->set_current_state(from.current_state);
    to->set_new_state(from.new_state);
    to->set_new_epoch(from.new_epoch);
    to->set_is_ack_required(from.is_ack_required);
  }
  void operator()(const BreakEnded& from) {
    to_->mutable_break_ended()->set_break_id(from.break_id.value());
  }
  void operator()(const OpenPurged& from) {
    auto* to = to_->mutable_open_purged();
    to->set_open(from.open.value());
    if (from.delete_now) FromDelete(*from.delete_now, to->mutable_delete_now());
  }
  void operator()(const CloseCompleted& from) {
    auto* to = to_->mutable_close_completed();
    to->set_op(from.op.value());
    to->set_status(from.result.status().value());
    if (from.result.ok() && from.result->delete_now) {
      FromDelete(*from.result->delete_now, to->mutable_delete_now());
    }
  }
  void operator()(const LeaseAckCompleted& from) {
    auto* to = to_->mutable_lease_ack_completed();
    to->set_op(from.op.value());
    to->set_status(from.result.status().value());
    if (from.result.ok()) to->set_state(from.result->state);
  }
  void operator()(const DisconnectCompleted& from) {
    to_->mutable_disconnect_completed()->set_op(from.op.value());
    to_->mutable_disconnect_completed()->set_is_kept(from.result == DisconnectResult::kKept);
  }
  void operator()(const PersistentChanged& from) {
    FromPersistent(from.now, to_->mutable_persistent_changed()->mutable_now());
  }
  void operator()(const PersistentEnded& from) {
    to_->mutable_persistent_ended()->set_open(from.open.value());
    to_->mutable_persistent_ended()->set_is_deleting(from.is_deleting);
  }

 private:
  v1::Event* const to_;
};

std::optional<Effect> DecodeOpen(const v1::OpenCompleted& from) {
  OpenCompleted to{OpId(from.op()), OpenId(from.open()), NtStatus(NtStatus::kCancelled)};
  if (from.status() != NtStatus::kSuccess) {
    to.result = NtStatus(from.status());
    return to;
  }
  OpenGrant grant;
  grant.lease_state = from.grant().lease_state();
  grant.is_lease_break_in_progress = from.grant().is_lease_break_in_progress();
  grant.is_durable = from.grant().is_durable();
  if (!ToLevel(from.grant().oplock_level(), &grant.oplock) ||
      !ToU16(from.grant().lease_epoch(), &grant.lease_epoch) ||
      !ToU8(from.grant().lease_version(), &grant.lease_version)) {
    return std::nullopt;
  }
  to.result = grant;
  return to;
}

std::optional<Effect> DecodeNotify(const v1::NotifyCompleted& from) {
  NotifyCompleted to{OpId(from.op()), NtStatus(from.status()), {}};
  for (const v1::NotifyEntry& entry : from.entries()) {
    if (!ToEntry(entry, &to.entries.emplace_back())) return std::nullopt;
  }
  return to;
}

std::optional<Effect> DecodeBreak(const v1::BreakToSend& from) {
  BreakToSend to;
  to.break_id = BreakId(from.break_id());
  to.open = OpenId(from.open());
  to.is_lease = from.is_lease();
  to.current_state = from.current_state();
  to.new_state = from.new_state();
  to.is_ack_required = from.is_ack_required();
  if (!ToArray(from.client_guid(), &to.client_guid) || !ToArray(from.lease_key(), &to.lease_key) ||
      !ToLevel(from.new_oplock_level(), &to.new_level) ||
      !ToU16(from.new_epoch(), &to.new_epoch)) {
    return std::nullopt;
  }
  return to;
}

std::optional<Effect> DecodeClose(const v1::CloseCompleted& from) {
  CloseCompleted to{OpId(from.op()), NtStatus(NtStatus::kCancelled)};
  if (from.status() != NtStatus::kSuccess) {
    to.result = NtStatus(from.status());
    return to;
  }
  CloseResult result;
  if (from.has_delete_now() && !ToDelete(from.delete_now(), &result.delete_now)) {
    return std::nullopt;
  }
  to.result = std::move(result);
  return to;
}

}  // namespace
}  // namespace wire

void Encode(const Effect& effect, v1::Event* to) { std::visit(wire::EffectEncoder(to), effect); }

std::optional<Effect> Decode(const v1::Event& from) {
  switch (from.kind_case()) {
    case v1::Event::kOpenCompleted: return wire::DecodeOpen(from.open_completed());
    case v1::Event::kOpCompleted:
      return OpCompleted{OpId(from.op_completed().op()), NtStatus(from.op_completed().status())};
    case v1::Event::kNotifyCompleted: return wire::DecodeNotify(from.notify_completed());
    case v1::Event::kBreakToSend: return wire::DecodeBreak(from.break_to_send());
    case v1::Event::kBreakEnded: return BreakEnded{BreakId(from.break_ended().break_id())};
    case v1::Event::kOpenPurged: {
      OpenPurged to{.open = OpenId(from.open_purged().open()), .delete_now = std::nullopt};
      if (from.open_purged().has_delete_now() &&
          !wire::ToDelete(from.open_purged().delete_now(), &to.delete_now)) {
        return std::nullopt;
      }
      return to;
    }
    case v1::Event::kCloseCompleted: return wire::DecodeClose(from.close_completed());
    case v1::Event::kLeaseAckCompleted: {
      const auto& ack = from.lease_ack_completed();
      if (ack.status() != NtStatus::kSuccess) {
        return LeaseAckCompleted{OpId(ack.op()), NtStatus(ack.status())};
      }
      return LeaseAckCompleted{OpId(ack.op()), LeaseAck{.state = ack.state()}};
    }
    case v1::Event::kDisconnectCompleted:
      return DisconnectCompleted{OpId(from.disconnect_completed().op()),
                                 from.disconnect_completed().is_kept()
                                     ? DisconnectResult::kKept
                                     : DisconnectResult::kMustBeClosed};
    case v1::Event::kPersistentChanged: {
      PersistentChanged to;
      if (!wire::ToPersistent(from.persistent_changed().now(), &to.now)) return std::nullopt;
      return to;
    }
    case v1::Event::kPersistentEnded:
      return PersistentEnded{OpenId(from.persistent_ended().open()),
                             from.persistent_ended().is_deleting()};
    case v1::Event::KIND_NOT_SET: break;
  }
  return std::nullopt;
}

}  // namespace continuo::fsa
