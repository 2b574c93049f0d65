// SMB2 TREE_CONNECT and TREE_DISCONNECT.
//
// Source: [MS-SMB2] 2.2.9 to 2.2.12. Threading: pure; spans borrow from the message.
#pragma once

#include <cstdint>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"

namespace continuo::smbwire {

inline constexpr uint16_t kTreeConnectFlagClusterReconnect = 0x0001;
inline constexpr uint16_t kTreeConnectFlagRedirectToOwner = 0x0002;
inline constexpr uint16_t kTreeConnectFlagExtensionPresent = 0x0004;

inline constexpr uint8_t kShareTypeDisk = 0x01;
inline constexpr uint8_t kShareTypePipe = 0x02;
inline constexpr uint8_t kShareTypePrint = 0x03;

inline constexpr uint32_t kShareFlagManualCaching = 0x00000000;
inline constexpr uint32_t kShareFlagAutoCaching = 0x00000010;
inline constexpr uint32_t kShareFlagVdoCaching = 0x00000020;
inline constexpr uint32_t kShareFlagNoCaching = 0x00000030;
inline constexpr uint32_t kShareFlagDfs = 0x00000001;
inline constexpr uint32_t kShareFlagDfsRoot = 0x00000002;
inline constexpr uint32_t kShareFlagRestrictExclusiveOpens = 0x00000100;
inline constexpr uint32_t kShareFlagForceSharedDelete = 0x00000200;
inline constexpr uint32_t kShareFlagAllowNamespaceCaching = 0x00000400;
inline constexpr uint32_t kShareFlagAccessBasedDirectoryEnum = 0x00000800;
inline constexpr uint32_t kShareFlagForceLevelIiOplock = 0x00001000;
inline constexpr uint32_t kShareFlagEnableHashV1 = 0x00002000;
inline constexpr uint32_t kShareFlagEnableHashV2 = 0x00004000;
inline constexpr uint32_t kShareFlagEncryptData = 0x00008000;
inline constexpr uint32_t kShareFlagIdentityRemoting = 0x00040000;
inline constexpr uint32_t kShareFlagCompressData = 0x00100000;
inline constexpr uint32_t kShareFlagIsolatedTransport = 0x00200000;

inline constexpr uint32_t kShareCapDfs = 0x00000008;
inline constexpr uint32_t kShareCapContinuousAvailability = 0x00000010;
inline constexpr uint32_t kShareCapScaleout = 0x00000020;
inline constexpr uint32_t kShareCapCluster = 0x00000040;
inline constexpr uint32_t kShareCapAsymmetric = 0x00000080;
inline constexpr uint32_t kShareCapRedirectToOwner = 0x00000100;

// The extension form (kTreeConnectFlagExtensionPresent) is accepted; its tree connect contexts are
// not looked at: this server honours no REMOTED_IDENTITY. Errors: InvalidParameter for a path of
// odd size or outside the message.
struct TreeConnectRequest {
  uint16_t flags = 0;
  std::span<const uint8_t> path_utf16le;  // \\server\share
};
NtResult<TreeConnectRequest> DecodeTreeConnectRequest(std::span<const uint8_t> message);

struct TreeConnectResponse {
  uint8_t share_type = kShareTypeDisk;
  uint32_t share_flags = 0;
  uint32_t capabilities = 0;
  uint32_t maximal_access = 0;
};
void EncodeTreeConnectResponse(const TreeConnectResponse& response, bytes::ByteWriter& out);

NtStatus DecodeTreeDisconnectRequest(std::span<const uint8_t> message);
void EncodeTreeDisconnectResponse(bytes::ByteWriter& out);

}  // namespace continuo::smbwire
