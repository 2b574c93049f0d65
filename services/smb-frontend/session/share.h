// A share as it is being served: its configuration, directory and who may connect.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <absl/status/statusor.h>

#include "common/config/config.h"
#include "common/ntstatus/ntstatus.h"
#include "common/security/access_mask.h"
#include "common/security/security_descriptor.h"
#include "common/security/token.h"
#include "services/smb-frontend/vfs/vfs.h"

namespace continuo::session {

enum class ShareKind { kDisk, kPipe };

// Immutable after it was made, shared by pointer: a tree connect keeps the share that it connected
// to, also after a reload replaced it.
// Threading: const, any thread.
struct Share {
  ShareKind kind = ShareKind::kDisk;
  config::Share config;  // For IPC$ only netname is meaningful.
  std::string absolute_path;  // The directory, resolved; prefix of fsa::OpenRequest::path.
  std::shared_ptr<const vfs::ShareRoot> root;  // Null for IPC$.
  std::shared_ptr<const security::SecurityDescriptor> descriptor;  // Who may connect, and do what.

  const std::string& netname() const { return config.netname; }
  bool is_disk() const { return kind == ShareKind::kDisk; }
  // Clients hide shares whose name ends in '$' ([MS-SRVS] 2.2.2.4 STYPE_SPECIAL).
  bool is_special() const { return !netname().empty() && netname().back() == '$'; }

  // What `token` may do at most on this share; 0: may not connect. [MS-SMB2] 3.3.5.7.
  security::AccessMask MaximalAccessOf(const security::SecurityToken& token) const;
};

// The SID of a user or group name of a `permissions` entry; nullopt when it is unknown.
using NameResolver = std::function<std::optional<security::Sid>(const std::string& name)>;

// The shares in force. Replaced as a whole by a reload.
// Threading: const after it was made.
class ShareTable {
 public:
  // Opens every share's directory, and adds IPC$ where the configuration has it. A share whose
  // directory cannot be opened is left out and logged: the others are served. Shares that did not
  // change are taken over from `previous`. Blocks.
  static std::shared_ptr<const ShareTable> Make(const config::Config& config,
                                                std::shared_ptr<const security::IdMapper> ids,
                                                const NameResolver& resolve,
                                                const ShareTable* previous);

  // By case-insensitive name; null when there is none.
  std::shared_ptr<const Share> Find(std::string_view netname) const;
  const std::vector<std::shared_ptr<const Share>>& all() const { return shares_; }

 private:
  void Add(std::shared_ptr<const Share> share);

  std::vector<std::shared_ptr<const Share>> shares_;  // In the order of the configuration.
  std::unordered_map<std::string, std::shared_ptr<const Share>> by_name_;  // By folded name.
};

// The descriptor that a share's `permissions` or SDDL stand for. An entry whose name is unknown
// grants nothing and is logged. Errors: SDDL that does not parse.
absl::StatusOr<security::SecurityDescriptor> ShareDescriptor(const config::Share& share,
                                                             const NameResolver& resolve);

}  // namespace continuo::session
