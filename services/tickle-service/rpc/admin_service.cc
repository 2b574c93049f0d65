#include "services/tickle-service/rpc/admin_service.h"

#include <utility>

#include "common/rpc/status.h"
#include "services/tickle-service/rpc/connection_listing.h"

namespace continuo::tickle {

namespace {

grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context,
                                 const absl::Status& status = absl::OkStatus()) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(rpc::ToGrpcStatus(status));
  return reactor;
}

absl::Status NoAddress(const std::string& text) {
  return absl::InvalidArgumentError("'" + text + "' is not an address");
}

absl::Status IsOff() { return absl::FailedPreconditionError("tcp_tickle is off"); }

void FillCounters(const RecoveryCounts& counts, v1::RecoveryCounters* out) {
  out->set_connections(counts.connections);
  out->set_recorded(counts.store.recorded);
  out->set_unrecorded(counts.store.unrecorded);
  out->set_removed(counts.store.removed);
  out->set_tickled_connections(counts.tickled_connections);
  out->set_tickles_sent(counts.tickles_sent);
  out->set_send_failures(counts.send_failures);
  out->set_reset(counts.reset);
  out->set_log_syncs(counts.store.syncs);
  out->set_log_rewrites(counts.store.rewrites);
  out->set_storage_failures(counts.store.failures);
}

}  // namespace

grpc::ServerUnaryReactor* TickleAdminServiceImpl::ListAddresses(
    grpc::CallbackServerContext* context, const v1::ListAddressesRequest*,
    v1::ListAddressesResponse* response) {
  const AddressWatcher::Snapshot snapshot = watcher_->Read();
  response->set_arrival_count(snapshot.arrival_count);
  response->set_departure_count(snapshot.departure_count);
  for (const AddressEntry& entry : snapshot.addresses) {
    v1::Address* const address = response->add_addresses();
    address->set_address(entry.key.address);
    address->set_prefix_length(entry.key.prefix_length);
    address->set_interface_index(entry.key.interface_index);
    address->set_interface(entry.interface);
    address->mutable_arrived_time()->set_seconds(absl::ToUnixSeconds(entry.arrived));
  }
  return Finish(context);
}

grpc::ServerUnaryReactor* TickleAdminServiceImpl::GetRecovery(grpc::CallbackServerContext* context,
                                                              const v1::GetRecoveryRequest*,
                                                              v1::GetRecoveryResponse* response) {
  response->set_is_configured(view_.is_configured);
  response->set_path(view_.path);
  if (recovery_ == nullptr) return Finish(context);
  response->set_log_name(view_.log_name);
  response->set_is_frontend_attached(stream_->is_attached());
  const absl::Status health = recovery_->Health();
  if (!health.ok()) response->set_degraded_reason(health.ToString());
  FillCounters(recovery_->counts(), response->mutable_counters());
  return Finish(context);
}

grpc::ServerUnaryReactor* TickleAdminServiceImpl::ListConnections(
    grpc::CallbackServerContext* context, const v1::ListConnectionsRequest* request,
    v1::ListConnectionsResponse* response) {
  const std::optional<ListingRequest> listing = DecodeListingRequest(*request);
  if (!listing) return Finish(context, absl::InvalidArgumentError("a foreign page token"));
  if (!listing->all_nodes) {
    if (recovery_ == nullptr) return Finish(context);
    std::optional<Connection> after;
    if (listing->after) after = listing->after->connection;
    FillOwnPage(*listing, view_.log_name, recovery_->Page(after, listing->page_size + 1), response);
    return Finish(context);
  }
  if (recovery_ == nullptr) return Finish(context, IsOff());
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  recovery_->ReadAll([reactor, response, listing = *listing](
                         const absl::StatusOr<std::vector<OtherLog>>& logs) {
    if (logs.ok()) FillPageOfLogs(listing, *logs, response);
    reactor->Finish(rpc::ToGrpcStatus(logs.status()));
  });
  return reactor;
}

grpc::ServerUnaryReactor* TickleAdminServiceImpl::SendTickles(
    grpc::CallbackServerContext* context, const v1::SendTicklesRequest* request,
    v1::SendTicklesResponse* response) {
  const std::optional<IpAddress> address = ParseIpAddress(request->address());
  if (!address) return Finish(context, NoAddress(request->address()));
  if (recovery_ == nullptr) return Finish(context, IsOff());
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  recovery_->SendTickles(*address, [reactor, response](const absl::StatusOr<SendOutcome>& sent) {
    if (sent.ok()) {
      response->set_recorded_count(sent->recorded_count);
      response->set_started_count(sent->started_count);
    }
    reactor->Finish(rpc::ToGrpcStatus(sent.status()));
  });
  return reactor;
}

grpc::ServerUnaryReactor* TickleAdminServiceImpl::HandOverConnections(
    grpc::CallbackServerContext* context, const v1::HandOverConnectionsRequest* request,
    v1::HandOverConnectionsResponse* response) {
  const std::optional<IpAddress> address = ParseIpAddress(request->address());
  if (!address) return Finish(context, NoAddress(request->address()));
  if (recovery_ == nullptr) return Finish(context, IsOff());
  response->set_connection_count(recovery_->HandOver(*address));
  return Finish(context);
}

grpc::ServerUnaryReactor* TickleAdminServiceImpl::ResetConnections(
    grpc::CallbackServerContext* context, const v1::ResetConnectionsRequest* request,
    v1::ResetConnectionsResponse* response) {
  const std::optional<IpAddress> address = ParseIpAddress(request->address());
  if (!address) return Finish(context, NoAddress(request->address()));
  if (recovery_ == nullptr) return Finish(context, IsOff());
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  recovery_->ResetConnections(*address, [reactor, response](const absl::StatusOr<uint32_t>& reset) {
    if (reset.ok()) response->set_reset_count(*reset);
    reactor->Finish(rpc::ToGrpcStatus(reset.status()));
  });
  return reactor;
}

}  // namespace continuo::tickle
