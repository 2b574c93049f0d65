// The connection-oriented PDUs of DCE/RPC, as they travel in SMB named pipes.
//
// Source:    C706 chapter 12, [MS-RPCE] 2.2.2. Version 5.0, little-endian data alone: a PDU with
//            another representation is refused, which no SMB client sends.
// Threading: pure. Spans borrow from the PDU that was decoded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "common/base/bytes.h"

namespace continuo::ndr {

inline constexpr size_t kPduHeaderSizeBytes = 16;
inline constexpr size_t kResponseHeaderSizeBytes = kPduHeaderSizeBytes + 8;
// The fragment size that Windows and Samba offer, and the least that C706 demands of everybody.
inline constexpr uint16_t kMaxFragmentSizeBytes = 4280;
inline constexpr uint16_t kMinFragmentSizeBytes = 1432;
static_assert(kMinFragmentSizeBytes < kMaxFragmentSizeBytes);
inline constexpr size_t kMaxContextsPerBind = 32;

enum class PduType : uint8_t {
  kRequest = 0,
  kResponse = 2,
  kFault = 3,
  kBind = 11,
  kBindAck = 12,
  kBindNak = 13,
  kAlterContext = 14,
  kAlterContextResponse = 15,
  kAuth3 = 16,
  kCoCancel = 18,
  kOrphaned = 19,
};

inline constexpr uint8_t kPduFirstFragment = 0x01;
inline constexpr uint8_t kPduLastFragment = 0x02;
inline constexpr uint8_t kPduDidNotExecute = 0x20;
inline constexpr uint8_t kPduObjectUuid = 0x80;

// Fault codes: C706 appendix E, [MS-RPCE] 2.2.2.11 for the Win32 ones.
inline constexpr uint32_t kFaultOperationRange = 0x1C010002;   // nca_s_op_rng_error
inline constexpr uint32_t kFaultUnknownInterface = 0x1C010003; // nca_s_unk_if
inline constexpr uint32_t kFaultProtocol = 0x1C01000B;         // nca_s_proto_error
inline constexpr uint32_t kFaultContextMismatch = 0x1C00001A;  // nca_s_fault_context_mismatch
inline constexpr uint32_t kFaultBadStubData = 0x000006F7;      // RPC_X_BAD_STUB_DATA
inline constexpr uint32_t kFaultAccessDenied = 0x00000005;

struct PduHeader {
  PduType type = PduType::kRequest;
  uint8_t flags = 0;
  uint16_t fragment_size_bytes = 0;
  uint16_t auth_size_bytes = 0;
  uint32_t call_id = 0;
};

// An interface or a transfer syntax: UUID as on the wire, and version (minor in the upper half).
struct SyntaxId {
  std::array<uint8_t, 16> uuid{};
  uint32_t version = 0;
  friend bool operator==(const SyntaxId&, const SyntaxId&) = default;
};

inline constexpr SyntaxId kNdr20 = {{0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8,
                                     0x08, 0x00, 0x2b, 0x10, 0x48, 0x60},
                                    2};

// Whether the syntax is the bind-time feature negotiation of [MS-RPCE] 2.2.2.14: the first eight
// bytes name it, the others are the client's feature bits.
bool IsBindTimeFeatureNegotiation(const SyntaxId& syntax);

struct PresentationContext {
  uint16_t id = 0;
  SyntaxId abstract_syntax;
  std::vector<SyntaxId> transfer_syntaxes;
};

// BIND and ALTER_CONTEXT.
struct BindPdu {
  uint16_t max_transmit_size_bytes = 0;
  uint16_t max_receive_size_bytes = 0;
  uint32_t association_group_id = 0;
  std::vector<PresentationContext> contexts;
};

struct RequestPdu {
  uint16_t context_id = 0;
  uint16_t opnum = 0;
  std::span<const uint8_t> stub;
};

// The header alone, from at least 16 bytes; fragment_size_bytes says how many the PDU has.
// Errors: InvalidArgument for fewer bytes, another version or data representation, a fragment
//         size below the header's, or an authentication trailer that does not fit.
absl::StatusOr<PduHeader> DecodePduHeader(std::span<const uint8_t> data);

// Requires: `pdu` is exactly one fragment, as its header says.
// Errors:   InvalidArgument when anything does not fit or exceeds kMaxContextsPerBind.
absl::StatusOr<BindPdu> DecodeBind(const PduHeader& header, std::span<const uint8_t> pdu);
absl::StatusOr<RequestPdu> DecodeRequest(const PduHeader& header, std::span<const uint8_t> pdu);

// The answer to one presentation context: C706 12.6.3.1, [MS-RPCE] 2.2.2.4.
struct ContextResult {
  enum class Kind : uint16_t { kAcceptance = 0, kProviderRejection = 2, kNegotiateAck = 3 };
  // Reasons of a rejection. Of a negotiate-ack, the features that both sides have.
  static constexpr uint16_t kAbstractSyntaxNotSupported = 1;
  static constexpr uint16_t kTransferSyntaxesNotSupported = 2;

  Kind kind = Kind::kAcceptance;
  uint16_t reason = 0;
  SyntaxId transfer_syntax;  // Zero unless accepted.
};

struct BindAckPdu {
  PduType type = PduType::kBindAck;  // Or kAlterContextResponse.
  uint32_t call_id = 0;
  uint16_t max_transmit_size_bytes = 0;
  uint16_t max_receive_size_bytes = 0;
  uint32_t association_group_id = 0;
  std::string_view secondary_address;  // "\\PIPE\\srvsvc"; empty for ALTER_CONTEXT_RESP.
  std::span<const ContextResult> results;
};
Bytes EncodeBindAck(const BindAckPdu& ack);

enum class BindNakReason : uint16_t {
  kNotSpecified = 0,
  kProtocolVersionNotSupported = 4,
  kAuthenticationTypeNotRecognized = 8,
};
Bytes EncodeBindNak(uint32_t call_id, BindNakReason reason);

struct CallReference {
  uint32_t call_id = 0;
  uint16_t context_id = 0;
};

// The stub as one or more RESPONSE fragments of at most `max_fragment_size_bytes`.
// Requires: max_fragment_size_bytes >= kMinFragmentSizeBytes.
std::vector<Bytes> EncodeResponse(const CallReference& call, uint16_t max_fragment_size_bytes,
                                  std::span<const uint8_t> stub);

Bytes EncodeFault(const CallReference& call, uint32_t fault_status);

}  // namespace continuo::ndr
