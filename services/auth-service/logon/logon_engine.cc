#include "services/auth-service/logon/logon_engine.h"

#include <algorithm>

#include "services/auth-service/logon/ntlm_mechanism.h"
#include "services/auth-service/ntlm/ntlm_messages.h"

namespace continuo::auth {

LogonEngine::LogonEngine(base::RandomSource& random, base::Clock& clock)
    : random_(random), clock_(clock), pending_(random) {}

void LogonEngine::SetDirectory(std::shared_ptr<const Directory> directory) {
  const absl::MutexLock lock(&mutex_);
  directory_ = std::move(directory);
}

std::shared_ptr<const Directory> LogonEngine::directory() const {
  const absl::MutexLock lock(&mutex_);
  return directory_;
}

void LogonEngine::SetKerberos(KerberosFactory kerberos) {
  const absl::MutexLock lock(&mutex_);
  kerberos_ = std::move(kerberos);
}

bool LogonEngine::has_kerberos() const {
  const absl::MutexLock lock(&mutex_);
  return kerberos_ != nullptr;
}

Bytes LogonEngine::InitialToken() const {
  return spnego::EncodeServerNegTokenInit2(has_kerberos() ? spnego::KerberosOffer::kYes
                                                          : spnego::KerberosOffer::kNo);
}

bool LogonEngine::MayBlock(std::span<const uint8_t> token) const {
  if (!has_kerberos()) return false;
  const auto found = std::search(token.begin(), token.end(), ntlm::kSignature.begin(),
                                 ntlm::kSignature.end());
  return found == token.end();
}

PendingLogon LogonEngine::Begin(const LogonInput& input) {
  PendingLogon logon;
  logon.started = clock_.Now();
  logon.connection_key = input.connection_key;
  logon.client_address = input.client_address;
  auto chosen = std::make_shared<LogonMechanism*>(nullptr);
  const std::shared_ptr<const Directory> snapshot = directory();
  KerberosFactory kerberos;
  {
    const absl::MutexLock lock(&mutex_);
    kerberos = kerberos_;
  }
  logon.mechanism = chosen;
  logon.acceptor = std::make_unique<spnego::SpnegoAcceptor>(
      [this, chosen, snapshot, kerberos,
       client_address = input.client_address](spnego::Mech mech) -> std::unique_ptr<spnego::Mechanism> {
        std::unique_ptr<LogonMechanism> mechanism;
        if (mech == spnego::Mech::kNtlmssp) {
          mechanism = std::make_unique<NtlmMechanism>(snapshot, client_address, limiter_, random_,
                                                      clock_);
        } else if (kerberos != nullptr) {
          mechanism = kerberos(snapshot);
        }
        *chosen = mechanism.get();
        return mechanism;
      });
  return logon;
}

LogonResult LogonEngine::Step(const LogonInput& input) {
  const absl::Time now = clock_.Now();
  std::optional<PendingLogon> logon;
  if (input.context_id == 0) {
    logon = Begin(input);
  } else {
    logon = pending_.Take(input.context_id, now);
  }
  // A context that was dropped, or that never was: the client starts again.
  if (!logon || logon->leg_count >= kLegsMax) {
    ++refused_;
    LogonResult result;
    result.status = NtStatus::kInvalidParameter;
    return result;
  }
  ++logon->leg_count;
  spnego::SpnegoStep step = logon->acceptor->Step(input.token);
  if (step.status != NtStatus::kMoreProcessingRequired) return Finish(*logon, std::move(step));
  LogonResult result;
  result.status = step.status;
  result.token = std::move(step.token);
  result.context_id = pending_.Put(input.context_id, *std::move(logon), now);
  return result;
}

LogonResult LogonEngine::Finish(const PendingLogon& logon, spnego::SpnegoStep step) {
  LogonResult result;
  result.status = step.status;
  result.token = std::move(step.token);
  LogonMechanism* mechanism = *logon.mechanism;
  if (mechanism != nullptr) {
    result.delay = mechanism->delay();
    result.claimed_user = std::string(mechanism->claimed_user());
  }
  if (result.delay > absl::ZeroDuration()) ++delayed_;
  if (!step.status.ok()) {
    ++refused_;
    return result;
  }
  ++succeeded_;
  CONTINUO_CHECK(mechanism != nullptr);
  result.outcome = mechanism->TakeOutcome();
  return result;
}

LogonCounters LogonEngine::counters() const {
  return {.succeeded = succeeded_, .refused = refused_, .delayed = delayed_};
}

}  // namespace continuo::auth
