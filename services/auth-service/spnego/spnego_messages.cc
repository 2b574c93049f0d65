#include "services/auth-service/spnego/spnego_messages.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "services/auth-service/spnego/der.h"

namespace continuo::auth::spnego {

namespace {

constexpr std::string_view kHint = "not_defined_in_RFC4178@please_ignore";
constexpr std::array<uint8_t, 8> kNtlmsspSignature = {'N', 'T', 'L', 'M', 'S', 'S', 'P', 0};

bool Equal(std::span<const uint8_t> a, std::span<const uint8_t> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

Bytes ToBytes(std::span<const uint8_t> data) { return Bytes(data.begin(), data.end()); }

void Append(Bytes& out, std::span<const uint8_t> data) {
  out.insert(out.end(), data.begin(), data.end());
}

// The content of [APPLICATION 0] { OID, ... } behind the OID, when the OID is `oid`.
std::optional<std::span<const uint8_t>> GssInner(std::span<const uint8_t> token,
                                                 std::span<const uint8_t> oid) {
  DerReader in(token);
  const auto outer = in.Next(kTagApplication0);
  if (!outer) return std::nullopt;
  DerReader inner(outer->content);
  const auto this_mech = inner.Next(kTagOid);
  if (!this_mech || !Equal(this_mech->content, oid)) return std::nullopt;
  return inner.rest();
}

// The content of [number] { element with `tag` }.
std::optional<std::span<const uint8_t>> Explicit(const DerElement& field, uint8_t tag) {
  DerReader in(field.content);
  const auto element = in.Next(tag);
  if (!element || !in.empty()) return std::nullopt;
  return element->content;
}

// The fields of [choice] SEQUENCE { ... }.
std::optional<DerReader> Fields(std::span<const uint8_t> data, uint8_t choice) {
  DerReader in(data);
  const auto outer = in.Next(choice);
  if (!outer) return std::nullopt;
  const auto sequence = Explicit(*outer, kTagSequence);
  if (!sequence) return std::nullopt;
  return DerReader(*sequence);
}

bool ReadMechTypes(const DerElement& field, NegTokenInit& out) {
  const auto list = Explicit(field, kTagSequence);
  if (!list) return false;
  out.mech_types_der = ToBytes(field.content);
  DerReader in(*list);
  while (!in.empty()) {
    const auto oid = in.Next(kTagOid);
    if (!oid || out.mech_types.size() >= kMechTypesMax) return false;
    out.mech_types.push_back(ToBytes(oid->content));
  }
  return !out.mech_types.empty();
}

bool ReadOctets(const DerElement& field, std::optional<Bytes>& out) {
  const auto content = Explicit(field, kTagOctetString);
  if (!content) return false;
  out = ToBytes(*content);
  return true;
}

bool ReadRespField(const DerElement& field, NegTokenResp& out) {
  switch (field.tag) {
    case ContextTag(0): {
      const auto content = Explicit(field, kTagEnumerated);
      if (!content || content->size() != 1 || (*content)[0] > 3) return false;
      out.neg_state = static_cast<NegState>((*content)[0]);
      return true;
    }
    case ContextTag(1): {
      const auto content = Explicit(field, kTagOid);
      if (!content) return false;
      out.supported_mech = MechOfOid(*content);
      return true;
    }
    case ContextTag(2):
      return ReadOctets(field, out.response_token);
    case ContextTag(3):
      return ReadOctets(field, out.mech_list_mic);
    default:
      return false;
  }
}

}  // namespace

std::optional<Mech> MechOfOid(std::span<const uint8_t> oid) {
  for (const Mech mech : {Mech::kNtlmssp, Mech::kKerberos, Mech::kMsKerberos}) {
    if (Equal(oid, OidOfMech(mech))) return mech;
  }
  return std::nullopt;
}

std::span<const uint8_t> OidOfMech(Mech mech) {
  switch (mech) {
    case Mech::kKerberos:
      return kKerberosOid;
    case Mech::kMsKerberos:
      return kMsKerberosOid;
    case Mech::kNtlmssp:
      break;
  }
  return kNtlmsspOid;
}

TokenKind KindOf(std::span<const uint8_t> token) {
  if (token.size() >= kNtlmsspSignature.size() &&
      Equal(token.first(kNtlmsspSignature.size()), kNtlmsspSignature)) {
    return TokenKind::kRawNtlmssp;
  }
  if (token.empty()) return TokenKind::kUnknown;
  if (token[0] == ContextTag(1)) return TokenKind::kNegTokenResp;
  if (token[0] == ContextTag(0)) return TokenKind::kNegTokenInit;  // Without GSS framing.
  if (GssInner(token, kSpnegoOid)) return TokenKind::kNegTokenInit;
  if (GssInner(token, kKerberosOid) || GssInner(token, kMsKerberosOid)) {
    return TokenKind::kRawKerberos;
  }
  return TokenKind::kUnknown;
}

std::optional<NegTokenInit> DecodeNegTokenInit(std::span<const uint8_t> token) {
  if (token.empty()) return std::nullopt;
  std::span<const uint8_t> inner = token;
  if (token[0] == kTagApplication0) {
    const auto framed = GssInner(token, kSpnegoOid);
    if (!framed) return std::nullopt;
    inner = *framed;
  }
  auto fields = Fields(inner, ContextTag(0));
  if (!fields) return std::nullopt;
  NegTokenInit message;
  while (!fields->empty()) {
    const auto field = fields->Next();
    if (!field) return std::nullopt;
    bool is_good = true;
    if (field->tag == ContextTag(0)) is_good = ReadMechTypes(*field, message);
    if (field->tag == ContextTag(2)) is_good = ReadOctets(*field, message.mech_token);
    // [3] is mechListMIC in NegTokenInit and negHints in NegTokenInit2, whose MIC is [4].
    if (field->tag == ContextTag(3) && DerReader(field->content).PeekTag() == kTagOctetString) {
      is_good = ReadOctets(*field, message.mech_list_mic);
    }
    if (field->tag == ContextTag(4)) is_good = ReadOctets(*field, message.mech_list_mic);
    if (!is_good) return std::nullopt;
  }
  if (message.mech_types.empty()) return std::nullopt;
  return message;
}

std::optional<NegTokenResp> DecodeNegTokenResp(std::span<const uint8_t> token) {
  auto fields = Fields(token, ContextTag(1));
  if (!fields) return std::nullopt;
  NegTokenResp message;
  while (!fields->empty()) {
    const auto field = fields->Next();
    if (!field || !ReadRespField(*field, message)) return std::nullopt;
  }
  return message;
}

Bytes EncodeNegTokenResp(const NegTokenResp& message) {
  Bytes fields;
  if (message.neg_state) {
    const std::array<uint8_t, 1> state = {static_cast<uint8_t>(*message.neg_state)};
    Append(fields, Der(ContextTag(0), Der(kTagEnumerated, state)));
  }
  if (message.supported_mech) {
    Append(fields, Der(ContextTag(1), Der(kTagOid, OidOfMech(*message.supported_mech))));
  }
  if (message.response_token) {
    Append(fields, Der(ContextTag(2), Der(kTagOctetString, *message.response_token)));
  }
  if (message.mech_list_mic) {
    Append(fields, Der(ContextTag(3), Der(kTagOctetString, *message.mech_list_mic)));
  }
  return Der(ContextTag(1), Der(kTagSequence, fields));
}

Bytes EncodeServerNegTokenInit2(KerberosOffer kerberos) {
  Bytes mechs;
  if (kerberos == KerberosOffer::kYes) {
    Append(mechs, Der(kTagOid, kMsKerberosOid));
    Append(mechs, Der(kTagOid, kKerberosOid));
  }
  Append(mechs, Der(kTagOid, kNtlmsspOid));
  const Bytes hint(kHint.begin(), kHint.end());
  const Bytes hint_name = Der(ContextTag(0), Der(kTagGeneralString, hint));
  Bytes fields = Der(ContextTag(0), Der(kTagSequence, mechs));
  Append(fields, Der(ContextTag(3), Der(kTagSequence, hint_name)));
  Bytes inner = Der(kTagOid, kSpnegoOid);
  Append(inner, Der(ContextTag(0), Der(kTagSequence, fields)));
  return Der(kTagApplication0, inner);
}

}  // namespace continuo::auth::spnego
