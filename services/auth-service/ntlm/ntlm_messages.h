// The three NTLMSSP messages as values.
//
// Source:    [MS-NLMP] 2.2.1.1 (NEGOTIATE), 2.2.1.2 (CHALLENGE), 2.2.1.3 (AUTHENTICATE),
//            2.2.2.1 (AV_PAIR), 2.2.2.5 (flags), 2.2.2.7 (NTLMv2_CLIENT_CHALLENGE).
// Errors:    nullopt for anything malformed; a bad offset or length is never repaired.
// Threading: pure. Decoded messages own what they hold.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "common/base/bytes.h"

namespace continuo::auth::ntlm {

inline constexpr std::array<uint8_t, 8> kSignature = {'N', 'T', 'L', 'M', 'S', 'S', 'P', 0};
inline constexpr size_t kFieldMaxBytes = 32u << 10;  // Of one variable field.
inline constexpr size_t kMicOffset = 72;
inline constexpr size_t kMicSizeBytes = 16;

enum class MessageType : uint32_t { kNegotiate = 1, kChallenge = 2, kAuthenticate = 3 };

enum NegotiateFlags : uint32_t {
  kUnicode = 0x00000001,
  kOem = 0x00000002,
  kRequestTarget = 0x00000004,
  kSign = 0x00000010,
  kSeal = 0x00000020,
  kLmKey = 0x00000080,
  kNtlm = 0x00000200,
  kAnonymous = 0x00000800,
  kAlwaysSign = 0x00008000,
  kTargetTypeServer = 0x00020000,
  kExtendedSessionSecurity = 0x00080000,
  kTargetInfo = 0x00800000,
  kVersion = 0x02000000,
  k128 = 0x20000000,
  kKeyExchange = 0x40000000,
  k56 = 0x80000000,
};

enum AvId : uint16_t {
  kAvEol = 0,
  kAvNbComputerName = 1,
  kAvNbDomainName = 2,
  kAvDnsComputerName = 3,
  kAvDnsDomainName = 4,
  kAvDnsTreeName = 5,
  kAvFlags = 6,
  kAvTimestamp = 7,
  kAvSingleHost = 8,
  kAvTargetName = 9,
  kAvChannelBindings = 10,
};
inline constexpr uint32_t kAvFlagMicPresent = 0x00000002;

// The type of a message with a good signature.
std::optional<MessageType> TypeOf(std::span<const uint8_t> message);

struct NegotiateMessage {
  uint32_t flags = 0;
};
// Takes the 32-byte form without version and the 16-byte form without names, which real clients
// send; the names in it are of no use to an acceptor and are only bounds-checked.
std::optional<NegotiateMessage> DecodeNegotiate(std::span<const uint8_t> message);

struct ChallengeMessage {
  uint32_t flags = 0;
  std::array<uint8_t, 8> server_challenge{};
  std::string target_name;
  std::string nb_domain_name;
  std::string nb_computer_name;
  std::string dns_domain_name;
  std::string dns_computer_name;
  uint64_t timestamp_filetime = 0;
};
Bytes EncodeChallenge(const ChallengeMessage& message);

struct AuthenticateMessage {
  uint32_t flags = 0;
  Bytes lm_response;
  Bytes nt_response;
  Bytes domain_utf16le;  // As sent: the response is computed over these bytes.
  Bytes user_utf16le;
  std::string domain;
  std::string user;
  std::string workstation;
  Bytes encrypted_session_key;
  // Where the message has the MIC field: before the first payload byte.
  std::optional<std::array<uint8_t, kMicSizeBytes>> mic;
};
std::optional<AuthenticateMessage> DecodeAuthenticate(std::span<const uint8_t> message);

// NTLMv2_RESPONSE: the proof and the client challenge it covers.
struct Ntlmv2Response {
  std::array<uint8_t, 16> proof{};
  Bytes client_challenge;       // From RespType on, as sent.
  uint32_t av_flags = 0;        // MsvAvFlags of its AV_PAIRs.
  bool has_timestamp = false;
};
// nullopt when it is shorter than an NTLMv2 response or its AV_PAIRs do not end.
std::optional<Ntlmv2Response> DecodeNtlmv2Response(std::span<const uint8_t> nt_response);

}  // namespace continuo::auth::ntlm
