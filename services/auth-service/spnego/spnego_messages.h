// SPNEGO's messages as values.
//
// Source:    RFC 4178 4.2, [MS-SPNG] 2.2.1 (NegTokenInit2), RFC 2743 3.1 (GSS framing).
// Errors:    nullopt for anything malformed.
// Threading: pure. Decoded messages own what they hold.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "common/base/bytes.h"

namespace continuo::auth::spnego {

inline constexpr size_t kMechTypesMax = 32;
inline constexpr size_t kTokenMaxBytes = 64u << 10;

// Content bytes of object identifiers.
inline constexpr uint8_t kSpnegoOid[] = {0x2B, 0x06, 0x01, 0x05, 0x05, 0x02};
inline constexpr uint8_t kKerberosOid[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x12, 0x01, 0x02, 0x02};
inline constexpr uint8_t kMsKerberosOid[] = {0x2A, 0x86, 0x48, 0x82, 0xF7, 0x12, 0x01, 0x02, 0x02};
inline constexpr uint8_t kNtlmsspOid[] = {0x2B, 0x06, 0x01, 0x04, 0x01,
                                          0x82, 0x37, 0x02, 0x02, 0x0A};

enum class Mech { kNtlmssp, kKerberos, kMsKerberos };
std::optional<Mech> MechOfOid(std::span<const uint8_t> oid);
std::span<const uint8_t> OidOfMech(Mech mech);

struct NegTokenInit {
  std::vector<Bytes> mech_types;  // OID contents, in the client's order of preference.
  Bytes mech_types_der;           // What mechListMIC covers.
  std::optional<Bytes> mech_token;
  std::optional<Bytes> mech_list_mic;
};

enum class NegState : uint8_t {
  kAcceptCompleted = 0,
  kAcceptIncomplete = 1,
  kReject = 2,
  kRequestMic = 3,
};

struct NegTokenResp {
  std::optional<NegState> neg_state;
  std::optional<Mech> supported_mech;
  std::optional<Bytes> response_token;
  std::optional<Bytes> mech_list_mic;
};

enum class TokenKind { kNegTokenInit, kNegTokenResp, kRawNtlmssp, kRawKerberos, kUnknown };
TokenKind KindOf(std::span<const uint8_t> token);

std::optional<NegTokenInit> DecodeNegTokenInit(std::span<const uint8_t> token);
std::optional<NegTokenResp> DecodeNegTokenResp(std::span<const uint8_t> token);
Bytes EncodeNegTokenResp(const NegTokenResp& message);

enum class KerberosOffer { kNo, kYes };
// The server's first token, with the hint that RFC 4178 clients ignore.
Bytes EncodeServerNegTokenInit2(KerberosOffer kerberos);

}  // namespace continuo::auth::spnego
