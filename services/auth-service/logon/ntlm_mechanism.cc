#include "services/auth-service/logon/ntlm_mechanism.h"

namespace continuo::auth {

namespace {

constexpr std::string_view kNtlmv2 = "ntlmv2";

}  // namespace

NtlmMechanism::NtlmMechanism(std::shared_ptr<const Directory> directory,
                             std::string client_address, RateLimiter& limiter,
                             base::RandomSource& random, base::Clock& clock)
    : directory_(std::move(directory)),
      client_address_(std::move(client_address)),
      limiter_(limiter),
      random_(random),
      clock_(clock),
      acceptor_(directory_->policy.ntlm_names) {}

NtResult<spnego::MechStep> NtlmMechanism::Step(std::span<const uint8_t> token) {
  if (!is_challenged_) {
    is_challenged_ = true;
    NtResult<Bytes> challenge = acceptor_.Negotiate(token, random_, clock_.Now());
    if (!challenge.ok()) return challenge.status();
    return spnego::MechStep{spnego::Progress::kContinue, *std::move(challenge)};
  }
  CONTINUO_RETURN_IF_ERROR(acceptor_.Authenticate(token));
  CONTINUO_RETURN_IF_ERROR(Decide());
  return spnego::MechStep{spnego::Progress::kDone, {}};
}

NtStatus NtlmMechanism::Decide() {
  return acceptor_.is_anonymous() ? DecideAnonymous() : DecideUser();
}

NtStatus NtlmMechanism::DecideAnonymous() {
  switch (directory_->policy.anonymous) {
    case AnonymousPolicy::kRefuse:
      return NtStatus::kAccessDenied;
    case AnonymousPolicy::kAsGuest:
      outcome_ = {directory_->GuestIdentity(), {}, "guest"};
      return NtStatus::kSuccess;
    case AnonymousPolicy::kAnonymous:
      break;
  }
  outcome_ = {directory_->AnonymousIdentity(), {}, "anonymous"};
  return NtStatus::kSuccess;
}

NtStatus NtlmMechanism::DecideUser() {
  const absl::Time now = clock_.Now();
  const userdb::UserRecord* user = directory_->FindUser(acceptor_.user());
  if (user == nullptr && directory_->policy.allow_guest) {
    outcome_ = {directory_->GuestIdentity(), {}, "guest"};
    return NtStatus::kSuccess;
  }
  // One account has one counter, however its name was written.
  const LogonOrigin origin{user == nullptr ? acceptor_.user() : user->name, client_address_};
  const auto wait = limiter_.Admit(origin, now);
  if (!wait) {
    delay_ = RateLimiter::kWaitMax;
    return NtStatus::kLogonFailure;
  }
  delay_ = *wait;
  const userdb::NtHash* hash = user != nullptr && user->nt_hash ? &*user->nt_hash : nullptr;
  const NtResult<ntlm::Key> key = acceptor_.Verify(hash, random_);
  if (!key.ok()) {
    if (key.status() == NtStatus::kLogonFailure) limiter_.Failed(origin, now);
    return key.status();
  }
  CONTINUO_RETURN_IF_ERROR(directory_->CheckAccount(*user, now));
  limiter_.Succeeded(origin);
  outcome_ = {directory_->LocalIdentity(*user), Bytes(key->begin(), key->end()), kNtlmv2};
  has_integrity_ = true;
  return NtStatus::kSuccess;
}

}  // namespace continuo::auth
