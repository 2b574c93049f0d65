// SMB2 NEGOTIATE and its contexts.
//
// Source: [MS-SMB2] 2.2.3, 2.2.4, 3.3.5.4.
// Threading: pure. Requests borrow from the message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <absl/container/inlined_vector.h>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/filetime.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire {

inline constexpr uint16_t kDialect202 = 0x0202;
inline constexpr uint16_t kDialect210 = 0x0210;
inline constexpr uint16_t kDialect300 = 0x0300;
inline constexpr uint16_t kDialect302 = 0x0302;
inline constexpr uint16_t kDialect311 = 0x0311;
inline constexpr uint16_t kDialectWildcard = 0x02FF;  // Only in the answer to an SMB1 negotiate.

inline constexpr uint16_t kSecurityModeSigningEnabled = 0x0001;
inline constexpr uint16_t kSecurityModeSigningRequired = 0x0002;

inline constexpr uint32_t kCapDfs = 0x00000001;
inline constexpr uint32_t kCapLeasing = 0x00000002;
inline constexpr uint32_t kCapLargeMtu = 0x00000004;
inline constexpr uint32_t kCapMultiChannel = 0x00000008;
inline constexpr uint32_t kCapPersistentHandles = 0x00000010;
inline constexpr uint32_t kCapDirectoryLeasing = 0x00000020;
inline constexpr uint32_t kCapEncryption = 0x00000040;
inline constexpr uint32_t kCapNotifications = 0x00000080;

enum class NegotiateContextType : uint16_t {
  kPreauthIntegrity = 0x0001,
  kEncryption = 0x0002,
  kCompression = 0x0003,
  kNetname = 0x0005,
  kTransport = 0x0006,
  kRdmaTransform = 0x0007,
  kSigning = 0x0008,
  kPosix = 0x0100,
};

inline constexpr uint16_t kHashSha512 = 0x0001;
inline constexpr uint16_t kCipherAes128Ccm = 0x0001;
inline constexpr uint16_t kCipherAes128Gcm = 0x0002;
inline constexpr uint16_t kCipherAes256Ccm = 0x0003;
inline constexpr uint16_t kCipherAes256Gcm = 0x0004;
inline constexpr uint16_t kSigningHmacSha256 = 0x0000;
inline constexpr uint16_t kSigningAesCmac = 0x0001;
inline constexpr uint16_t kSigningAesGmac = 0x0002;
inline constexpr uint16_t kCompressionNone = 0x0000;
inline constexpr uint16_t kCompressionLznt1 = 0x0001;
inline constexpr uint16_t kCompressionLz77 = 0x0002;
inline constexpr uint16_t kCompressionLz77Huffman = 0x0003;
inline constexpr uint16_t kCompressionPatternV1 = 0x0004;
inline constexpr uint16_t kCompressionLz4 = 0x0005;
inline constexpr uint32_t kCompressionFlagChained = 0x00000001;
inline constexpr uint32_t kTransportAcceptTransportLevelSecurity = 0x00000001;

inline constexpr size_t kMaxDialects = 64;
inline constexpr size_t kMaxNegotiateContexts = 64;
inline constexpr size_t kMaxAlgorithmsPerContext = 64;

// Algorithm ids in the sender's order of preference; unknown ids are kept.
using AlgorithmList = absl::InlinedVector<uint16_t, 8>;

struct PreauthIntegrityCapabilities {
  AlgorithmList hash_algorithms;
  std::span<const uint8_t> salt;
};
struct CompressionCapabilities {
  uint32_t flags = 0;
  AlgorithmList algorithms;
};

// What the client offered; absent contexts are nullopt. Unknown context types are ignored.
struct NegotiateContexts {
  std::optional<PreauthIntegrityCapabilities> preauth_integrity;
  std::optional<AlgorithmList> ciphers;
  std::optional<CompressionCapabilities> compression;
  std::optional<std::span<const uint8_t>> netname_utf16le;
  std::optional<AlgorithmList> signing_algorithms;
  std::optional<uint32_t> transport_flags;
  std::optional<AlgorithmList> rdma_transforms;
  bool posix_extensions = false;
};

struct NegotiateRequest {
  uint16_t security_mode = 0;
  uint32_t capabilities = 0;
  Guid client_guid{};
  absl::InlinedVector<uint16_t, 8> dialects;
  NegotiateContexts contexts;  // Read only when the dialects contain 3.1.1.

  bool OffersDialect(uint16_t dialect) const;
};

// Errors: InvalidParameter for: no dialect, more than kMaxDialects; and, when 3.1.1 is offered,
// contexts that lie outside the message or are misaligned, more than kMaxNegotiateContexts, a
// known context twice, a known context whose counts or salt do not fit its data, an algorithm
// list without entries, no PREAUTH_INTEGRITY context ([MS-SMB2] 3.3.5.4). "None in common" is the
// caller's to decide.
NtResult<NegotiateRequest> DecodeNegotiateRequest(std::span<const uint8_t> message);

struct NegotiateResponse {
  uint16_t security_mode = 0;
  uint16_t dialect = 0;
  Guid server_guid{};
  uint32_t capabilities = 0;
  uint32_t max_transact_size_bytes = 0;
  uint32_t max_read_size_bytes = 0;
  uint32_t max_write_size_bytes = 0;
  FileTime system_time;
  FileTime server_start_time;
  std::span<const uint8_t> security_buffer;
  NegotiateContexts contexts;  // Sent only when dialect is 3.1.1.
};
void EncodeNegotiateResponse(const NegotiateResponse& response, bytes::ByteWriter& out);

// The context list alone (request and response share its shape), padded to 8 between contexts.
// Returns how many contexts were written.
uint16_t EncodeNegotiateContexts(const NegotiateContexts& contexts, bytes::ByteWriter& out);
// `list` starts at the first context. Errors as above, but a missing PREAUTH_INTEGRITY is allowed.
NtResult<NegotiateContexts> DecodeNegotiateContexts(std::span<const uint8_t> list, uint16_t count);

}  // namespace continuo::smbwire
