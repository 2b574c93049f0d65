#include "tools/continuoctl/listings.h"

#include <charconv>
#include <iostream>
#include <optional>

#include <absl/strings/str_format.h>

#include "continuo/frontend/v1/frontend_admin_service.grpc.pb.h"
#include "tools/continuoctl/output.h"

namespace continuo::ctl {
namespace {

namespace pb = continuo::frontend::v1;
using Stub = pb::FrontendAdminService::Stub;

const std::string kDaemon = "smb-frontend";

// Fetches all pages into `all`. A server that hands out pages for ever is cut off.
template <typename Request, typename Response>
grpc::Status FetchAll(const Context& context,
                      grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                      Request request, Response& all) {
  constexpr int kMaxPages = 100'000;
  const auto stub = pb::FrontendAdminService::NewStub(context.Channel(kDaemon));
  for (int page = 0; page < kMaxPages; ++page) {
    Response response;
    const grpc::Status status = Call(context, *stub, method, request, response);
    if (!status.ok()) return status;
    const std::string token = response.next_page_token();
    all.MergeFrom(response);
    if (token.empty()) break;
    request.set_page_token(token);
  }
  all.clear_next_page_token();
  return grpc::Status::OK;
}

std::string AccessText(uint32_t access) {
  // [MS-SMB2] 2.2.13.1: what matters to a reader of the list.
  std::string text;
  if ((access & 0x00000001u) != 0) text += 'r';
  if ((access & 0x00000006u) != 0) text += 'w';
  if ((access & 0x00010000u) != 0) text += 'd';
  if ((access & 0x00000020u) != 0) text += 'x';
  return OrDash(text);
}

std::string ShareAccessText(uint32_t access) {
  std::string text;
  if ((access & 1u) != 0) text += 'r';
  if ((access & 2u) != 0) text += 'w';
  if ((access & 4u) != 0) text += 'd';
  return OrDash(text);
}

std::string LeaseText(uint32_t state) {
  std::string text;
  if ((state & 1u) != 0) text += 'R';
  if ((state & 2u) != 0) text += 'H';
  if ((state & 4u) != 0) text += 'W';
  return text.empty() ? "lease -" : "lease " + text;
}

std::string OplockText(const pb::Open& open) {
  switch (open.oplock_level()) {
    case 0x00: return "-";
    case 0x01: return "level 2";
    case 0x08: return "exclusive";
    case 0x09: return "batch";
    case 0xFF: return LeaseText(open.lease_state());
    default: return Hex(open.oplock_level());
  }
}

std::string DurabilityText(pb::Durability durability) {
  if (durability == pb::DURABILITY_PERSISTENT) return "persistent";
  return durability == pb::DURABILITY_DURABLE ? "durable" : "-";
}

std::string ProtectionText(const pb::Session& session) {
  if (session.is_encrypted()) return "encrypted";
  return session.is_signed() ? "signed" : "plain";
}

std::string UserText(const pb::Session& session) {
  if (session.is_anonymous()) return "(anonymous)";
  std::string name = session.user_name();
  if (!session.domain_name().empty()) name = session.domain_name() + "\\" + name;
  return session.is_guest() ? name + " (guest)" : name;
}

std::string FileIdText(const pb::Open& open) {
  return absl::StrFormat("%x:%x", open.file_id_persistent(), open.file_id_volatile());
}

std::optional<uint64_t> ParseHex(std::string_view text) {
  if (text.starts_with("0x")) text.remove_prefix(2);
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <typename Response>
int Show(const Context& context, const Response& response, const Table& table) {
  if (context.is_json) {
    PrintJson(response);
  } else {
    std::cout << table.Text();
  }
  return kExitOk;
}

}  // namespace

int ListSessions(const Context& context) {
  pb::ListSessionsResponse all;
  const grpc::Status status =
      FetchAll(context, &Stub::ListSessions, pb::ListSessionsRequest(), all);
  if (!status.ok()) return ReportCallFailure(context, kDaemon, status);
  Table table({"SESSION", "USER", "CLIENT", "DIALECT", "PROTECTION", "CHANNELS", "TREES", "OPENS",
               "AGE", "IDLE"});
  for (const pb::Session& session : all.sessions()) {
    table.Add({Hex(session.session_id()), UserText(session), session.client_address(),
               OrDash(session.dialect()), ProtectionText(session),
               absl::StrFormat("%d", session.connection_ids_size()),
               absl::StrFormat("%u", session.tree_connect_count()),
               absl::StrFormat("%u", session.open_count()), AgoText(session.created_time()),
               AgoText(session.last_request_time())});
  }
  return Show(context, all, table);
}

int ListConnections(const Context& context) {
  pb::ListConnectionsResponse all;
  const grpc::Status status =
      FetchAll(context, &Stub::ListConnections, pb::ListConnectionsRequest(), all);
  if (!status.ok()) return ReportCallFailure(context, kDaemon, status);
  Table table({"CONNECTION", "CLIENT", "SERVER", "DIALECT", "CIPHER", "SIGNING", "LOOP", "SESSIONS",
               "CREDITS", "RECEIVED", "SENT", "AGE"});
  for (const pb::Connection& connection : all.connections()) {
    table.Add({Hex(connection.connection_id()), connection.client_address(),
               connection.server_address(), OrDash(connection.dialect()),
               OrDash(connection.cipher()), OrDash(connection.signing_algorithm()),
               absl::StrFormat("%u", connection.event_loop()),
               absl::StrFormat("%u", connection.session_count()),
               absl::StrFormat("%u", connection.credits_granted()),
               BytesText(static_cast<double>(connection.bytes_received())),
               BytesText(static_cast<double>(connection.bytes_sent())),
               AgoText(connection.connected_time())});
  }
  return Show(context, all, table);
}

int ListTreeConnects(const Context& context) {
  pb::ListTreeConnectsResponse all;
  const grpc::Status status =
      FetchAll(context, &Stub::ListTreeConnects, pb::ListTreeConnectsRequest(), all);
  if (!status.ok()) return ReportCallFailure(context, kDaemon, status);
  Table table({"TREE", "SESSION", "SHARE", "ACCESS", "OPENS", "AGE"});
  for (const pb::TreeConnect& tree : all.tree_connects()) {
    table.Add({Hex(tree.tree_id()), Hex(tree.session_id()), tree.share(),
               Hex(tree.maximal_access()), absl::StrFormat("%u", tree.open_count()),
               AgoText(tree.created_time())});
  }
  return Show(context, all, table);
}

int ListOpens(const Context& context, const std::string& share, uint64_t session_id) {
  pb::ListOpensRequest request;
  request.set_share(share);
  request.set_session_id(session_id);
  pb::ListOpensResponse all;
  const grpc::Status status = FetchAll(context, &Stub::ListOpens, request, all);
  if (!status.ok()) return ReportCallFailure(context, kDaemon, status);
  Table table({"FILE ID", "USER", "CLIENT", "ACCESS", "SHARED", "OPLOCK", "DURABLE", "LOCKS", "AGE",
               "SHARE", "PATH"});
  for (const pb::Open& open : all.opens()) {
    std::string path = open.path().empty() ? "\\" : open.path();
    if (open.is_delete_on_close()) path += " (delete on close)";
    table.Add({FileIdText(open), OrDash(open.user_name()), OrDash(open.client_address()),
               AccessText(open.granted_access()), ShareAccessText(open.share_access()),
               OplockText(open), DurabilityText(open.durability()),
               absl::StrFormat("%u", open.lock_count()), AgoText(open.opened_time()), open.share(),
               path});
  }
  return Show(context, all, table);
}

int ListShares(const Context& context) {
  pb::ListSharesResponse response;
  const auto stub = pb::FrontendAdminService::NewStub(context.Channel(kDaemon));
  const grpc::Status status =
      Call(context, *stub, &Stub::ListShares, pb::ListSharesRequest(), response);
  if (!status.ok()) return ReportCallFailure(context, kDaemon, status);
  Table table({"SHARE", "TYPE", "TREES", "OPENS", "ENCRYPTED", "CA", "PATH", "REMARK"});
  for (const pb::Share& share : response.shares()) {
    table.Add({share.netname(), share.type() == pb::SHARE_TYPE_PIPE ? "pipe" : "disk",
               absl::StrFormat("%u", share.tree_connect_count()),
               absl::StrFormat("%u", share.open_count()), YesNo(share.is_encrypted()),
               YesNo(share.is_continuously_available()), OrDash(share.path()), share.remark()});
  }
  return Show(context, response, table);
}

int CloseSession(const Context& context, uint64_t session_id) {
  pb::CloseSessionRequest request;
  request.set_session_id(session_id);
  pb::CloseSessionResponse response;
  const auto stub = pb::FrontendAdminService::NewStub(context.Channel(kDaemon));
  const grpc::Status status = Call(context, *stub, &Stub::CloseSession, request, response);
  if (!status.ok()) return ReportCallFailure(context, kDaemon, status);
  if (context.is_json) PrintJson(response);
  return response.found() ? kExitOk : Fail(kExitFailure, "there is no such session");
}

int CloseOpen(const Context& context, const std::string& file_id) {
  const size_t colon = file_id.find(':');
  const auto persistent = ParseHex(std::string_view(file_id).substr(0, colon));
  const auto vol = colon == std::string::npos
                       ? std::nullopt
                       : ParseHex(std::string_view(file_id).substr(colon + 1));
  if (!persistent || !vol) {
    return Fail(kExitUsage, "a file id is PERSISTENT:VOLATILE in hexadecimal, as opens lists it");
  }
  pb::CloseOpenRequest request;
  request.set_file_id_persistent(*persistent);
  request.set_file_id_volatile(*vol);
  pb::CloseOpenResponse response;
  const auto stub = pb::FrontendAdminService::NewStub(context.Channel(kDaemon));
  const grpc::Status status = Call(context, *stub, &Stub::CloseOpen, request, response);
  if (!status.ok()) return ReportCallFailure(context, kDaemon, status);
  if (context.is_json) PrintJson(response);
  return response.found() ? kExitOk : Fail(kExitFailure, "there is no such open");
}

}  // namespace continuo::ctl
