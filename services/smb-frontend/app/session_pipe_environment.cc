#include "services/smb-frontend/app/session_pipe_environment.h"

#include <absl/strings/ascii.h>

#include "services/smb-frontend/dispatch/smb_connection.h"

namespace continuo::app {
namespace {

// SHI1005_FLAGS_ENCRYPT_DATA: [MS-SRVS] 2.2.4.29.
constexpr uint32_t kShareFlagEncrypt = 0x00008000;

// PERM_FILE_*: [MS-SRVS] 2.2.4.7.
constexpr uint32_t kPermissionRead = 1;
constexpr uint32_t kPermissionWrite = 2;

class SessionPipeEnvironment final : public pipes::PipeEnvironment {
 public:
  SessionPipeEnvironment(dispatch::ServerContext& server,
                         std::shared_ptr<session::Session> session)
      : server_(server), session_(std::move(session)), identity_(session_->identity()) {}

  bool CallerIsAdmin() const override { return identity_ != nullptr && identity_->token.is_admin; }

  pipes::ServerIdentity Server() const override {
    const std::shared_ptr<const config::Config> config = server_.config();
    pipes::ServerIdentity identity;
    identity.netbios_name = absl::AsciiStrToUpper(server_.server_name);
    identity.domain = config->global.domain.empty() ? "WORKGROUP" : config->global.domain;
    identity.comment = "Continuo";
    return identity;
  }

  absl::Time Now() const override { return absl::Now(); }

  std::vector<pipes::ShareEntry> ListShares() const override {
    const bool by_access = server_.config()->global.access_based_share_enumeration;
    std::vector<pipes::ShareEntry> entries;
    for (const auto& share : server_.shares()->all()) {
      if (share->config.administrative && !CallerIsAdmin()) continue;
      if (by_access && !MayConnect(*share)) continue;
      entries.push_back(Entry(*share));
    }
    return entries;
  }

  std::optional<pipes::ShareEntry> FindShare(std::string_view name) const override {
    const std::shared_ptr<const session::Share> share = server_.shares()->Find(name);
    if (share == nullptr) return std::nullopt;
    return Entry(*share);
  }

  std::vector<pipes::SessionEntry> ListSessions() const override {
    std::vector<pipes::SessionEntry> entries;
    for (const auto& session : server_.sessions.all()) {
      const std::shared_ptr<const session::Identity> identity = session->identity();
      if (identity == nullptr) continue;
      pipes::SessionEntry entry;
      entry.client_name = ClientOf(*session);
      entry.user_name = identity->user_name;
      entry.open_count = static_cast<uint32_t>(session->open_count());
      entry.connected_seconds = SecondsSince(session->created());
      entry.is_guest = identity->token.is_guest;
      entries.push_back(std::move(entry));
    }
    return entries;
  }

  std::vector<pipes::FileEntry> ListFiles() const override {
    std::vector<pipes::FileEntry> entries;
    server_.opens.ForEach([&entries](const std::shared_ptr<open::OpenFile>& open) {
      pipes::FileEntry entry;
      entry.id = static_cast<uint32_t>(open->file_id().volatile_id);
      if (open->Has(security::kFileReadData)) entry.permissions |= kPermissionRead;
      if (open->Has(security::kFileWriteData)) entry.permissions |= kPermissionWrite;
      entry.path = open->PathInShare();
      const auto identity = open->session()->identity();
      if (identity != nullptr) entry.user_name = identity->user_name;
      entries.push_back(std::move(entry));
    });
    return entries;
  }

  std::vector<pipes::ConnectionEntry> ListConnections() const override {
    std::vector<pipes::ConnectionEntry> entries;
    for (const auto& session : server_.sessions.all()) {
      const std::shared_ptr<const session::Identity> identity = session->identity();
      if (identity == nullptr) continue;
      for (const auto& tree : session->tree_connects()) {
        pipes::ConnectionEntry entry;
        entry.id = tree->id.value();
        entry.type = tree->share->is_disk() ? pipes::ShareType::kDisk : pipes::ShareType::kIpc;
        entry.user_count = 1;
        entry.connected_seconds = SecondsSince(tree->created);
        entry.user_name = identity->user_name;
        entry.share_name = tree->share->netname();
        entries.push_back(std::move(entry));
      }
    }
    return entries;
  }

 private:
  static uint32_t SecondsSince(absl::Time begin) {
    return static_cast<uint32_t>(absl::ToInt64Seconds(absl::Now() - begin));
  }

  bool MayConnect(const session::Share& share) const {
    return identity_ != nullptr && share.MaximalAccessOf(identity_->token) != 0;
  }

  std::string ClientOf(const session::Session& session) const {
    for (const uint64_t id : session.channels()) {
      if (const auto connection = server_.connections.Find(id)) {
        return connection->transport().peer_address().HostString();
      }
    }
    return "";
  }

  pipes::ShareEntry Entry(const session::Share& share) const {
    pipes::ShareEntry entry;
    entry.name = share.netname();
    entry.remark = share.config.remark;
    entry.type = share.is_disk() ? pipes::ShareType::kDisk : pipes::ShareType::kIpc;
    if (share.is_special()) entry.type_flags = pipes::kShareTypeSpecial;
    if (!share.is_disk()) return entry;
    if (share.config.encrypt_data) entry.share_flags |= kShareFlagEncrypt;
    entry.path = "C:" + share.config.path;
    for (char& c : entry.path) {
      if (c == '/') c = '\\';
    }
    if (share.descriptor != nullptr) {
      entry.security_descriptor = security::EncodeSecurityDescriptor(*share.descriptor);
    }
    return entry;
  }

  dispatch::ServerContext& server_;
  const std::shared_ptr<session::Session> session_;
  const std::shared_ptr<const session::Identity> identity_;
};

}  // namespace

std::shared_ptr<const pipes::PipeEnvironment> MakePipeEnvironment(
    dispatch::ServerContext& server, std::shared_ptr<session::Session> session) {
  return std::make_shared<SessionPipeEnvironment>(server, std::move(session));
}

}  // namespace continuo::app
