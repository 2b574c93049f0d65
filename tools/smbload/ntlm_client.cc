#include "tools/smbload/ntlm_client.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

#include <absl/time/clock.h>
#include <absl/time/time.h>

#include "common/base/check.h"
#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"
#include "common/bytes/utf16.h"
#include "common/crypto/hash.h"

namespace continuo::smbload {
namespace {

constexpr std::array<uint8_t, 8> kSignature = {'N', 'T', 'L', 'M', 'S', 'S', 'P', 0};
constexpr std::array<uint8_t, 8> kVersion = {6, 1, 0, 0, 0, 0, 0, 15};

// UNICODE, REQUEST_TARGET, SIGN, NTLM, ALWAYS_SIGN, EXTENDED_SESSIONSECURITY, TARGET_INFO, VERSION,
// 128, KEY_EXCH, 56: [MS-NLMP] 2.2.2.5.
constexpr uint32_t kFlags = 0xE2888215;
constexpr uint32_t kFlagKeyExchange = 0x40000000;
constexpr uint16_t kAvEol = 0;
constexpr uint16_t kAvFlags = 6;
constexpr uint16_t kAvTimestamp = 7;
constexpr uint32_t kAvFlagMicProvided = 2;
constexpr size_t kMicOffset = 72;
constexpr size_t kAuthenticateFixedSizeBytes = kMicOffset + 16;

Bytes ToUtf16(const std::string& text) { return bytes::Utf8ToUtf16Le(text).value_or(Bytes{}); }

Bytes UpperUtf16(const std::string& text) {
  bytes::ByteWriter out;
  for (const char16_t unit : bytes::Utf8ToUtf16(text).value_or(u"")) {
    out.U16(static_cast<uint16_t>(bytes::FoldUpper(unit)));
  }
  return std::move(out).Take();
}

// One DER element.
Bytes Der(uint8_t tag, std::initializer_list<std::span<const uint8_t>> contents) {
  size_t size_bytes = 0;
  for (const auto content : contents) size_bytes += content.size();
  bytes::ByteWriter out;
  out.U8(tag);
  if (size_bytes < 0x80) {
    out.U8(static_cast<uint8_t>(size_bytes));
  } else {
    out.U8(0x82);
    out.U16BigEndian(static_cast<uint16_t>(size_bytes));
  }
  for (const auto content : contents) out.Append(content);
  return std::move(out).Take();
}

// MechTypeList with NTLMSSP alone.
Bytes MechTypes() {
  const Bytes ntlmssp = {0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0a};
  return Der(0x30, {ntlmssp});
}

Bytes WrapInit(std::span<const uint8_t> ntlm) {
  const Bytes spnego = {0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02};
  const Bytes mechs = Der(0xa0, {MechTypes()});
  const Bytes token = Der(0xa2, {Der(0x04, {ntlm})});
  return Der(0x60, {spnego, Der(0xa0, {Der(0x30, {mechs, token})})});
}

Bytes WrapResponse(std::span<const uint8_t> ntlm, std::span<const uint8_t> mech_list_mic) {
  const Bytes token = Der(0xa2, {Der(0x04, {ntlm})});
  const Bytes mic = Der(0xa3, {Der(0x04, {mech_list_mic})});
  return Der(0xa1, {Der(0x30, {token, mic})});
}

// The signature of the session's first message, [MS-NLMP] 3.4.4.2, over the mechanism list: a server
// that saw a MIC in AUTHENTICATE demands it (RFC 4178 5, [MS-SPNG] 3.3.5.1).
Bytes MechListMic(std::span<const uint8_t> session_key, bool has_key_exchange) {
  constexpr std::string_view kSigning =
      "session key to client-to-server signing key magic constant";
  constexpr std::string_view kSealing =
      "session key to client-to-server sealing key magic constant";
  const auto key_for = [&](std::string_view constant) {
    Bytes text(constant.begin(), constant.end());
    text.push_back(0);
    return crypto::Md5({session_key, text});
  };
  const std::array<uint8_t, 4> sequence{};
  const auto full = crypto::HmacMd5(key_for(kSigning), {sequence, MechTypes()});
  std::array<uint8_t, 8> checksum{};
  std::copy_n(full.begin(), checksum.size(), checksum.begin());
  if (has_key_exchange) crypto::Rc4(key_for(kSealing)).Apply(checksum);
  bytes::ByteWriter out;
  out.U32(1);
  out.Append(checksum);
  out.Append(sequence);
  return std::move(out).Take();
}

struct Challenge {
  std::span<const uint8_t> message;  // Exactly the NTLM message: the MIC covers it.
  std::array<uint8_t, 8> server_challenge{};
  uint32_t flags = 0;
  std::span<const uint8_t> target_info;
};

absl::Status BadChallenge() {
  return absl::InvalidArgumentError("NTLM: the server's token holds no whole CHALLENGE message");
}

// The token is a NegTokenResp around the message; its OCTET STRING is found by the signature, and
// its end is the end of the payload that the message's own fields name.
absl::StatusOr<Challenge> ParseChallenge(std::span<const uint8_t> token) {
  const auto at = std::search(token.begin(), token.end(), kSignature.begin(), kSignature.end());
  if (at == token.end()) return BadChallenge();
  const auto message = token.subspan(static_cast<size_t>(at - token.begin()));
  bytes::ByteReader in(message);
  in.Skip(kSignature.size());
  const uint32_t type = in.U32();
  const uint16_t name_size_bytes = in.U16();
  in.Skip(2);
  const uint32_t name_offset = in.U32();
  Challenge challenge;
  challenge.flags = in.U32();
  challenge.server_challenge = in.Array<8>();
  in.Skip(8);
  const uint16_t info_size_bytes = in.U16();
  in.Skip(2);
  const uint32_t info_offset = in.U32();
  const auto name = bytes::SubspanAt(message, name_offset, name_size_bytes);
  const auto info = bytes::SubspanAt(message, info_offset, info_size_bytes);
  if (!in.ok() || type != 2 || !name || !info) return BadChallenge();
  const size_t name_end = size_t{name_offset} + name_size_bytes;
  const size_t info_end = size_t{info_offset} + info_size_bytes;
  challenge.message = message.first(std::max({name_end, info_end, size_t{48}}));
  challenge.target_info = *info;
  return challenge;
}

// The server's AV pairs with "a MIC is provided" added, and its time.
struct TargetInfo {
  Bytes pairs;
  std::optional<uint64_t> timestamp;
};

TargetInfo CompleteTargetInfo(std::span<const uint8_t> server_pairs) {
  TargetInfo result;
  bytes::ByteWriter out;
  bytes::ByteReader in(server_pairs);
  while (in.ok()) {
    const uint16_t id = in.U16();
    const auto value = in.Span(in.U16());
    if (!in.ok() || id == kAvEol) break;
    if (id == kAvFlags) continue;
    if (id == kAvTimestamp) result.timestamp = bytes::ByteReader(value).U64();
    out.U16(id);
    out.U16(static_cast<uint16_t>(value.size()));
    out.Append(value);
  }
  out.U16(kAvFlags);
  out.U16(4);
  out.U32(kAvFlagMicProvided);
  out.U16(kAvEol);
  out.U16(0);
  result.pairs = std::move(out).Take();
  return result;
}

uint64_t FileTimeNow() {
  constexpr uint64_t kUnixEpochAsFileTime = 116444736000000000;
  return kUnixEpochAsFileTime + static_cast<uint64_t>(absl::ToUnixMicros(absl::Now())) * 10;
}

}  // namespace

NtlmClient::NtlmClient(NtlmIdentity identity, base::RandomSource& random)
    : identity_(std::move(identity)), random_(random) {}

Bytes NtlmClient::FirstToken() {
  bytes::ByteWriter out;
  out.Append(kSignature);
  out.U32(1);
  out.U32(kFlags);
  out.Zeros(16);  // No domain, no workstation.
  out.Append(kVersion);
  negotiate_ = std::move(out).Take();
  return WrapInit(negotiate_);
}

absl::StatusOr<Bytes> NtlmClient::SecondToken(std::span<const uint8_t> server_token) {
  CONTINUO_ASSIGN_OR_RETURN(const Challenge challenge, ParseChallenge(server_token));
  const Bytes user = ToUtf16(identity_.user);
  const Bytes domain = ToUtf16(identity_.domain);
  const Bytes workstation = ToUtf16(identity_.workstation);

  // [MS-NLMP] 3.3.2.
  const auto nt_hash = crypto::Md4(ToUtf16(identity_.password));
  const auto response_key = crypto::HmacMd5(nt_hash, {UpperUtf16(identity_.user), domain});
  std::array<uint8_t, 8> client_challenge{};
  random_.Fill(client_challenge);
  const TargetInfo target = CompleteTargetInfo(challenge.target_info);
  bytes::ByteWriter temp;
  temp.U16(0x0101);
  temp.Zeros(6);
  temp.U64(target.timestamp.value_or(FileTimeNow()));
  temp.Append(client_challenge);
  temp.Zeros(4);
  temp.Append(target.pairs);
  temp.Zeros(4);
  const auto proof =
      crypto::HmacMd5(response_key, {challenge.server_challenge, temp.view()});
  const auto base_key = crypto::HmacMd5(response_key, {proof});

  Bytes encrypted_key;
  if ((challenge.flags & kFlagKeyExchange) != 0) {
    random_.Fill(session_key_);
    encrypted_key.assign(session_key_.begin(), session_key_.end());
    crypto::Rc4(base_key).Apply(encrypted_key);
  } else {
    session_key_ = base_key;
  }

  bytes::ByteWriter nt_response;
  nt_response.Append(proof);
  nt_response.Append(temp.view());
  const Bytes lm_response(24, 0);  // NTLMv2 with a timestamp sends none.
  const std::initializer_list<std::span<const uint8_t>> payload = {
      lm_response, nt_response.view(), domain, user, workstation, encrypted_key};

  bytes::ByteWriter out;
  out.Append(kSignature);
  out.U32(3);
  size_t offset = kAuthenticateFixedSizeBytes;
  for (const auto part : payload) {
    out.U16(static_cast<uint16_t>(part.size()));
    out.U16(static_cast<uint16_t>(part.size()));
    out.U32(static_cast<uint32_t>(offset));
    offset += part.size();
  }
  out.U32(challenge.flags & kFlags);
  out.Append(kVersion);
  CONTINUO_CHECK(out.size() == kMicOffset);
  out.Zeros(16);
  for (const auto part : payload) out.Append(part);
  Bytes authenticate = std::move(out).Take();
  const auto mic = crypto::HmacMd5(session_key_, {negotiate_, challenge.message, authenticate});
  std::copy(mic.begin(), mic.end(), authenticate.begin() + kMicOffset);
  return WrapResponse(authenticate,
                      MechListMic(session_key_, (challenge.flags & kFlagKeyExchange) != 0));
}

}  // namespace continuo::smbload
