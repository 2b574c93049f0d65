#include "common/rpc/policy.h"

#include <algorithm>
#include <set>

#include <absl/strings/str_format.h>

namespace continuo::rpc {

RoleSet RolesOf(const PeerCredentials& peer, const RoleContext& context) {
  const bool is_root = peer.uid == 0;
  const bool is_self = peer.uid == context.self_uid;
  const bool is_listed = std::find(context.daemon_uids.begin(), context.daemon_uids.end(),
                                   peer.uid) != context.daemon_uids.end();
  RoleSet roles = Role::kAny;
  if (is_root) roles.Add(Role::kRoot);
  if (is_self) roles.Add(Role::kSelf);
  if (is_root || is_self || is_listed) roles.Add(Role::kDaemon);
  if (is_root || is_self || context.is_admin_group_member) roles.Add(Role::kAdmin);
  return roles;
}

absl::Status ValidateRules(const std::vector<MethodRule>& rules) {
  std::set<std::string_view> seen;
  for (const MethodRule& rule : rules) {
    const size_t slash = rule.method.find('/', 1);
    const bool is_well_formed = !rule.method.empty() && rule.method[0] == '/' &&
                                slash != std::string::npos && slash > 1 &&
                                slash + 1 < rule.method.size() &&
                                rule.method.find('/', slash + 1) == std::string::npos;
    if (!is_well_formed) {
      return absl::InvalidArgumentError(
          absl::StrFormat("method rule \"%s\": expected /package.Service/Method", rule.method));
    }
    if (!seen.insert(rule.method).second) {
      return absl::InvalidArgumentError(
          absl::StrFormat("method rule \"%s\": listed twice", rule.method));
    }
  }
  return absl::OkStatus();
}

bool IsAllowed(const std::vector<MethodRule>& rules, std::string_view method, RoleSet caller) {
  const size_t slash = method.find('/', 1);
  if (slash == std::string_view::npos) return false;
  const std::string whole_service = std::string(method.substr(0, slash)) + "/*";
  const MethodRule* service_rule = nullptr;
  for (const MethodRule& rule : rules) {
    if (rule.method == method) return rule.allowed.Intersects(caller);
    if (rule.method == whole_service) service_rule = &rule;
  }
  return service_rule != nullptr && service_rule->allowed.Intersects(caller);
}

}  // namespace continuo::rpc
