// The server side of one NTLMv2 logon, without SPNEGO.
//
//   NtlmAcceptor acceptor(names);
//   NtResult<Bytes> challenge = acceptor.Negotiate(first, random, now);
//   NtStatus parsed = acceptor.Authenticate(second);  // Then look acceptor.user() up.
//   NtResult<Key> key = acceptor.Verify(hash_or_null, random);
//
// States: new -> challenged (Negotiate) -> answered (Authenticate, once) -> done (Verify).
// NTLMv1 and LM responses are refused: [MS-NLMP] 3.2.5.1.2 with LMCompatibilityLevel 5.
// Threading: one owner at a time.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <absl/time/time.h>

#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "common/ntstatus/ntstatus.h"
#include "common/userdb/nt_hash.h"
#include "services/auth-service/ntlm/ntlm_crypto.h"
#include "services/auth-service/ntlm/ntlm_messages.h"

namespace continuo::auth::ntlm {

struct NtlmNames {
  std::string nb_computer_name;   // "FILESERVER"
  std::string nb_domain_name;     // "WORKGROUP" or, without a domain, the computer's name.
  std::string dns_computer_name;  // "fileserver.example.com"
  std::string dns_domain_name;    // "example.com"; may be empty.
};

class NtlmAcceptor {
 public:
  explicit NtlmAcceptor(const NtlmNames& names) : names_(names) {}

  // Takes a NEGOTIATE message, returns the CHALLENGE.
  // Errors: kInvalidParameter for a malformed message or one out of turn.
  NtResult<Bytes> Negotiate(std::span<const uint8_t> message, base::RandomSource& random,
                            absl::Time now);

  // Takes the AUTHENTICATE message; the caller looks up user() and calls Verify.
  // Errors: kInvalidParameter (malformed, out of turn).
  NtStatus Authenticate(std::span<const uint8_t> message);

  // Neither name nor response: an anonymous logon ([MS-NLMP] 3.2.5.1.2).
  bool is_anonymous() const { return is_anonymous_; }
  const std::string& user() const { return authenticate_.user; }
  const std::string& domain() const { return authenticate_.domain; }
  const std::string& workstation() const { return authenticate_.workstation; }

  // Checks response and MIC. `nt_hash` is null for an unknown user: the same work is done with a
  // random hash and the answer is the same kLogonFailure.
  // Returns the exported session key.
  NtResult<Key> Verify(const userdb::NtHash* nt_hash, base::RandomSource& random);

  // SPNEGO's mechListMIC over `mech_list`, once Verify succeeded.
  Bytes ServerMechListMic(std::span<const uint8_t> mech_list) const;
  bool CheckClientMechListMic(std::span<const uint8_t> mech_list,
                              std::span<const uint8_t> mic) const;

 private:
  enum class State { kNew, kChallenged, kAnswered, kDone };

  bool IsMicGood(const Ntlmv2Response& response, const Key& exported_session_key) const;

  const NtlmNames names_;
  State state_ = State::kNew;
  Bytes negotiate_bytes_;
  Bytes challenge_bytes_;
  Bytes authenticate_bytes_;
  std::array<uint8_t, 8> server_challenge_{};
  uint32_t flags_ = 0;  // What the CHALLENGE granted, later what both want.
  AuthenticateMessage authenticate_;
  bool is_anonymous_ = false;
  Key session_key_{};
};

}  // namespace continuo::auth::ntlm
