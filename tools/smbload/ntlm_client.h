// The client's side of NTLMv2 inside SPNEGO: three messages and a session key.
//
//   NtlmClient ntlm({.user = "alice", .password = "secret"}, random);
//   send(ntlm.FirstToken());
//   absl::StatusOr<Bytes> second = ntlm.SecondToken(server_token);
//   use(ntlm.session_key());
//
// Source:    [MS-NLMP] 2.2.1, 3.1.5, 3.3.2; SPNEGO: RFC 4178 4.2.
// Threading: none; one object per session.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include <absl/status/statusor.h>

#include "common/base/bytes.h"
#include "common/base/clock.h"

namespace continuo::smbload {

struct NtlmIdentity {
  std::string user;
  std::string password;
  std::string domain;
  std::string workstation = "SMBLOAD";
};

class NtlmClient {
 public:
  // `random` must outlive the object.
  NtlmClient(NtlmIdentity identity, base::RandomSource& random);

  // SPNEGO NegTokenInit with the NTLM NEGOTIATE message.
  Bytes FirstToken();
  // SPNEGO NegTokenResp with the NTLM AUTHENTICATE message.
  // Errors: InvalidArgument when `server_token` holds no whole CHALLENGE message.
  absl::StatusOr<Bytes> SecondToken(std::span<const uint8_t> server_token);

  // ExportedSessionKey; valid after SecondToken.
  const std::array<uint8_t, 16>& session_key() const { return session_key_; }

 private:
  const NtlmIdentity identity_;
  base::RandomSource& random_;
  Bytes negotiate_;
  std::array<uint8_t, 16> session_key_{};
};

}  // namespace continuo::smbload
