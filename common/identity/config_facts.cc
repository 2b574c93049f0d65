#include "common/identity/config_facts.h"

#include <algorithm>

namespace continuo::identity {
namespace {

bool HasPersistentHandles(const config::Config& config) {
  return config.global.ca || std::any_of(config.shares.begin(), config.shares.end(),
                                         [](const config::Share& share) { return share.ca; });
}

}  // namespace

Facts FactsOf(const config::Config& config) {
  Facts facts;
  facts.server_name = config.global.server_name;
  if (HasPersistentHandles(config)) facts.ca_path = config.global.ca_path;
  return facts;
}

OnDifference PolicyOf(const config::Config& config) {
  return config.global.scale_out || HasPersistentHandles(config) ? OnDifference::kRefuse
                                                                 : OnDifference::kAccept;
}

}  // namespace continuo::identity
