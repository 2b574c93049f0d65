#include "common/fsa/wire/codec_parts.h"

namespace continuo::fsa {
namespace wire {

bool ToKey(const v1::FileKey& from, FileKey* to) {
  Guid fs;
  if (!ToArray(from.fs(), &fs)) return false;
  std::array<uint8_t, FileKey::kMaxIdSizeBytes> id{};
  if (from.id().size() > id.size()) return false;
  std::memcpy(id.data(), from.id().data(), from.id().size());
  return FileKey::Make(fs, std::span(id).first(from.id().size()), to);
}

void FromOpen(const OpenRequest& from, v1::OpenOperation* to) {
  to->set_op(from.op.value());
  to->set_open(from.open.value());
  Encode(from.file, to->mutable_file());
  to->set_stream(from.stream);
  to->set_path(from.path);
  to->set_client_guid(FromArray(from.client_guid));
  to->set_session_id(from.session_id);
  to->set_access(from.access);
  to->set_share_access(from.share_access);
  to->set_create_options(from.create_options);
  to->set_action(static_cast<v1::OpenAction>(static_cast<int>(from.action) + 1));
  to->set_is_directory(from.is_directory);
  to->set_is_delete_on_close(from.is_delete_on_close);
  to->set_oplock_level(static_cast<uint32_t>(from.oplock));
  to->set_durability(FromDurability(from.durability));
  to->set_create_guid(FromArray(from.create_guid));
  to->set_waits_for_reclaim(from.waits_for_reclaim);
  if (!from.lease) return;
  v1::LeaseRequest* lease = to->mutable_lease();
  lease->set_key(FromArray(from.lease->key));
  lease->set_state(from.lease->state);
  lease->set_version(from.lease->version);
  lease->set_epoch(from.lease->epoch);
  if (from.lease->parent_key) lease->set_parent_key(FromArray(*from.lease->parent_key));
}

bool ToOpen(const v1::OpenOperation& from, OpenRequest* to) {
  to->op = OpId(from.op());
  to->open = OpenId(from.open());
  to->stream = from.stream();
  to->path = from.path();
  to->session_id = from.session_id();
  to->access = from.access();
  to->share_access = from.share_access();
  to->create_options = from.create_options();
  to->is_directory = from.is_directory();
  to->is_delete_on_close = from.is_delete_on_close();
  to->waits_for_reclaim = from.waits_for_reclaim();
  if (from.action() < v1::OPEN_ACTION_OPEN_EXISTING || from.action() > v1::OPEN_ACTION_CREATED) {
    return false;
  }
  to->action = static_cast<OpenAction>(from.action() - 1);
  if (!ToKey(from.file(), &to->file) || !ToArray(from.client_guid(), &to->client_guid) ||
      !ToArray(from.create_guid(), &to->create_guid) ||
      !ToLevel(from.oplock_level(), &to->oplock) ||
      !ToDurability(from.durability(), &to->durability)) {
    return false;
  }
  if (!from.has_lease()) return true;
  LeaseRequest lease;
  lease.state = from.lease().state();
  if (!ToArray(from.lease().key(), &lease.key) || !ToU8(from.lease().version(), &lease.version) ||
      !ToU16(from.lease().epoch(), &lease.epoch)) {
    return false;
  }
  if (!from.lease().parent_key().empty()) {
    if (!ToArray(from.lease().parent_key(), &lease.parent_key.emplace())) return false;
  }
  to->lease = lease;
  return true;
}

namespace {

class RequestEncoder {
 public:
  explicit RequestEncoder(v1::Operation* to) : to_(to) {}

  void operator()(const OpenRequest& from) { FromOpen(from, to_->mutable_open()); }
  void operator()(const CloseRequest& from) { FromOpenOnly(from, to_->mutable_close()); }
  void operator()(const DisconnectRequest& from) {
    FromOpenOnly(from, to_->mutable_disconnect());
  }
  void operator()(const ReconnectRequest& from) {
    FromOpenOnly(from, to_->mutable_reconnect());
    to_->mutable_reconnect()->set_session_id(from.session_id);
  }
  void operator()(const DeleteDoneRequest& from) {
    auto* to = to_->mutable_delete_done();
    Encode(from.file, to->mutable_file());
    to->set_stream(from.stream);
    to->set_is_deleted(from.is_deleted);
  }
  void operator()(const LockRequest& from) {
    auto* to = to_->mutable_lock();
    to->set_op(from.op.value());
    to->set_open(from.open.value());
    to->set_lock_sequence(from.lock_sequence);
    to->set_is_sequence_checked(from.is_sequence_checked);
    for (const LockElement& element : from.locks) {
      auto* lock = to->add_locks();
      lock->set_offset(element.offset);
      lock->set_length_bytes(element.length_bytes);
      lock->set_flags(element.flags);
    }
  }
  void operator()(const SetDeletePendingRequest& from) {
    auto* to = to_->mutable_set_delete_pending();
    to->set_op(from.op.value());
    to->set_open(from.open.value());
    to->set_is_delete(from.is_delete);
    to->set_is_posix(from.is_posix);
  }
  void operator()(const BreakRequest& from) {
    auto* to = to_->mutable_break_caching();
    to->set_op(from.op.value());
    to->set_open(from.open.value());
    Encode(from.file, to->mutable_file());
    to->set_stream(from.stream);
    to->set_reason(FromReason(from.reason));
  }
  void operator()(const DirectoryChangedRequest& from) {
    Encode(from.directory, to_->mutable_directory_changed()->mutable_directory());
    to_->mutable_directory_changed()->set_by(from.by.value());
  }
  void operator()(const AckOplockBreakRequest& from) {
    auto* to = to_->mutable_ack_oplock_break();
    to->set_op(from.op.value());
    to->set_open(from.open.value());
    to->set_oplock_level(static_cast<uint32_t>(from.level));
  }
  void operator()(const AckLeaseBreakRequest& from) {
    auto* to = to_->mutable_ack_lease_break();
    to->set_op(from.op.value());
    to->set_client_guid(FromArray(from.client_guid));
    to->set_lease_key(FromArray(from.key));
    to->set_state(from.state);
  }
  void operator()(const TimeOutRequest& from) {
    to_->mutable_time_out()->set_break_id(from.break_id.value());
  }
  void operator()(const RenamedRequest& from) {
    auto* to = to_->mutable_renamed();
    Encode(from.file, to->mutable_file());
    to->set_old_path(from.old_path);
    to->set_new_path(from.new_path);
    to->set_is_directory(from.is_directory);
  }
  void operator()(const CancelRequest& from) { to_->mutable_cancel()->set_op(from.op.value()); }
  void operator()(const NotifyRequest& from) {
    auto* to = to_->mutable_notify();
    to->set_op(from.op.value());
    to->set_open(from.open.value());
    to->set_filter(from.filter);
    to->set_is_recursive(from.is_recursive);
    to->set_max_size_bytes(from.max_size_bytes);
  }
  void operator()(const NameEventsRequest& from) {
    auto* to = to_->mutable_name_events();
    for (const NameEvent& event : from.events) {
      auto* one = to->add_events();
      one->set_path(event.path);
      one->set_action(static_cast<uint32_t>(event.action));
      one->set_filter(event.filter);
    }
  }
  void operator()(const QuestionRequest& from) {
    auto* to = to_->mutable_question();
    to->set_op(from.op.value());
    to->set_question(static_cast<v1::Question>(static_cast<int>(from.question) + 1));
    to->set_open(from.open.value());
    Encode(from.file, to->mutable_file());
    to->set_client_guid(FromArray(from.client_guid));
    to->set_lease_key(FromArray(from.key));
  }
  void operator()(const EndHoldRequest& from) {
    to_->mutable_end_hold()->set_waiting(from.waiting.value());
  }
  void operator()(const SetDurabilityRequest& from) {
    FromOpenOnly(from, to_->mutable_set_durability());
    to_->mutable_set_durability()->set_durability(FromDurability(from.durability));
  }
  void operator()(const RestoreRequest& from) {
    to_->mutable_restore()->set_op(from.op.value());
    FromPersistent(from.open, to_->mutable_restore()->mutable_open());
  }

 private:
  template <typename T, typename Message>
  static void FromOpenOnly(const T& from, Message* to) {
    to->set_op(from.op.value());
    to->set_open(from.open.value());
  }
  v1::Operation* const to_;
};

std::optional<Request> DecodeLock(const v1::LockOperation& from) {
  LockRequest to;
  to.op = OpId(from.op());
  to.open = OpenId(from.open());
  to.lock_sequence = from.lock_sequence();
  to.is_sequence_checked = from.is_sequence_checked();
  for (const v1::LockElement& element : from.locks()) {
    to.locks.push_back({element.offset(), element.length_bytes(), element.flags()});
  }
  return to;
}

std::optional<Request> DecodeBreak(const v1::BreakOperation& from) {
  BreakRequest to;
  to.op = OpId(from.op());
  to.open = OpenId(from.open());
  to.stream = from.stream();
  if (!ToKey(from.file(), &to.file) || !ToReason(from.reason(), &to.reason)) return std::nullopt;
  return to;
}

std::optional<Request> DecodeNameEvents(const v1::NameEventsOperation& from) {
  NameEventsRequest to;
  for (const v1::NameEvent& event : from.events()) {
    NameEvent one{.path = event.path(), .action = {}, .filter = event.filter()};
    if (!ToAction(event.action(), &one.action)) return std::nullopt;
    to.events.push_back(std::move(one));
  }
  return to;
}

std::optional<Request> DecodeQuestion(const v1::QuestionOperation& from) {
  QuestionRequest to;
  to.op = OpId(from.op());
  to.open = OpenId(from.open());
  if (from.question() < v1::QUESTION_IS_DELETE_PENDING ||
      from.question() > v1::QUESTION_IS_LEASE_KEY_FREE || !ToKey(from.file(), &to.file) ||
      !ToArray(from.client_guid(), &to.client_guid) || !ToArray(from.lease_key(), &to.key)) {
    return std::nullopt;
  }
  to.question = static_cast<Question>(from.question() - 1);
  return to;
}

std::optional<Request> DecodeAck(const v1::Operation& from) {
  if (from.kind_case() == v1::Operation::kAckOplockBreak) {
    AckOplockBreakRequest to{.op = OpId(from.ack_oplock_break().op()),
                             .open = OpenId(from.ack_oplock_break().open()),
                             .level = OplockLevel::kNone};
    if (!ToLevel(from.ack_oplock_break().oplock_level(), &to.level)) return std::nullopt;
    return to;
  }
  const v1::AckLeaseBreakOperation& ack = from.ack_lease_break();
  AckLeaseBreakRequest to;
  to.op = OpId(ack.op());
  to.state = ack.state();
  if (!ToArray(ack.client_guid(), &to.client_guid) || !ToArray(ack.lease_key(), &to.key)) {
    return std::nullopt;
  }
  return to;
}

std::optional<Request> DecodePersistent(const v1::Operation& from) {
  if (from.kind_case() == v1::Operation::kRestore) {
    RestoreRequest to;
    to.op = OpId(from.restore().op());
    if (!ToPersistent(from.restore().open(), &to.open)) return std::nullopt;
    return to;
  }
  SetDurabilityRequest to;
  to.op = OpId(from.set_durability().op());
  to.open = OpenId(from.set_durability().open());
  if (!ToDurability(from.set_durability().durability(), &to.durability)) return std::nullopt;
  return to;
}

// Those that name a file by its key.
std::optional<Request> DecodeKeyed(const v1::Operation& from) {
  FileKey key;
  if (from.kind_case() == v1::Operation::kDeleteDone) {
    if (!ToKey(from.delete_done().file(), &key)) return std::nullopt;
    return DeleteDoneRequest{.file = key,
                             .stream = from.delete_done().stream(),
                             .is_deleted = from.delete_done().is_deleted()};
  }
  if (from.kind_case() == v1::Operation::kDirectoryChanged) {
    if (!ToKey(from.directory_changed().directory(), &key)) return std::nullopt;
    return DirectoryChangedRequest{.directory = key, .by = OpenId(from.directory_changed().by())};
  }
  if (!ToKey(from.renamed().file(), &key)) return std::nullopt;
  return RenamedRequest{.file = key,
                        .old_path = from.renamed().old_path(),
                        .new_path = from.renamed().new_path(),
                        .is_directory = from.renamed().is_directory()};
}

}  // namespace
}  // namespace wire

void Encode(const FileKey& key, v1::FileKey* to) {
  to->set_fs(wire::FromArray(key.fs));
  to->set_id(std::string(key.id_bytes().begin(), key.id_bytes().end()));
}

void Encode(const Request& request, v1::Operation* to) {
  std::visit(wire::RequestEncoder(to), request);
}

std::optional<Request> Decode(const v1::Operation& from) {
  switch (from.kind_case()) {
    case v1::Operation::kOpen: {
      OpenRequest to;
      if (!wire::ToOpen(from.open(), &to)) return std::nullopt;
      return to;
    }
    case v1::Operation::kClose:
      return CloseRequest{OpId(from.close().op()), OpenId(from.close().open())};
    case v1::Operation::kDisconnect:
      return DisconnectRequest{OpId(from.disconnect().op()), OpenId(from.disconnect().open())};
    case v1::Operation::kReconnect:
      return ReconnectRequest{.op = OpId(from.reconnect().op()),
                              .open = OpenId(from.reconnect().open()),
                              .session_id = from.reconnect().session_id()};
    case v1::Operation::kLock: return wire::DecodeLock(from.lock());
    case v1::Operation::kSetDeletePending:
      return SetDeletePendingRequest{.op = OpId(from.set_delete_pending().op()),
                                     .open = OpenId(from.set_delete_pending().open()),
                                     .is_delete = from.set_delete_pending().is_delete(),
                                     .is_posix = from.set_delete_pending().is_posix()};
    case v1::Operation::kBreakCaching: return wire::DecodeBreak(from.break_caching());
    case v1::Operation::kAckOplockBreak:
    case v1::Operation::kAckLeaseBreak: return wire::DecodeAck(from);
    case v1::Operation::kTimeOut: return TimeOutRequest{BreakId(from.time_out().break_id())};
    case v1::Operation::kDeleteDone:
    case v1::Operation::kDirectoryChanged:
    case v1::Operation::kRenamed: return wire::DecodeKeyed(from);
    case v1::Operation::kCancel: return CancelRequest{OpId(from.cancel().op())};
    case v1::Operation::kNotify:
      return NotifyRequest{.op = OpId(from.notify().op()),
                           .open = OpenId(from.notify().open()),
                           .filter = from.notify().filter(),
                           .is_recursive = from.notify().is_recursive(),
                           .max_size_bytes = from.notify().max_size_bytes()};
    case v1::Operation::kNameEvents: return wire::DecodeNameEvents(from.name_events());
    case v1::Operation::kQuestion: return wire::DecodeQuestion(from.question());
    case v1::Operation::kEndHold: return EndHoldRequest{OpId(from.end_hold().waiting())};
    case v1::Operation::kSetDurability:
    case v1::Operation::kRestore: return wire::DecodePersistent(from);
    case v1::Operation::KIND_NOT_SET: break;
  }
  return std::nullopt;
}

}  // namespace continuo::fsa
