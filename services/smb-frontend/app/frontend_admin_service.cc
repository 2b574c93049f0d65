#include "services/smb-frontend/app/frontend_admin_service.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <absl/strings/str_format.h>

#include "continuo/frontend/v1/frontend_admin_service.grpc.pb.h"
#include "services/smb-frontend/app/server_identity.h"
#include "services/smb-frontend/commands/end_session.h"
#include "services/smb-frontend/dispatch/smb_connection.h"

namespace continuo::app {
namespace {

namespace v1 = continuo::frontend::v1;

constexpr size_t kMaxPageSize = 1000;

google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp out;
  const int64_t seconds = absl::ToUnixSeconds(time);
  out.set_seconds(seconds);
  out.set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
  return out;
}

std::string DialectText(uint16_t dialect) {
  switch (dialect) {
    case 0x0202:
      return "2.0.2";
    case 0x0210:
      return "2.1";
    case 0x0300:
      return "3.0";
    case 0x0302:
      return "3.0.2";
    case 0x0311:
      return "3.1.1";
    default:
      return "";
  }
}

std::string CipherText(crypto::Cipher cipher) {
  switch (cipher) {
    case crypto::Cipher::kAes128Ccm:
      return "AES-128-CCM";
    case crypto::Cipher::kAes128Gcm:
      return "AES-128-GCM";
    case crypto::Cipher::kAes256Ccm:
      return "AES-256-CCM";
    case crypto::Cipher::kAes256Gcm:
      return "AES-256-GCM";
    case crypto::Cipher::kNone:
      break;
  }
  return "";
}

std::string SigningText(crypto::SigningAlgorithm algorithm) {
  switch (algorithm) {
    case crypto::SigningAlgorithm::kHmacSha256:
      return "HMAC-SHA256";
    case crypto::SigningAlgorithm::kAesCmac:
      return "AES-CMAC";
    case crypto::SigningAlgorithm::kAesGmac:
      return "AES-GMAC";
  }
  return "";
}

// Pages by a rising id: what follows the last one listed. Ids are never used again, so nothing is
// listed twice and what stays is never left out.
template <typename Item, typename IdOf, typename Add>
std::string Page(std::vector<Item> items, uint32_t page_size, const std::string& token, IdOf id_of,
                 Add add) {
  uint64_t after = 0;
  std::from_chars(token.data(), token.data() + token.size(), after);
  std::sort(items.begin(), items.end(),
            [&](const Item& a, const Item& b) { return id_of(a) < id_of(b); });
  const size_t limit = page_size == 0 ? kMaxPageSize : std::min<size_t>(page_size, kMaxPageSize);
  size_t added = 0;
  uint64_t last = 0;
  for (const Item& item : items) {
    if (!token.empty() && id_of(item) <= after) continue;
    if (added == limit) return std::to_string(last);
    add(item);
    last = id_of(item);
    ++added;
  }
  return "";
}

std::string ClientOf(const dispatch::ServerContext& server, const session::Session& session) {
  for (const uint64_t id : session.channels()) {
    if (const auto connection = server.connections.Find(id)) {
      return connection->transport().peer_address().ToString();
    }
  }
  return "";
}

void FillSession(const dispatch::ServerContext& server, const session::Session& session,
                 v1::Session* out) {
  out->set_session_id(session.id().value());
  out->set_dialect(DialectText(static_cast<uint16_t>(session.origin().dialect)));
  *out->mutable_created_time() = ToTimestamp(session.created());
  out->set_client_address(ClientOf(server, session));
  for (const uint64_t id : session.channels()) out->add_connection_ids(id);
  out->set_open_count(static_cast<uint32_t>(session.open_count()));
  out->set_tree_connect_count(static_cast<uint32_t>(session.tree_connects().size()));
  out->set_is_signed(session.is_signing_required());
  out->set_is_encrypted(session.is_encryption_required());
  switch (session.state()) {
    case session::SessionState::kInProgress:
      out->set_state(v1::SESSION_STATE_IN_PROGRESS);
      break;
    case session::SessionState::kExpired:
      out->set_state(v1::SESSION_STATE_EXPIRED);
      break;
    case session::SessionState::kValid:
    case session::SessionState::kClosed:
      out->set_state(v1::SESSION_STATE_VALID);
      break;
  }
  const std::shared_ptr<const session::Identity> identity = session.identity();
  if (identity == nullptr) return;
  out->set_user_name(identity->user_name);
  out->set_domain_name(identity->domain_name);
  out->set_user_sid(identity->token.user.ToString());
  out->set_uid(identity->token.uid);
  out->set_gid(identity->token.gid);
  for (const security::Sid& sid : identity->token.groups) out->add_group_sids(sid.ToString());
  out->set_is_guest(identity->token.is_guest);
  out->set_is_anonymous(identity->token.is_anonymous);
  if (identity->expiry != absl::InfiniteFuture()) {
    *out->mutable_expiry_time() = ToTimestamp(identity->expiry);
  }
}

void FillOpen(const dispatch::ServerContext& server, open::OpenFile& open, v1::Open* out) {
  const open::OpenFacts& facts = open.facts();
  out->set_file_id_persistent(facts.file_id.persistent_id);
  out->set_file_id_volatile(facts.file_id.volatile_id);
  out->set_session_id(facts.session->id().value());
  const std::shared_ptr<const session::Identity> identity = facts.session->identity();
  if (identity != nullptr) out->set_user_name(identity->DisplayName());
  out->set_client_address(ClientOf(server, *facts.session));
  out->set_share(facts.tree->share->netname());
  std::string path = open.PathInShare();
  if (open.is_stream()) path += ":" + open.stream->name();
  out->set_path(std::move(path));
  out->set_is_directory(facts.is_directory);
  out->set_granted_access(facts.granted_access);
  out->set_share_access(facts.share_access);
  *out->mutable_opened_time() = ToTimestamp(facts.created);
  absl::MutexLock lock(&open.mutex());
  out->set_oplock_level(static_cast<uint32_t>(open.state().oplock));
  out->set_durability(open.state().is_durable ? v1::DURABILITY_DURABLE : v1::DURABILITY_NONE);
}

template <typename Response>
grpc::ServerUnaryReactor* FinishNow(grpc::CallbackServerContext* context) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

net::Task<void> CloseSessionTask(dispatch::ServerContext& server,
                                 std::shared_ptr<session::Session> session,
                                 grpc::ServerUnaryReactor* reactor) {
  co_await commands::CloseSession(server, server.loops->loop(0), std::move(session));
  reactor->Finish(grpc::Status::OK);
  server.background_tasks.fetch_sub(1);
}

net::Task<void> CloseOpenTask(dispatch::ServerContext& server,
                              std::shared_ptr<open::OpenFile> open,
                              grpc::ServerUnaryReactor* reactor) {
  const NtStatus closed =
      co_await commands::CloseOpen(server, server.loops->loop(0), std::move(open));
  (void)closed;  // Its client was faster: closed all the same.
  reactor->Finish(grpc::Status::OK);
  server.background_tasks.fetch_sub(1);
}

}  // namespace

class FrontendAdminService::Impl final : public v1::FrontendAdminService::CallbackService {
 public:
  explicit Impl(dispatch::ServerContext& server) : server_(server) {}

  grpc::ServerUnaryReactor* ListConnections(grpc::CallbackServerContext* context,
                                            const v1::ListConnectionsRequest* request,
                                            v1::ListConnectionsResponse* response) override {
    response->set_next_page_token(Page(
        server_.connections.all(), request->page_size(), request->page_token(),
        [](const auto& connection) { return connection->id(); },
        [&](const auto& connection) {
          v1::Connection* out = response->add_connections();
          const net::Connection& transport = connection->transport();
          out->set_connection_id(connection->id());
          out->set_client_address(transport.peer_address().ToString());
          out->set_server_address(transport.local_address().ToString());
          *out->mutable_connected_time() = ToTimestamp(connection->connected());
          out->set_event_loop(transport.loop().index());
          out->set_bytes_received(transport.received_bytes());
          out->set_bytes_sent(transport.sent_bytes());
          const dispatch::ConnectionSummary summary = connection->summary();
          out->set_dialect(DialectText(summary.dialect));
          out->set_cipher(CipherText(summary.cipher));
          if (summary.dialect != 0) {
            out->set_signing_algorithm(SigningText(summary.signing_algorithm));
          }
          out->set_session_count(summary.session_count);
        }));
    return FinishNow<v1::ListConnectionsResponse>(context);
  }

  grpc::ServerUnaryReactor* ListSessions(grpc::CallbackServerContext* context,
                                         const v1::ListSessionsRequest* request,
                                         v1::ListSessionsResponse* response) override {
    response->set_next_page_token(Page(
        server_.sessions.all(), request->page_size(), request->page_token(),
        [](const auto& session) { return session->id().value(); },
        [&](const auto& session) { FillSession(server_, *session, response->add_sessions()); }));
    return FinishNow<v1::ListSessionsResponse>(context);
  }

  grpc::ServerUnaryReactor* ListTreeConnects(grpc::CallbackServerContext* context,
                                             const v1::ListTreeConnectsRequest*,
                                             v1::ListTreeConnectsResponse* response) override {
    for (const auto& session : server_.sessions.all()) {
      for (const auto& tree : session->tree_connects()) {
        v1::TreeConnect* out = response->add_tree_connects();
        out->set_tree_id(tree->id.value());
        out->set_session_id(session->id().value());
        out->set_share(tree->share->netname());
        out->set_maximal_access(tree->maximal_access);
        *out->mutable_created_time() = ToTimestamp(tree->created);
      }
    }
    return FinishNow<v1::ListTreeConnectsResponse>(context);
  }

  grpc::ServerUnaryReactor* ListOpens(grpc::CallbackServerContext* context,
                                      const v1::ListOpensRequest* request,
                                      v1::ListOpensResponse* response) override {
    std::vector<std::shared_ptr<open::OpenFile>> opens;
    server_.opens.ForEach([&](const std::shared_ptr<open::OpenFile>& open) {
      const bool is_session = request->session_id() == 0 ||
                              open->session()->id().value() == request->session_id();
      const bool is_share =
          request->share().empty() || open->share().netname() == request->share();
      if (is_session && is_share) opens.push_back(open);
    });
    response->set_next_page_token(Page(
        std::move(opens), request->page_size(), request->page_token(),
        [](const auto& open) { return open->file_id().volatile_id; },
        [&](const auto& open) { FillOpen(server_, *open, response->add_opens()); }));
    return FinishNow<v1::ListOpensResponse>(context);
  }

  grpc::ServerUnaryReactor* ListShares(grpc::CallbackServerContext* context,
                                       const v1::ListSharesRequest*,
                                       v1::ListSharesResponse* response) override {
    absl::flat_hash_map<const session::Share*, std::pair<uint32_t, uint32_t>> counts;
    for (const auto& session : server_.sessions.all()) {
      for (const auto& tree : session->tree_connects()) ++counts[tree->share.get()].first;
    }
    server_.opens.ForEach([&](const std::shared_ptr<open::OpenFile>& open) {
      ++counts[open->tree()->share.get()].second;
    });
    for (const auto& share : server_.shares()->all()) {
      v1::Share* out = response->add_shares();
      out->set_netname(share->netname());
      out->set_type(share->is_disk() ? v1::SHARE_TYPE_DISK : v1::SHARE_TYPE_PIPE);
      out->set_path(share->config.path);
      out->set_remark(share->config.remark);
      out->set_tree_connect_count(counts[share.get()].first);
      out->set_open_count(counts[share.get()].second);
      out->set_is_encrypted(share->config.encrypt_data);
      out->set_is_administrative(share->config.administrative);
    }
    return FinishNow<v1::ListSharesResponse>(context);
  }

  grpc::ServerUnaryReactor* GetThroughput(grpc::CallbackServerContext* context,
                                          const v1::GetThroughputRequest*,
                                          v1::GetThroughputResponse* response) override {
    response->set_uptime_us(absl::ToInt64Microseconds(absl::Now() - server_.started));
    uint64_t received = 0;
    uint64_t sent = 0;
    for (const auto& connection : server_.connections.all()) {
      received += connection->transport().received_bytes();
      sent += connection->transport().sent_bytes();
    }
    response->set_bytes_received(received + server_.metrics.closed_bytes_received.load());
    response->set_bytes_sent(sent + server_.metrics.closed_bytes_sent.load());
    response->set_file_bytes_read(server_.metrics.bytes_read.load());
    response->set_file_bytes_written(server_.metrics.bytes_written.load());
    uint64_t started_total = 0;
    uint64_t completed_total = 0;
    uint64_t failed_total = 0;
    for (size_t i = 0; i < server_.metrics.commands.size(); ++i) {
      const dispatch::CommandCounters& counters = server_.metrics.commands[i];
      const uint64_t completed = counters.completed.load();
      const uint64_t started = std::max(counters.started.load(), completed);
      started_total += started;
      completed_total += completed;
      failed_total += counters.failed.load();
      if (started == 0) continue;
      v1::CommandCounters* out = response->add_commands();
      out->set_command(std::string(CommandName(i)));
      out->set_started(started);
      out->set_completed(completed);
      out->set_failed(counters.failed.load());
      out->set_in_flight(started - completed);
      out->set_latency_us_total(counters.duration_ns.load() / 1000);
    }
    response->set_requests_completed(completed_total);
    response->set_requests_failed(failed_total);
    response->set_requests_in_flight(static_cast<uint32_t>(started_total - completed_total));
    response->set_connection_count(server_.loops->counts().open.load());
    response->set_session_count(static_cast<uint32_t>(server_.sessions.size()));
    uint32_t trees = 0;
    for (const auto& session : server_.sessions.all()) {
      trees += static_cast<uint32_t>(session->tree_connects().size());
    }
    response->set_tree_connect_count(trees);
    response->set_open_count(static_cast<uint32_t>(server_.opens.size()));
    return FinishNow<v1::GetThroughputResponse>(context);
  }

  grpc::ServerUnaryReactor* CloseSession(grpc::CallbackServerContext* context,
                                         const v1::CloseSessionRequest* request,
                                         v1::CloseSessionResponse* response) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    const auto session = server_.sessions.Find(smbwire::SessionId(request->session_id()));
    response->set_found(session != nullptr);
    if (session == nullptr) {
      reactor->Finish(grpc::Status::OK);
      return reactor;
    }
    server_.background_tasks.fetch_add(1);
    server_.loops->loop(0).Post([this, session, reactor] {
      net::Spawn(CloseSessionTask(server_, session, reactor));
    });
    return reactor;
  }

  grpc::ServerUnaryReactor* CloseOpen(grpc::CallbackServerContext* context,
                                      const v1::CloseOpenRequest* request,
                                      v1::CloseOpenResponse* response) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    const auto open = server_.opens.Find({.persistent_id = request->file_id_persistent(),
                                          .volatile_id = request->file_id_volatile()});
    response->set_found(open != nullptr);
    if (open == nullptr) {
      reactor->Finish(grpc::Status::OK);
      return reactor;
    }
    server_.background_tasks.fetch_add(1);
    server_.loops->loop(0).Post(
        [this, open, reactor] { net::Spawn(CloseOpenTask(server_, open, reactor)); });
    return reactor;
  }

 private:
  dispatch::ServerContext& server_;
};

FrontendAdminService::FrontendAdminService(dispatch::ServerContext& server)
    : impl_(std::make_unique<Impl>(server)) {}

FrontendAdminService::~FrontendAdminService() = default;

grpc::Service* FrontendAdminService::service() { return impl_.get(); }

}  // namespace continuo::app
