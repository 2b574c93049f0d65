// The computations of NTLMv2.
//
// Source:    [MS-NLMP] 3.3.2 (NTLMv2), 3.4.4.2 (MAC with extended session security), 3.4.5 (keys).
// Threading: pure.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/base/bytes.h"
#include "common/userdb/nt_hash.h"

namespace continuo::auth::ntlm {

using Key = std::array<uint8_t, 16>;

// NTOWFv2: `user` is upper-cased here, `domain` is used as it was sent.
Key NtOwfV2(const userdb::NtHash& nt_hash, std::string_view user,
            std::span<const uint8_t> domain_utf16le);

// NTProofStr over ServerChallenge and the client challenge.
Key NtProof(const Key& response_key, std::span<const uint8_t> server_challenge,
            std::span<const uint8_t> client_challenge);

// SessionBaseKey, which for NTLMv2 is also KeyExchangeKey (3.4.5.1).
Key SessionBaseKey(const Key& response_key, const Key& proof);

// ExportedSessionKey out of EncryptedRandomSessionKey.
Key UnwrapSessionKey(const Key& key_exchange_key, std::span<const uint8_t, 16> encrypted);

// MIC over the three messages, with the MIC field of the third as zeros (3.1.5.1.2).
// Requires: authenticate.size() >= kMicOffset + kMicSizeBytes.
Key MessageIntegrityCode(const Key& exported_session_key, std::span<const uint8_t> negotiate,
                         std::span<const uint8_t> challenge,
                         std::span<const uint8_t> authenticate);

enum class Direction { kClientToServer, kServerToClient };

// The 16-byte signature of the first message (sequence number 0) in one direction, as GSS_GetMIC
// makes it: for SPNEGO's mechListMIC. Requires extended session security.
std::array<uint8_t, 16> FirstSignature(const Key& exported_session_key, uint32_t negotiated_flags,
                                       Direction direction, std::span<const uint8_t> message);

}  // namespace continuo::auth::ntlm
