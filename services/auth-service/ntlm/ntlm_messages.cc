#include "services/auth-service/ntlm/ntlm_messages.h"

#include <algorithm>

#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"
#include "common/bytes/utf16.h"

namespace continuo::auth::ntlm {

namespace {

constexpr size_t kNegotiateMinBytes = 16;
constexpr size_t kChallengeFixedBytes = 56;
constexpr size_t kAuthenticateFixedBytes = 64;
constexpr size_t kNtlmv2ProofBytes = 16;
constexpr size_t kClientChallengeFixedBytes = 28;
constexpr size_t kAvPairsMax = 64;

struct Field {
  uint16_t size_bytes = 0;
  uint32_t offset = 0;  // From the first byte of the message.
};

// Len, MaxLen (ignored on receipt), BufferOffset.
Field ReadField(bytes::ByteReader& in) {
  Field field;
  field.size_bytes = in.U16();
  in.Skip(2);
  field.offset = in.U32();
  return field;
}

// An empty field may have any offset: real clients leave garbage there.
std::optional<std::span<const uint8_t>> Resolve(std::span<const uint8_t> message, Field field) {
  if (field.size_bytes == 0) return std::span<const uint8_t>();
  if (field.size_bytes > kFieldMaxBytes) return std::nullopt;
  return bytes::SubspanAt(message, field.offset, field.size_bytes);
}

Bytes ToBytes(std::span<const uint8_t> data) { return Bytes(data.begin(), data.end()); }

// Text in the encoding that the flags chose. OEM text is taken as ASCII only.
std::optional<std::string> Text(std::span<const uint8_t> data, uint32_t flags) {
  if ((flags & kUnicode) != 0) return bytes::Utf16LeToUtf8(data);
  if (std::any_of(data.begin(), data.end(), [](uint8_t c) { return c >= 0x80; })) {
    return std::nullopt;
  }
  return std::string(data.begin(), data.end());
}

void WriteAvPair(bytes::ByteWriter& out, AvId id, std::span<const uint8_t> value) {
  out.U16(id);
  out.U16(static_cast<uint16_t>(value.size()));
  out.Append(value);
}

Bytes EncodeTargetInfo(const ChallengeMessage& message) {
  bytes::ByteWriter out;
  const auto text = [&](AvId id, const std::string& value) {
    WriteAvPair(out, id, bytes::Utf8ToUtf16Le(value).value_or(Bytes()));
  };
  text(kAvNbDomainName, message.nb_domain_name);
  text(kAvNbComputerName, message.nb_computer_name);
  text(kAvDnsDomainName, message.dns_domain_name);
  text(kAvDnsComputerName, message.dns_computer_name);
  bytes::ByteWriter time;
  time.U64(message.timestamp_filetime);
  WriteAvPair(out, kAvTimestamp, time.view());
  WriteAvPair(out, kAvEol, {});
  return std::move(out).Take();
}

}  // namespace

std::optional<MessageType> TypeOf(std::span<const uint8_t> message) {
  bytes::ByteReader in(message);
  const auto signature = in.Array<8>();
  const uint32_t type = in.U32();
  if (!in.ok() || signature != kSignature || type < 1 || type > 3) return std::nullopt;
  return static_cast<MessageType>(type);
}

std::optional<NegotiateMessage> DecodeNegotiate(std::span<const uint8_t> message) {
  if (TypeOf(message) != MessageType::kNegotiate || message.size() < kNegotiateMinBytes) {
    return std::nullopt;
  }
  bytes::ByteReader in(message);
  in.Skip(12);
  NegotiateMessage result{.flags = in.U32()};
  for (int i = 0; i < 2 && in.remaining() > 0; ++i) {
    const Field field = ReadField(in);
    if (!in.ok() || !Resolve(message, field)) return std::nullopt;
  }
  return result;
}

Bytes EncodeChallenge(const ChallengeMessage& message) {
  const Bytes target_name = bytes::Utf8ToUtf16Le(message.target_name).value_or(Bytes());
  const Bytes target_info = EncodeTargetInfo(message);
  bytes::ByteWriter out;
  out.Append(kSignature);
  out.U32(static_cast<uint32_t>(MessageType::kChallenge));
  const auto field = [&](size_t size_bytes, size_t offset) {
    out.U16(static_cast<uint16_t>(size_bytes));
    out.U16(static_cast<uint16_t>(size_bytes));
    out.U32(static_cast<uint32_t>(offset));
  };
  field(target_name.size(), kChallengeFixedBytes);
  out.U32(message.flags);
  out.Append(message.server_challenge);
  out.Zeros(8);
  field(target_info.size(), kChallengeFixedBytes + target_name.size());
  // VERSION, 2.2.2.10: 6.1.0, NTLMSSP_REVISION_W2K3.
  out.U8(6);
  out.U8(1);
  out.U16(0);
  out.Zeros(3);
  out.U8(15);
  CONTINUO_CHECK(out.size() == kChallengeFixedBytes);
  out.Append(target_name);
  out.Append(target_info);
  return std::move(out).Take();
}

std::optional<AuthenticateMessage> DecodeAuthenticate(std::span<const uint8_t> message) {
  if (TypeOf(message) != MessageType::kAuthenticate) return std::nullopt;
  bytes::ByteReader in(message);
  in.Skip(12);
  const Field lm = ReadField(in);
  const Field nt = ReadField(in);
  const Field domain = ReadField(in);
  const Field user = ReadField(in);
  const Field workstation = ReadField(in);
  const Field session_key = ReadField(in);
  AuthenticateMessage result;
  result.flags = in.U32();
  if (!in.ok() || message.size() < kAuthenticateFixedBytes) return std::nullopt;

  uint32_t payload_offset = static_cast<uint32_t>(message.size());
  for (const Field& field : {lm, nt, domain, user, workstation, session_key}) {
    if (field.size_bytes > 0) payload_offset = std::min(payload_offset, field.offset);
  }
  const auto lm_bytes = Resolve(message, lm);
  const auto nt_bytes = Resolve(message, nt);
  const auto domain_bytes = Resolve(message, domain);
  const auto user_bytes = Resolve(message, user);
  const auto workstation_bytes = Resolve(message, workstation);
  const auto key_bytes = Resolve(message, session_key);
  if (!lm_bytes || !nt_bytes || !domain_bytes || !user_bytes || !workstation_bytes || !key_bytes) {
    return std::nullopt;
  }
  const auto domain_text = Text(*domain_bytes, result.flags);
  const auto user_text = Text(*user_bytes, result.flags);
  const auto workstation_text = Text(*workstation_bytes, result.flags);
  if (!domain_text || !user_text || !workstation_text) return std::nullopt;
  result.lm_response = ToBytes(*lm_bytes);
  result.nt_response = ToBytes(*nt_bytes);
  result.domain_utf16le = bytes::Utf8ToUtf16Le(*domain_text).value_or(Bytes());
  result.user_utf16le = bytes::Utf8ToUtf16Le(*user_text).value_or(Bytes());
  result.domain = *domain_text;
  result.user = *user_text;
  result.workstation = *workstation_text;
  result.encrypted_session_key = ToBytes(*key_bytes);
  if (payload_offset >= kMicOffset + kMicSizeBytes) {
    if (const auto mic = bytes::SubspanAt(message, kMicOffset, kMicSizeBytes)) {
      result.mic = bytes::ByteReader(*mic).Array<kMicSizeBytes>();
    }
  }
  return result;
}

std::optional<Ntlmv2Response> DecodeNtlmv2Response(std::span<const uint8_t> nt_response) {
  if (nt_response.size() < kNtlmv2ProofBytes + kClientChallengeFixedBytes) return std::nullopt;
  bytes::ByteReader in(nt_response);
  Ntlmv2Response result;
  result.proof = in.Array<kNtlmv2ProofBytes>();
  result.client_challenge = ToBytes(nt_response.subspan(kNtlmv2ProofBytes));
  const uint8_t response_type = in.U8();
  const uint8_t highest_response_type = in.U8();
  if (response_type != 1 || highest_response_type != 1) return std::nullopt;
  in.Skip(kClientChallengeFixedBytes - 2);
  for (size_t i = 0; i < kAvPairsMax; ++i) {
    const uint16_t id = in.U16();
    const uint16_t size_bytes = in.U16();
    const auto value = in.Span(size_bytes);
    if (!in.ok()) return std::nullopt;
    if (id == kAvEol) return result;
    bytes::ByteReader field(value);
    if (id == kAvFlags) {
      result.av_flags = field.U32();
      if (!field.ok()) return std::nullopt;
    }
    if (id == kAvTimestamp) result.has_timestamp = true;
  }
  return std::nullopt;
}

}  // namespace continuo::auth::ntlm
