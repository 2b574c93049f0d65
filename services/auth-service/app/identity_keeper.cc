#include "services/auth-service/app/identity_keeper.h"

#include "common/base/check.h"
#include "common/identity/config_facts.h"
#include "services/auth-service/kerberos/keytab_keys.h"

namespace continuo::auth {
namespace {

constexpr char kSystemKeytab[] = "/etc/krb5.keytab";

}  // namespace

std::string KeytabOf(const config::Config& config) {
  const config::Global& global = config.global;
  if (!global.kerberos_keytab.empty()) return global.kerberos_keytab;
  return global.userdb_type == config::UserDbType::kAd ? kSystemKeytab : "";
}

absl::Status IdentityKeeper::Check(const config::Config& config,
                                   const userdb::UserDatabase& users) {
  identity::Facts facts = identity::FactsOf(config);
  facts.machine_sid = users.machine_sid();
  facts.next_rid = users.next_rid();
  CONTINUO_ASSIGN_OR_RETURN(const Bytes key, store_.ReadKey());
  facts.sealing_key_id = identity::SealingKeyId(key);
  if (const std::string keytab = KeytabOf(config); !keytab.empty()) {
    facts.keytab = kerberos::ReadKeytabKeys(keytab).value_or(std::map<std::string, uint32_t>());
  }
  const identity::IdentityFile file(config.global.runstate_dir);
  CONTINUO_ASSIGN_OR_RETURN(const identity::Identity identity,
                            file.Establish(facts, identity::PolicyOf(config), random_));
  for (const auto& [name, sid] : identity.domains) domains_.LearnDomain(name, sid);
  return absl::OkStatus();
}

absl::Status IdentityKeeper::KeepDomains(const config::Config& config) {
  const uint64_t revision = domains_.revision();
  if (revision == kept_revision_) return absl::OkStatus();
  const identity::IdentityFile file(config.global.runstate_dir);
  CONTINUO_RETURN_IF_ERROR(file.Change([this](identity::Identity& identity) {
                                 for (const auto& [name, sid] : domains_.domains()) {
                                   identity.domains.emplace(name, sid);
                                 }
                                 return absl::OkStatus();
                               })
                               .status());
  kept_revision_ = revision;
  return absl::OkStatus();
}

}  // namespace continuo::auth
