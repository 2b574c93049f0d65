// What the pipe services need to know of the server, as one caller may see it.
//
// The frontend makes one object per pipe open, bound to that open's session: it answers for the
// caller, so that no pipe service decides who may see what beyond "is an administrator".
// Threading: called only from PipeEndpoint's methods, on the thread that calls those; the object
//            lives as long as the endpoint. No method may block: each returns a snapshot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/time/time.h>

#include "common/base/bytes.h"

namespace continuo::pipes {

// [MS-SRVS] 2.2.2.4.
enum class ShareType : uint32_t { kDisk = 0, kPrintQueue = 1, kDevice = 2, kIpc = 3 };
inline constexpr uint32_t kShareTypeSpecial = 0x80000000;
inline constexpr uint32_t kShareTypeClusterFileServer = 0x02000000;

inline constexpr uint32_t kUnlimitedUses = 0xFFFFFFFF;

struct ShareEntry {
  std::string name;
  std::string remark;
  ShareType type = ShareType::kDisk;
  uint32_t type_flags = 0;      // kShareTypeSpecial and the like, or-ed into the type.
  uint32_t share_flags = 0;     // SHI1005_FLAGS_*: [MS-SRVS] 2.2.4.29.
  std::string path;             // As Windows writes it ("C:\\export\\demo"); administrators only.
  uint32_t max_uses = kUnlimitedUses;
  uint32_t current_uses = 0;
  Bytes security_descriptor;    // Self-relative; empty: none.
};

struct ServerIdentity {
  std::string netbios_name;
  std::string domain;  // Domain or workgroup.
  std::string comment;
  uint32_t version_major = 10;
  uint32_t version_minor = 0;
  uint32_t type_flags = 0x00009003;  // WORKSTATION | SERVER | NT | SERVER_NT.
};

struct SessionEntry {
  std::string client_name;  // "\\\\10.0.0.7" without the backslashes.
  std::string user_name;
  uint32_t open_count = 0;
  uint32_t connected_seconds = 0;
  uint32_t idle_seconds = 0;
  bool is_guest = false;
};

struct FileEntry {
  uint32_t id = 0;
  uint32_t permissions = 0;  // PERM_FILE_READ 1, WRITE 2, CREATE 4.
  uint32_t lock_count = 0;
  std::string path;
  std::string user_name;
};

struct ConnectionEntry {
  uint32_t id = 0;
  ShareType type = ShareType::kDisk;
  uint32_t open_count = 0;
  uint32_t user_count = 0;
  uint32_t connected_seconds = 0;
  std::string user_name;
  std::string share_name;
};

class PipeEnvironment {
 public:
  virtual ~PipeEnvironment() = default;

  // Whether the caller is a member of BUILTIN\Administrators.
  virtual bool CallerIsAdmin() const = 0;

  virtual ServerIdentity Server() const = 0;
  virtual absl::Time Now() const = 0;

  // Shares that the caller may see listed (browseable, access-based enumeration), IPC$ included.
  virtual std::vector<ShareEntry> ListShares() const = 0;
  // A share by name, compared without case, whether or not it is listed.
  virtual std::optional<ShareEntry> FindShare(std::string_view name) const = 0;

  // Asked only when CallerIsAdmin().
  virtual std::vector<SessionEntry> ListSessions() const = 0;
  virtual std::vector<FileEntry> ListFiles() const = 0;
  virtual std::vector<ConnectionEntry> ListConnections() const = 0;
};

}  // namespace continuo::pipes
