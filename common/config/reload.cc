#include "common/config/reload.h"

#include <map>

#include "common/bytes/utf16.h"
#include "common/config/key_table.h"

namespace continuo::config {
namespace {

// By folded netname, in the order of names.
std::map<std::string, const Share*> SharesByName(const Config& config) {
  std::map<std::string, const Share*> shares;
  for (const Share& share : config.shares) shares[bytes::FoldName(share.netname)] = &share;
  return shares;
}

void DiffShare(const Share& before, const Share& after, std::vector<ConfigChange>& changes) {
  for (const KeyInfo& key : KeyTable()) {
    if (!key.IsInShare() || key.same_share(before, after)) continue;
    changes.push_back({after.netname, key.name, key.apply == Apply::kRestart,
                       "share " + after.netname + " " + key.name});
  }
}

}  // namespace

std::vector<ConfigChange> DiffConfig(const Config& before, const Config& after) {
  std::vector<ConfigChange> changes;
  for (const KeyInfo& key : KeyTable()) {
    if (!key.IsInGlobal() || key.same_global(before.global, after.global)) continue;
    changes.push_back({"", key.name, key.apply == Apply::kRestart, "global " + key.name});
  }
  const std::map<std::string, const Share*> old_shares = SharesByName(before);
  const std::map<std::string, const Share*> new_shares = SharesByName(after);
  for (const auto& [name, share] : old_shares) {
    const auto found = new_shares.find(name);
    if (found != new_shares.end()) {
      DiffShare(*share, *found->second, changes);
    } else {
      changes.push_back({share->netname, "", false, "share " + share->netname + " removed"});
    }
  }
  for (const auto& [name, share] : new_shares) {
    if (old_shares.contains(name)) continue;
    changes.push_back({share->netname, "", false, "share " + share->netname + " added"});
  }
  return changes;
}

}  // namespace continuo::config
