// The server that the captures in golden_pdus.h came from, with knobs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/bytes/utf16.h"
#include "services/smb-frontend/pipes/pipe_environment.h"
#include "tests/unit/crypto/hex.h"

namespace continuo::pipes {

class FakeEnvironment final : public PipeEnvironment {
 public:
  FakeEnvironment() {
    // Everybody may do everything, as smbd's default has it.
    const Bytes descriptor = crypto::FromHex(
        "0100048000000000000000000000000014000000"
        "02001c000100000000001400ff011f00010100000000000100000000");
    shares.push_back({.name = "demo", .remark = "A demo share", .path = "C:\\srv\\golden\\demo",
                      .current_uses = 1, .security_descriptor = descriptor});
    shares.push_back({.name = "second", .remark = "\u00dcbung", .path = "C:\\srv\\golden\\second",
                      .current_uses = 1, .security_descriptor = descriptor});
    shares.push_back({.name = "IPC$", .remark = "IPC Service (Golden server)",
                      .type = ShareType::kIpc, .type_flags = kShareTypeSpecial, .path = "C:\\tmp",
                      .current_uses = 1, .security_descriptor = descriptor});
    server = {.netbios_name = "GOLDEN", .domain = "CONTINUO", .comment = "Golden server",
              .version_major = 6, .version_minor = 1, .type_flags = 0x00809A03};
  }

  bool CallerIsAdmin() const override { return is_admin; }
  ServerIdentity Server() const override { return server; }
  absl::Time Now() const override { return now; }
  std::vector<ShareEntry> ListShares() const override { return shares; }
  std::optional<ShareEntry> FindShare(std::string_view name) const override {
    for (const ShareEntry& share : shares) {
      if (bytes::EqualsIgnoringCase(share.name, name)) return share;
    }
    return std::nullopt;
  }
  std::vector<SessionEntry> ListSessions() const override { return sessions; }
  std::vector<FileEntry> ListFiles() const override { return files; }
  std::vector<ConnectionEntry> ListConnections() const override { return connections; }

  bool is_admin = true;
  ServerIdentity server;
  absl::Time now = absl::UnixEpoch();
  std::vector<ShareEntry> shares;
  std::vector<SessionEntry> sessions;
  std::vector<FileEntry> files;
  std::vector<ConnectionEntry> connections;
};

}  // namespace continuo::pipes
