// Who may call what on a daemon's socket: a table of method × caller.
//
//   const std::vector<rpc::MethodRule> rules = {
//       {"/continuo.auth.v1.AuthService/*", {rpc::Role::kDaemon}},
//       {"/continuo.auth.v1.AuthAdminService/*", {rpc::Role::kAdmin}},
//       {"/continuo.auth.v1.AuthAdminService/GetStatus", {rpc::Role::kAny}},
//   };
//
// A caller has the roles that its SO_PEERCRED uid and groups give it. What no rule allows is
// refused with PERMISSION_DENIED; for a method the rule with its full name decides, else the rule
// of its service. Health, reflection and the common AdminService have their rules built in
// (CommonRules in rpc/server.h).
//
// Threading: plain values and pure functions.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

namespace continuo::rpc {

enum class Role : uint32_t {
  kRoot = 1,    // uid 0.
  kSelf = 2,    // The uid that this daemon runs as.
  kDaemon = 4,  // A uid that a daemon of this node runs as: root, our own, ServerOptions::daemon_uids.
  kAdmin = 8,   // root, our own uid, or a member of group continuo-admin.
  kAny = 16,    // Whoever can open the socket.
};

class RoleSet {
 public:
  constexpr RoleSet() = default;
  constexpr RoleSet(Role role) : bits_(static_cast<uint32_t>(role)) {}  // NOLINT: implicit.
  constexpr RoleSet(std::initializer_list<Role> roles) {
    for (const Role role : roles) bits_ |= static_cast<uint32_t>(role);
  }
  constexpr bool Contains(Role role) const { return (bits_ & static_cast<uint32_t>(role)) != 0; }
  constexpr bool Intersects(RoleSet other) const { return (bits_ & other.bits_) != 0; }
  constexpr void Add(Role role) { bits_ |= static_cast<uint32_t>(role); }
  constexpr uint32_t bits() const { return bits_; }
  friend constexpr bool operator==(RoleSet, RoleSet) = default;

 private:
  uint32_t bits_ = 0;
};

struct MethodRule {
  std::string method;  // "/package.Service/Method" or "/package.Service/*".
  RoleSet allowed;
};

// The checked uid and gid of a connection.
struct PeerCredentials {
  uid_t uid = static_cast<uid_t>(-1);
  gid_t gid = static_cast<gid_t>(-1);
  pid_t pid = 0;
};

// What is needed to turn credentials into roles.
struct RoleContext {
  uid_t self_uid = 0;
  std::vector<uid_t> daemon_uids;
  // True when the peer belongs to the administrators' group.
  bool is_admin_group_member = false;
};

RoleSet RolesOf(const PeerCredentials& peer, const RoleContext& context);

// Errors: InvalidArgument naming the rule: a malformed method or one that is listed twice.
absl::Status ValidateRules(const std::vector<MethodRule>& rules);

// Decides one call.
bool IsAllowed(const std::vector<MethodRule>& rules, std::string_view method, RoleSet caller);

}  // namespace continuo::rpc
