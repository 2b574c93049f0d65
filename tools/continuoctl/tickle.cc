#include "tools/continuoctl/tickle.h"

#include <iostream>

#include <absl/strings/str_format.h>

#include "continuo/tickle/v1/tickle_admin_service.grpc.pb.h"
#include "tools/continuoctl/output.h"

namespace continuo::ctl {
namespace {

namespace pb = tickle::v1;
using Stub = pb::TickleAdminService::Stub;

const std::string kDaemon = "tickle-service";

std::string Endpoint(const std::string& address, uint32_t port) {
  const bool is_ipv6 = address.find(':') != std::string::npos;
  return is_ipv6 ? absl::StrFormat("[%s]:%u", address, port)
                 : absl::StrFormat("%s:%u", address, port);
}

// A verb about one address: `text` says in words what came of it.
template <typename Request, typename Response, typename Text>
int AboutAddress(const Context& context, const std::string& address,
                 grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                 Text text) {
  const auto stub = pb::TickleAdminService::NewStub(context.Channel(kDaemon));
  Request request;
  request.set_address(address);
  Response response;
  const grpc::Status status = Call(context, *stub, method, request, response);
  if (!status.ok()) return ReportCallFailure(context, kDaemon, status);
  if (context.is_json) {
    PrintJson(response);
  } else {
    std::cout << text(response) << '\n';
  }
  return kExitOk;
}

}  // namespace

int ListRecordedConnections(const Context& context, RecordsOf whose) {
  const auto stub = pb::TickleAdminService::NewStub(context.Channel(kDaemon));
  pb::ListConnectionsRequest request;
  request.set_all_nodes(whose == RecordsOf::kAllNodes);
  pb::ListConnectionsResponse all;
  do {
    pb::ListConnectionsResponse page;
    const grpc::Status status = Call(context, *stub, &Stub::ListConnections, request, page);
    if (!status.ok()) return ReportCallFailure(context, kDaemon, status);
    request.set_page_token(page.next_page_token());
    all.MergeFrom(page);
  } while (!request.page_token().empty());
  all.clear_next_page_token();
  if (context.is_json) {
    PrintJson(all);
    return kExitOk;
  }
  Table table({"SERVER", "CLIENT", "RECORD"});
  for (const pb::ClientConnection& one : all.connections()) {
    table.Add({Endpoint(one.local_address(), one.local_port()),
               Endpoint(one.remote_address(), one.remote_port()), one.log_name()});
  }
  std::cout << table.Text();
  return kExitOk;
}

int SendTickles(const Context& context, const std::string& address) {
  return AboutAddress(context, address, &Stub::SendTickles,
                      [](const pb::SendTicklesResponse& sent) {
                        return absl::StrFormat("%u clients on record, %u tickled now",
                                               sent.recorded_count(), sent.started_count());
                      });
}

int HandOverConnections(const Context& context, const std::string& address) {
  return AboutAddress(context, address, &Stub::HandOverConnections,
                      [](const pb::HandOverConnectionsResponse& kept) {
                        return absl::StrFormat("%u connections stay on record",
                                               kept.connection_count());
                      });
}

int ResetConnections(const Context& context, const std::string& address) {
  return AboutAddress(context, address, &Stub::ResetConnections,
                      [](const pb::ResetConnectionsResponse& reset) {
                        return absl::StrFormat("%u connections reset", reset.reset_count());
                      });
}

}  // namespace continuo::ctl
