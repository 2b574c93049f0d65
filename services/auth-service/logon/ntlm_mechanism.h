// NTLMv2 against the user database: the protocol of ntlm/ joined with accounts and rate limits.
//
// Threading: one owner at a time; borrows limiter, random and clock.
#pragma once

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "services/auth-service/logon/logon_mechanism.h"
#include "services/auth-service/logon/rate_limiter.h"
#include "services/auth-service/ntlm/ntlm_acceptor.h"

namespace continuo::auth {

class NtlmMechanism final : public LogonMechanism {
 public:
  NtlmMechanism(std::shared_ptr<const Directory> directory, std::string client_address,
                RateLimiter& limiter, base::RandomSource& random, base::Clock& clock);

  NtResult<spnego::MechStep> Step(std::span<const uint8_t> token) override;
  bool HasIntegrity() const override { return has_integrity_; }
  Bytes MakeMic(std::span<const uint8_t> data) override { return acceptor_.ServerMechListMic(data); }
  bool CheckMic(std::span<const uint8_t> data, std::span<const uint8_t> mic) override {
    return acceptor_.CheckClientMechListMic(data, mic);
  }
  MechOutcome TakeOutcome() override { return std::move(outcome_); }
  absl::Duration delay() const override { return delay_; }
  std::string_view claimed_user() const override { return acceptor_.user(); }

 private:
  NtStatus Decide();
  NtStatus DecideAnonymous();
  NtStatus DecideUser();

  const std::shared_ptr<const Directory> directory_;
  const std::string client_address_;
  RateLimiter& limiter_;
  base::RandomSource& random_;
  base::Clock& clock_;
  ntlm::NtlmAcceptor acceptor_;
  bool is_challenged_ = false;
  bool has_integrity_ = false;
  absl::Duration delay_ = absl::ZeroDuration();
  MechOutcome outcome_;
};

}  // namespace continuo::auth
