#include "services/smb-frontend/commands/durable.h"

#include <algorithm>
#include <utility>

#include "common/bytes/utf16.h"
#include "services/smb-frontend/commands/release_open.h"
#include "services/smb-frontend/dispatch/smb_connection.h"

namespace continuo::commands {
namespace {

std::string NameOf(std::string path, const std::optional<std::string>& stream) {
  return stream ? std::move(path) + ":" + *stream : path;
}

ClaimFacts FactsOf(open::OpenFile& open) {
  ClaimFacts facts;
  facts.client_guid = open.facts().client_guid;
  facts.create_guid = open.facts().create_guid;
  facts.lease_key = open.facts().lease_key;
  facts.name = NameOf(open.PathInShare(), open.StreamName());
  facts.share_path = open.share().absolute_path;
  absl::MutexLock lock(&open.mutex());
  facts.is_persistent = open.state().is_persistent;
  return facts;
}

ClaimFacts FactsOf(const dispatch::RequestScope& scope, const CreatePlan& plan) {
  ClaimFacts facts;
  facts.client_guid = scope.connection.negotiated().client_guid;
  if (const auto& reconnect = plan.durable.reconnect_v2) {
    facts.create_guid = reconnect->create_guid;
    facts.is_persistent = (reconnect->flags & smbwire::kDurableV2FlagPersistent) != 0;
  }
  if (const auto& request = plan.durable.wants_v2) {
    facts.create_guid = request->create_guid;
    facts.is_persistent = (request->flags & smbwire::kDurableV2FlagPersistent) != 0;
  }
  if (plan.lease) facts.lease_key = plan.lease->key;
  facts.name = NameOf(plan.name.Path(), plan.name.stream);
  facts.share_path = scope.tree->share->absolute_path;
  facts.owner = &scope.identity->token.user;
  return facts;
}

}  // namespace

absl::Duration DurableTimeout(const DurableWish& wish, const config::Global& config) {
  if (!wish.wants_v2) return config.durable_v1_timeout;
  if (wish.wants_v2->timeout_ms == 0) return config.durable_v2_timeout;
  return std::min(absl::Milliseconds(wish.wants_v2->timeout_ms), kMaxDurableTimeout);
}

NtStatus CheckClaim(const ClaimFacts& open, const ClaimFacts& by, bool is_v2) {
  if (open.share_path != by.share_path) return NtStatus::kObjectNameNotFound;
  if (open.is_persistent && !by.is_persistent) return NtStatus::kObjectNameNotFound;
  // A lease binds an open to its client (smb2.durable-v2-open.reopen1a), and so does persistence.
  if ((open.lease_key || open.is_persistent) && open.client_guid != by.client_guid) return NtStatus::kObjectNameNotFound;
  if (open.lease_key != by.lease_key) return NtStatus::kObjectNameNotFound;
  if (is_v2 && open.create_guid != by.create_guid) return NtStatus::kObjectNameNotFound;
  if (open.lease_key && !bytes::EqualsIgnoringCase(open.name, by.name)) {
    return NtStatus::kInvalidParameter;
  }
  const bool is_owner = open.owner != nullptr && by.owner != nullptr && *open.owner == *by.owner;
  return is_owner ? NtStatus::kSuccess : NtStatus::kAccessDenied;
}

namespace {

// [MS-SMB2] 3.3.5.9.7, .12. The persistent half names it; on this node both halves are the same number.
std::shared_ptr<open::OpenFile> FindClaimed(dispatch::RequestScope& scope, const CreatePlan& plan) {
  const auto& v2 = plan.durable.reconnect_v2;
  const smbwire::FileId id = v2 ? v2->file_id : *plan.durable.reconnect_v1;
  std::shared_ptr<open::OpenFile> open = scope.server.opens.FindVolatile(id.persistent_id);
  if (open != nullptr || !v2 || (v2->flags & smbwire::kDurableV2FlagPersistent) == 0) return open;
  return scope.server.opens.FindByCreateGuid(scope.connection.negotiated().client_guid,
                                             v2->create_guid);
}

NtResult<std::shared_ptr<open::OpenFile>> Claim(dispatch::RequestScope& scope,
                                                const CreatePlan& plan,
                                                std::shared_ptr<open::OpenFile> open, bool is_v2) {
  if (open == nullptr || open->is_closing() || open->is_pipe()) {
    return NtStatus::kObjectNameNotFound;
  }
  ClaimFacts held = FactsOf(*open);
  const std::shared_ptr<const session::Identity> owner = open->session()->identity();
  if (owner != nullptr) held.owner = &owner->token.user;
  {
    absl::MutexLock lock(&open->mutex());
    if (!open->state().is_disconnected) return NtStatus::kObjectNameNotFound;
  }
  CONTINUO_RETURN_IF_ERROR(CheckClaim(held, FactsOf(scope, plan), is_v2));
  absl::MutexLock lock(&open->mutex());
  if (!std::exchange(open->state().is_disconnected, false)) return NtStatus::kObjectNameNotFound;
  return open;
}

}  // namespace

NtResult<std::shared_ptr<open::OpenFile>> ClaimDurable(dispatch::RequestScope& scope,
                                                       const CreatePlan& plan) {
  return Claim(scope, plan, FindClaimed(scope, plan), plan.durable.reconnect_v2.has_value());
}

NtResult<std::shared_ptr<open::OpenFile>> ClaimReplayed(dispatch::RequestScope& scope,
                                                        const CreatePlan& plan,
                                                        std::shared_ptr<open::OpenFile> open) {
  return Claim(scope, plan, std::move(open), true);
}

std::shared_ptr<open::OpenFile> SucceedOpen(const dispatch::RequestScope& scope,
                                            open::OpenFile& old) {
  open::OpenFacts facts = old.facts();
  facts.session = scope.session;
  facts.tree = scope.tree;
  facts.client_guid = scope.connection.negotiated().client_guid;
  facts.channel_sequence->Advance(scope.header.channel_sequence());
  std::shared_ptr<open::OpenFile> open = NewOpenFile(std::move(facts));
  open->SetPathInShare(old.PathInShare());
  absl::MutexLock from(&old.mutex());
  absl::MutexLock to(&open->mutex());
  open->state() = std::move(old.state());
  open->state().is_answered = false;
  return open;
}

}  // namespace continuo::commands
