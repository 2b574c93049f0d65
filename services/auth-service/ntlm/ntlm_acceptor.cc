#include "services/auth-service/ntlm/ntlm_acceptor.h"

#include <algorithm>

#include "common/crypto/secret.h"

namespace continuo::auth::ntlm {

namespace {

// What this acceptor can do, out of what a client asks for.
constexpr uint32_t kOffered = kUnicode | kSign | kSeal | kNtlm | kAlwaysSign |
                              kExtendedSessionSecurity | kVersion | k128 | k56 | kKeyExchange;

constexpr size_t kNtlmv1ResponseBytes = 24;

uint64_t ToFiletime(absl::Time time) {
  constexpr int64_t kUnixEpochInFiletime = 116'444'736'000'000'000;
  return static_cast<uint64_t>(absl::ToUnixNanos(time) / 100 + kUnixEpochInFiletime);
}

}  // namespace

NtResult<Bytes> NtlmAcceptor::Negotiate(std::span<const uint8_t> message,
                                        base::RandomSource& random, absl::Time now) {
  if (state_ != State::kNew) return NtStatus::kInvalidParameter;
  const auto negotiate = DecodeNegotiate(message);
  if (!negotiate) return NtStatus::kInvalidParameter;
  if ((negotiate->flags & kUnicode) == 0) return NtStatus::kInvalidParameter;

  random.Fill(server_challenge_);
  ChallengeMessage challenge;
  challenge.flags =
      (negotiate->flags & kOffered) | kTargetInfo | kRequestTarget | kTargetTypeServer | kNtlm;
  challenge.server_challenge = server_challenge_;
  challenge.target_name = names_.nb_computer_name;
  challenge.nb_domain_name = names_.nb_domain_name;
  challenge.nb_computer_name = names_.nb_computer_name;
  challenge.dns_domain_name = names_.dns_domain_name;
  challenge.dns_computer_name = names_.dns_computer_name;
  challenge.timestamp_filetime = ToFiletime(now);
  flags_ = challenge.flags;
  negotiate_bytes_ = Bytes(message.begin(), message.end());
  challenge_bytes_ = EncodeChallenge(challenge);
  state_ = State::kChallenged;
  return challenge_bytes_;
}

NtStatus NtlmAcceptor::Authenticate(std::span<const uint8_t> message) {
  if (state_ != State::kChallenged) return NtStatus::kInvalidParameter;
  state_ = State::kAnswered;
  auto authenticate = DecodeAuthenticate(message);
  if (!authenticate) return NtStatus::kInvalidParameter;
  authenticate_ = *std::move(authenticate);
  authenticate_bytes_ = Bytes(message.begin(), message.end());
  flags_ &= authenticate_.flags;
  // LmChallengeResponse of an anonymous client is empty or one zero byte.
  is_anonymous_ = authenticate_.user.empty() && authenticate_.nt_response.empty() &&
                  authenticate_.lm_response.size() <= 1;
  return NtStatus::kSuccess;
}

bool NtlmAcceptor::IsMicGood(const Ntlmv2Response& response,
                             const Key& exported_session_key) const {
  if ((response.av_flags & kAvFlagMicPresent) == 0) return true;
  if (!authenticate_.mic) return false;
  const Key mic = MessageIntegrityCode(exported_session_key, negotiate_bytes_, challenge_bytes_,
                                       authenticate_bytes_);
  return crypto::ConstantTimeEqual(mic, *authenticate_.mic);
}

NtResult<Key> NtlmAcceptor::Verify(const userdb::NtHash* nt_hash, base::RandomSource& random) {
  if (state_ != State::kAnswered || is_anonymous_) return NtStatus::kInvalidParameter;
  state_ = State::kDone;
  const auto response = DecodeNtlmv2Response(authenticate_.nt_response);
  if (!response) {
    // One of version 1 is refused like a wrong password; a mutilated one of version 2 is no response
    // at all, and tests no password.
    const bool is_version_1 = authenticate_.nt_response.size() <= kNtlmv1ResponseBytes;
    return is_version_1 ? NtStatus::kLogonFailure : NtStatus::kInvalidParameter;
  }

  // An unknown user costs the same work as a bad password.
  userdb::NtHash hash{};
  random.Fill(hash);
  if (nt_hash != nullptr) hash = *nt_hash;
  const Key response_key = NtOwfV2(hash, authenticate_.user, authenticate_.domain_utf16le);
  const Key proof = NtProof(response_key, server_challenge_, response->client_challenge);
  if (!crypto::ConstantTimeEqual(proof, response->proof) || nt_hash == nullptr) {
    return NtStatus::kLogonFailure;
  }
  Key key = SessionBaseKey(response_key, proof);
  const size_t wrapped_size = authenticate_.encrypted_session_key.size();
  const bool wants_security = (flags_ & (kSign | kSeal)) != 0;
  // Without SIGN or SEAL a client may leave the wrapped key out, and then none is exchanged.
  if ((flags_ & kKeyExchange) != 0 && (wants_security || wrapped_size != 0)) {
    if (wrapped_size != key.size()) return NtStatus::kInvalidParameter;
    key = UnwrapSessionKey(
        key, std::span<const uint8_t>(authenticate_.encrypted_session_key).first<16>());
  }
  // A MIC that does not fit means that somebody changed a message. [MS-NLMP] 3.2.5.1.2.
  if (!IsMicGood(*response, key)) return NtStatus::kLogonFailure;
  session_key_ = key;
  return key;
}

Bytes NtlmAcceptor::ServerMechListMic(std::span<const uint8_t> mech_list) const {
  const auto mic = FirstSignature(session_key_, flags_, Direction::kServerToClient, mech_list);
  return Bytes(mic.begin(), mic.end());
}

bool NtlmAcceptor::CheckClientMechListMic(std::span<const uint8_t> mech_list,
                                          std::span<const uint8_t> mic) const {
  return crypto::ConstantTimeEqual(
      FirstSignature(session_key_, flags_, Direction::kClientToServer, mech_list), mic);
}

}  // namespace continuo::auth::ntlm
