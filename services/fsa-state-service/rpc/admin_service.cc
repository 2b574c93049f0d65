#include "services/fsa-state-service/rpc/admin_service.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/fsa/wire/fsa_codec.h"
#include "common/rpc/status.h"

namespace continuo::fsastate {
namespace {

namespace pb = fsa::v1;

std::string Text(const std::array<uint8_t, 16>& value) {
  return std::string(value.begin(), value.end());
}

// How many bytes of valid UTF-8 begin at `at`; 0 if none do.
size_t SequenceLength(const std::string& text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const size_t size = byte(at) < 0x80                         ? 1
                      : byte(at) >= 0xC2 && byte(at) <= 0xDF  ? 2
                      : byte(at) >= 0xE0 && byte(at) <= 0xEF  ? 3
                      : byte(at) >= 0xF0 && byte(at) <= 0xF4  ? 4
                                                              : 0;
  if (size == 0 || text.size() - at < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
  }
  if (size == 3 && byte(at) == 0xE0 && byte(at + 1) < 0xA0) return 0;   // Overlong.
  if (size == 3 && byte(at) == 0xED && byte(at + 1) > 0x9F) return 0;   // A surrogate.
  if (size == 4 && byte(at) == 0xF0 && byte(at + 1) < 0x90) return 0;   // Overlong.
  if (size == 4 && byte(at) == 0xF4 && byte(at + 1) > 0x8F) return 0;   // Beyond Unicode.
  return size;
}

std::string Printable(const std::string& name) {
  std::string text;
  for (size_t at = 0; at < name.size();) {
    const size_t size = SequenceLength(name, at);
    text += size == 0 ? "?" : name.substr(at, size);
    at += std::max<size_t>(size, 1);
  }
  return text;
}

const fsa::OpenSnapshot* FindOpen(const fsa::FileSnapshot& file, fsa::OpenId id) {
  for (const fsa::OpenSnapshot& open : file.opens) {
    if (open.open == id) return &open;
  }
  return nullptr;
}

void FillOpens(const fsa::FileSnapshot& file, pb::ListOpensResponse* response) {
  for (const fsa::OpenSnapshot& open : file.opens) {
    pb::OpenInfo* to = response->add_opens();
    to->set_open(open.open.value());
    fsa::Encode(file.file, to->mutable_file());
    to->set_path(Printable(open.path));
    to->set_stream(Printable(open.stream));
    to->set_client_guid(Text(open.client_guid));
    to->set_session_id(open.session_id);
    to->set_access(open.access);
    to->set_share_access(open.share_access);
    to->set_oplock_level(static_cast<uint32_t>(open.oplock));
    to->set_is_directory(open.is_directory);
    to->set_is_disconnected(!open.is_connected);
    to->set_durability(static_cast<pb::Durability>(open.durability));
    for (const fsa::LeaseSnapshot& lease : file.leases) {
      if (open.oplock == fsa::OplockLevel::kLease && lease.key == open.lease_key &&
          lease.client_guid == open.client_guid) {
        to->set_lease_state(lease.state);
      }
    }
    for (const fsa::StreamSnapshot& stream : file.streams) {
      if (stream.stream == open.stream) to->set_is_delete_pending(stream.is_delete_pending);
    }
  }
}

void AddLock(const fsa::FileSnapshot& file, const std::string& stream, const fsa::HeldLock& lock,
             bool is_waiting, pb::ListLocksResponse* response) {
  pb::LockInfo* to = response->add_locks();
  fsa::Encode(file.file, to->mutable_file());
  if (const fsa::OpenSnapshot* open = FindOpen(file, lock.open)) to->set_path(Printable(open->path));
  to->set_stream(Printable(stream));
  to->set_open(lock.open.value());
  to->set_offset(lock.offset);
  to->set_length_bytes(lock.length_bytes);
  to->set_is_exclusive(lock.is_exclusive);
  to->set_is_waiting(is_waiting);
}

void FillLocks(const fsa::FileSnapshot& file, pb::ListLocksResponse* response) {
  for (const fsa::StreamSnapshot& stream : file.streams) {
    for (const fsa::HeldLock& lock : stream.locks) {
      AddLock(file, stream.stream, lock, false, response);
    }
    for (const fsa::WaitingLock& waiting : stream.waiting_locks) {
      AddLock(file, stream.stream, waiting.lock, true, response);
    }
  }
}

void FillLeases(const fsa::FileSnapshot& file, pb::ListLeasesResponse* response) {
  for (const fsa::LeaseSnapshot& lease : file.leases) {
    pb::LeaseInfo* to = response->add_leases();
    fsa::Encode(file.file, to->mutable_file());
    to->set_stream(Printable(lease.stream));
    to->set_client_guid(Text(lease.client_guid));
    to->set_key(Text(lease.key));
    to->set_state(lease.state);
    to->set_version(lease.version);
    to->set_epoch(lease.epoch);
    to->set_is_breaking(lease.break_id != fsa::BreakId());
    to->set_break_to(lease.break_to);
    uint32_t count = 0;
    for (const fsa::OpenSnapshot& open : file.opens) {
      if (open.oplock != fsa::OplockLevel::kLease || open.lease_key != lease.key ||
          open.client_guid != lease.client_guid) {
        continue;
      }
      ++count;
      to->set_path(Printable(open.path));
    }
    to->set_open_count(count);
  }
}

// Lists, fills the response file by file and finishes the call.
template <typename Response, typename Fill>
grpc::ServerUnaryReactor* ListInto(StateHub* hub, grpc::CallbackServerContext* context,
                                   uint32_t limit, Response* response, Fill fill) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const uint64_t files_max = limit == 0 ? kListedFilesMax : std::min<uint64_t>(limit, kListedFilesMax);
  hub->List(files_max, [=](const ListingDone& done) {
    for (const fsa::FileSnapshot& file : done.files) fill(file, response);
    response->set_is_truncated(done.files.size() < done.counters.files);
    reactor->Finish(rpc::ToGrpcStatus(done.status));
  });
  return reactor;
}

grpc::ServerUnaryReactor* FinishOk(grpc::CallbackServerContext* context) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

pb::DelegationState ToProto(State state) {
  switch (state) {
    case State::kNoFrontend: return pb::DELEGATION_STATE_NO_FRONTEND;
    case State::kServing: return pb::DELEGATION_STATE_SERVING;
    case State::kOffered: return pb::DELEGATION_STATE_OFFERED;
    case State::kDelegated: return pb::DELEGATION_STATE_DELEGATED;
    case State::kRecalling: return pb::DELEGATION_STATE_RECALLING;
  }
  return pb::DELEGATION_STATE_UNSPECIFIED;
}

}  // namespace

grpc::ServerUnaryReactor* AdminServiceImpl::ListFiles(grpc::CallbackServerContext* context,
                                                      const pb::ListFilesRequest* request,
                                                      pb::ListFilesResponse* response) {
  return ListInto(hub_, context, request->limit(), response,
                  [](const fsa::FileSnapshot& file, pb::ListFilesResponse* to) {
                    fsa::Encode(file, to->add_files());
                  });
}

grpc::ServerUnaryReactor* AdminServiceImpl::ListOpens(grpc::CallbackServerContext* context,
                                                      const pb::ListOpensRequest* request,
                                                      pb::ListOpensResponse* response) {
  return ListInto(hub_, context, request->limit(), response, FillOpens);
}

grpc::ServerUnaryReactor* AdminServiceImpl::ListLocks(grpc::CallbackServerContext* context,
                                                      const pb::ListLocksRequest* request,
                                                      pb::ListLocksResponse* response) {
  return ListInto(hub_, context, request->limit(), response, FillLocks);
}

grpc::ServerUnaryReactor* AdminServiceImpl::ListLeases(grpc::CallbackServerContext* context,
                                                       const pb::ListLeasesRequest* request,
                                                       pb::ListLeasesResponse* response) {
  return ListInto(hub_, context, request->limit(), response, FillLeases);
}

grpc::ServerUnaryReactor* AdminServiceImpl::GetCounters(grpc::CallbackServerContext* context,
                                                        const pb::GetCountersRequest*,
                                                        pb::GetCountersResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  hub_->List(0, [=](const ListingDone& done) {
    fsa::Encode(done.counters, response->mutable_counters());
    reactor->Finish(rpc::ToGrpcStatus(done.status));
  });
  return reactor;
}

grpc::ServerUnaryReactor* AdminServiceImpl::GetDelegation(grpc::CallbackServerContext* context,
                                                          const pb::GetDelegationRequest*,
                                                          pb::GetDelegationResponse* response) {
  const HubStatus status = hub_->status();
  response->set_state(ToProto(status.state));
  response->set_grants(status.grants);
  response->set_recalls(status.recalls);
  return FinishOk(context);
}

grpc::ServerUnaryReactor* AdminServiceImpl::RecallDelegation(grpc::CallbackServerContext* context,
                                                             const pb::RecallDelegationRequest*,
                                                             pb::RecallDelegationResponse*) {
  hub_->Want(Policy::kServe);
  return FinishOk(context);
}

grpc::ServerUnaryReactor* AdminServiceImpl::GrantDelegation(grpc::CallbackServerContext* context,
                                                            const pb::GrantDelegationRequest*,
                                                            pb::GrantDelegationResponse*) {
  hub_->Want(Policy::kDelegate);
  return FinishOk(context);
}

}  // namespace continuo::fsastate
