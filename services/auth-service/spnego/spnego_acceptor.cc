#include "services/auth-service/spnego/spnego_acceptor.h"

namespace continuo::auth::spnego {

SpnegoStep SpnegoAcceptor::Step(std::span<const uint8_t> token) {
  if (token.size() > kTokenMaxBytes) return RefuseRaw(NtStatus::kInvalidParameter);
  const TokenKind kind = state_ == State::kRaw ? TokenKind::kUnknown : KindOf(token);
  switch (state_) {
    case State::kNew:
      if (kind == TokenKind::kNegTokenInit) {
        const auto init = DecodeNegTokenInit(token);
        return init ? Begin(*init) : RefuseRaw(NtStatus::kInvalidParameter);
      }
      if (kind == TokenKind::kRawNtlmssp || kind == TokenKind::kRawKerberos) {
        mechanism_ =
            factory_(kind == TokenKind::kRawNtlmssp ? Mech::kNtlmssp : Mech::kKerberos);
        if (mechanism_ == nullptr) return RefuseRaw(NtStatus::kInvalidParameter);
        state_ = State::kRaw;
        return Raw(token);
      }
      return RefuseRaw(NtStatus::kInvalidParameter);
    case State::kTalking:
      if (kind == TokenKind::kNegTokenResp) {
        const auto response = DecodeNegTokenResp(token);
        if (response) return Continue(*response);
      }
      return RefuseRaw(NtStatus::kInvalidParameter);
    case State::kRaw:
      return Raw(token);
    case State::kEnded:
      break;
  }
  return RefuseRaw(NtStatus::kInvalidParameter);
}

SpnegoStep SpnegoAcceptor::Begin(const NegTokenInit& init) {
  mech_types_der_ = init.mech_types_der;
  size_t chosen = 0;
  for (; chosen < init.mech_types.size(); ++chosen) {
    const auto mech = MechOfOid(init.mech_types[chosen]);
    if (!mech) continue;
    mechanism_ = factory_(*mech);
    mech_ = *mech;
    if (mechanism_ != nullptr) break;
  }
  if (mechanism_ == nullptr) return Refuse(NtStatus::kInvalidParameter);
  state_ = State::kTalking;
  is_mic_due_ = chosen != 0;
  if (chosen == 0 && init.mech_token) return Answer(*init.mech_token, init.mech_list_mic);

  // The optimistic token, if any, is for another mechanism: name ours and wait for its first one.
  is_mech_named_ = true;
  NegTokenResp response;
  response.neg_state = is_mic_due_ ? NegState::kRequestMic : NegState::kAcceptIncomplete;
  response.supported_mech = mech_;
  return {NtStatus::kMoreProcessingRequired, EncodeNegTokenResp(response)};
}

SpnegoStep SpnegoAcceptor::Continue(const NegTokenResp& response) {
  if (response.neg_state == NegState::kReject || !response.response_token) {
    return Refuse(NtStatus::kInvalidParameter);
  }
  return Answer(*response.response_token, response.mech_list_mic);
}

SpnegoStep SpnegoAcceptor::Answer(std::span<const uint8_t> mech_token,
                                  const std::optional<Bytes>& mech_list_mic) {
  NtResult<MechStep> step = mechanism_->Step(mech_token);
  if (!step.ok()) return Refuse(step.status());
  NegTokenResp response;
  if (!is_mech_named_) response.supported_mech = mech_;
  is_mech_named_ = true;
  if (!step->token.empty()) response.response_token = std::move(step->token);
  if (step->progress == Progress::kContinue) {
    response.neg_state = NegState::kAcceptIncomplete;
    return {NtStatus::kMoreProcessingRequired, EncodeNegTokenResp(response)};
  }
  state_ = State::kEnded;
  response.neg_state = NegState::kAcceptCompleted;
  if (mechanism_->HasIntegrity()) {
    if (mech_list_mic) {
      if (!mechanism_->CheckMic(mech_types_der_, *mech_list_mic)) {
        return Refuse(NtStatus::kLogonFailure);
      }
      response.mech_list_mic = mechanism_->MakeMic(mech_types_der_);
    } else if (is_mic_due_) {
      return Refuse(NtStatus::kLogonFailure);
    }
  }
  return {NtStatus::kSuccess, EncodeNegTokenResp(response)};
}

SpnegoStep SpnegoAcceptor::Raw(std::span<const uint8_t> token) {
  NtResult<MechStep> step = mechanism_->Step(token);
  if (!step.ok()) return RefuseRaw(step.status());
  if (step->progress == Progress::kContinue) {
    return {NtStatus::kMoreProcessingRequired, std::move(step->token)};
  }
  state_ = State::kEnded;
  return {NtStatus::kSuccess, std::move(step->token)};
}

SpnegoStep SpnegoAcceptor::Refuse(NtStatus status) {
  state_ = State::kEnded;
  NegTokenResp response;
  response.neg_state = NegState::kReject;
  return {status, EncodeNegTokenResp(response)};
}

SpnegoStep SpnegoAcceptor::RefuseRaw(NtStatus status) {
  state_ = State::kEnded;
  return {status, {}};
}

}  // namespace continuo::auth::spnego
