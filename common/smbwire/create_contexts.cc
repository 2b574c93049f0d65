#include "common/smbwire/create_contexts.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

using bytes::ByteReader;
using bytes::SubspanAt;

constexpr size_t kContextHeaderSizeBytes = 16;
constexpr size_t kMinimumNameSizeBytes = 4;
constexpr size_t kLeaseV1SizeBytes = 32;
constexpr size_t kLeaseV2SizeBytes = 52;
constexpr size_t kDurableBlobSizeBytes = 16;

// The contexts whose names are GUIDs, as bytes on the wire.
constexpr std::array<uint8_t, 16> kAppInstanceIdName = {0x45, 0xBC, 0xA6, 0x6A, 0xEF, 0xA7,
                                                        0xF7, 0x4A, 0x90, 0x08, 0xFA, 0x46,
                                                        0x2E, 0x14, 0x4D, 0x74};
constexpr std::array<uint8_t, 16> kAppInstanceVersionName = {0xB9, 0x82, 0xD0, 0xB7, 0x3B, 0x56,
                                                             0x07, 0x4F, 0xA0, 0x7B, 0x52, 0x4A,
                                                             0x81, 0x16, 0xA0, 0x10};
constexpr std::array<uint8_t, 16> kPosixName = {0x93, 0xAD, 0x25, 0x50, 0x9C, 0xB4, 0x11, 0xE7,
                                                0xB4, 0x23, 0x83, 0xDE, 0x96, 0x8B, 0xCD, 0x7C};

using Bytes = std::span<const uint8_t>;

// Each decoder returns false for data of the wrong shape or a context that was there already.

bool DecodeSpan(Bytes data, std::optional<Bytes>& target) {
  if (target) return false;
  target = data;
  return true;
}

bool DecodeDurableRequest(Bytes data, CreateContexts& contexts) {
  if (contexts.durable_request || data.size() != kDurableBlobSizeBytes) return false;
  contexts.durable_request = true;
  return true;
}

bool DecodeDurableReconnect(Bytes data, CreateContexts& contexts) {
  if (contexts.durable_reconnect || data.size() != kDurableBlobSizeBytes) return false;
  ByteReader in(data);
  contexts.durable_reconnect = internal::ReadFileId(in);
  return true;
}

bool DecodeDurableV2Request(Bytes data, CreateContexts& contexts) {
  if (contexts.durable_v2_request || data.size() != 32) return false;
  ByteReader in(data);
  DurableV2Request request;
  request.timeout_ms = in.U32();
  request.flags = in.U32();
  in.Skip(8);  // Reserved.
  request.create_guid = in.Array<16>();
  contexts.durable_v2_request = request;
  return true;
}

bool DecodeDurableV2Reconnect(Bytes data, CreateContexts& contexts) {
  if (contexts.durable_v2_reconnect || data.size() != 36) return false;
  ByteReader in(data);
  DurableV2Reconnect reconnect;
  reconnect.file_id = internal::ReadFileId(in);
  reconnect.create_guid = in.Array<16>();
  reconnect.flags = in.U32();
  contexts.durable_v2_reconnect = reconnect;
  return true;
}

bool DecodeAllocationSize(Bytes data, CreateContexts& contexts) {
  if (contexts.allocation_size_bytes || data.size() != 8) return false;
  contexts.allocation_size_bytes = ByteReader(data).U64();
  return true;
}

bool DecodeMaximalAccess(Bytes data, CreateContexts& contexts) {
  if (contexts.maximal_access || (!data.empty() && data.size() != 8)) return false;
  MaximalAccessRequest request;
  ByteReader in(data);
  if (!data.empty()) request.timestamp = internal::ReadFileTime(in);
  contexts.maximal_access = request;
  return true;
}

bool DecodeTimewarp(Bytes data, CreateContexts& contexts) {
  if (contexts.timewarp || data.size() != 8) return false;
  ByteReader in(data);
  contexts.timewarp = internal::ReadFileTime(in);
  return true;
}

bool DecodeQueryOnDiskId(Bytes /*data*/, CreateContexts& contexts) {
  if (contexts.query_on_disk_id) return false;  // Its data is ignored: none is specified.
  contexts.query_on_disk_id = true;
  return true;
}

bool DecodeLease(Bytes data, std::optional<LeaseContext>& target) {
  if (target || (data.size() != kLeaseV1SizeBytes && data.size() != kLeaseV2SizeBytes)) {
    return false;
  }
  ByteReader in(data);
  LeaseContext lease;
  lease.key = in.Array<16>();
  lease.state = in.U32();
  lease.flags = in.U32();
  in.Skip(8);  // LeaseDuration: reserved.
  if (data.size() == kLeaseV2SizeBytes) {
    lease.version = LeaseContext::Version::kV2;
    lease.parent_key = in.Array<16>();
    lease.epoch = in.U16();
  }
  target = lease;
  return true;
}

bool DecodeAppInstanceId(Bytes data, CreateContexts& contexts) {
  ByteReader in(data);
  if (contexts.app_instance_id || data.size() != 20 || in.U16() != 20) return false;
  in.Skip(2);  // Reserved.
  contexts.app_instance_id = in.Array<16>();
  return true;
}

bool DecodeAppInstanceVersion(Bytes data, CreateContexts& contexts) {
  ByteReader in(data);
  if (contexts.app_instance_version || data.size() != 24 || in.U16() != 24) return false;
  in.Skip(2 + 4);  // Reserved, Padding.
  AppInstanceVersion version;
  version.high = in.U64();
  version.low = in.U64();
  contexts.app_instance_version = version;
  return true;
}

bool DecodeAapl(Bytes data, CreateContexts& contexts) {
  if (contexts.aapl || data.size() < 8) return false;
  ByteReader in(data);
  AaplServerQuery query;
  query.command = in.U32();
  in.Skip(4);  // Reserved.
  if (query.command == kAaplServerQuery) {
    query.request_bitmap = in.U64();
    query.client_capabilities = in.U64();
  }
  if (!in.ok()) return false;
  contexts.aapl = query;
  return true;
}

bool DecodePosix(Bytes data, CreateContexts& contexts) {
  if (contexts.posix_mode || data.size() != 4) return false;
  contexts.posix_mode = ByteReader(data).U32();
  return true;
}

constexpr uint32_t Tag(std::string_view name) {
  uint32_t tag = 0;
  for (const char c : name) tag = (tag << 8) | static_cast<uint8_t>(c);
  return tag;
}

bool DecodeGuidNamed(Bytes name, Bytes data, CreateContexts& contexts) {
  if (std::ranges::equal(name, kAppInstanceIdName)) return DecodeAppInstanceId(data, contexts);
  if (std::ranges::equal(name, kAppInstanceVersionName)) {
    return DecodeAppInstanceVersion(data, contexts);
  }
  if (std::ranges::equal(name, kPosixName)) return DecodePosix(data, contexts);
  return true;
}

bool DecodeOne(Bytes name, Bytes data, CreateContexts& contexts) {
  if (name.size() == 16) return DecodeGuidNamed(name, data, contexts);
  if (name.size() != 4) return true;
  switch (ByteReader(name).U32BigEndian()) {
    case Tag("ExtA"): return DecodeSpan(data, contexts.ea_buffer);
    case Tag("SecD"): return DecodeSpan(data, contexts.security_descriptor);
    case Tag("DHnQ"): return DecodeDurableRequest(data, contexts);
    case Tag("DHnC"): return DecodeDurableReconnect(data, contexts);
    case Tag("DH2Q"): return DecodeDurableV2Request(data, contexts);
    case Tag("DH2C"): return DecodeDurableV2Reconnect(data, contexts);
    case Tag("AlSi"): return DecodeAllocationSize(data, contexts);
    case Tag("MxAc"): return DecodeMaximalAccess(data, contexts);
    case Tag("TWrp"): return DecodeTimewarp(data, contexts);
    case Tag("QFid"): return DecodeQueryOnDiskId(data, contexts);
    case Tag("RqLs"): return DecodeLease(data, contexts.lease);
    case Tag("AAPL"): return DecodeAapl(data, contexts);
    default: return true;
  }
}

// Response decoders, for clients.

bool DecodeMaximalAccessResponse(Bytes data, CreateResponseContexts& contexts) {
  if (contexts.maximal_access || data.size() != 8) return false;
  ByteReader in(data);
  MaximalAccessResponse response;
  response.query_status = NtStatus(in.U32());
  response.maximal_access = in.U32();
  contexts.maximal_access = response;
  return true;
}

bool DecodeOnDiskIdResponse(Bytes data, CreateResponseContexts& contexts) {
  if (contexts.on_disk_id || data.size() != 32) return false;
  ByteReader in(data);
  OnDiskIdResponse response;
  response.disk_file_id = in.U64();
  response.volume_id = in.U64();
  contexts.on_disk_id = response;
  return true;
}

bool DecodeDurableV2Response(Bytes data, CreateResponseContexts& contexts) {
  if (contexts.durable_v2 || data.size() != 8) return false;
  ByteReader in(data);
  DurableV2Response response;
  response.timeout_ms = in.U32();
  response.flags = in.U32();
  contexts.durable_v2 = response;
  return true;
}

bool DecodeOneResponse(Bytes name, Bytes data, CreateResponseContexts& contexts) {
  if (name.size() != 4) return true;
  switch (ByteReader(name).U32BigEndian()) {
    case Tag("MxAc"): return DecodeMaximalAccessResponse(data, contexts);
    case Tag("QFid"): return DecodeOnDiskIdResponse(data, contexts);
    case Tag("RqLs"): return DecodeLease(data, contexts.lease);
    case Tag("DHnQ"):
      if (contexts.durable_granted || data.size() != 8) return false;
      contexts.durable_granted = true;
      return true;
    case Tag("DH2Q"): return DecodeDurableV2Response(data, contexts);
    default: return true;
  }
}

struct RawContext {
  Bytes name;
  Bytes data;
};

// One SMB2_CREATE_CONTEXT, [MS-SMB2] 2.2.13.2. `entry` ends where the next one starts.
std::optional<RawContext> DecodeRawContext(Bytes entry) {
  ByteReader in(entry);
  in.Skip(4);  // Next: read by the caller.
  const uint16_t name_offset = in.U16();
  const uint16_t name_size_bytes = in.U16();
  in.Skip(2);  // Reserved.
  const uint16_t data_offset = in.U16();
  const uint32_t data_size_bytes = in.U32();
  if (!in.ok() || name_offset < kContextHeaderSizeBytes ||
      name_size_bytes < kMinimumNameSizeBytes) {
    return std::nullopt;
  }
  const auto name = SubspanAt(entry, name_offset, name_size_bytes);
  if (!name) return std::nullopt;
  if (data_size_bytes == 0) return RawContext{*name, {}};
  const size_t name_end = size_t{name_offset} + name_size_bytes;  // Inside `entry`: cannot wrap.
  if (data_offset % 8 != 0 || data_offset < name_end) return std::nullopt;
  const auto data = SubspanAt(entry, data_offset, data_size_bytes);
  if (!data) return std::nullopt;
  return RawContext{*name, *data};
}

// Walks the chain forwards only, so that no Next can loop.
template <typename Contexts>
NtResult<Contexts> DecodeChain(Bytes list, bool (*decode_one)(Bytes, Bytes, Contexts&)) {
  Contexts contexts;
  Bytes rest = list;
  for (size_t count = 0; !rest.empty(); ++count) {
    if (count == kMaxCreateContexts) return NtStatus::kInvalidParameter;
    ByteReader in(rest);
    const uint32_t next = in.U32();
    if (!in.ok() || next % 8 != 0 || next > rest.size()) return NtStatus::kInvalidParameter;
    if (next != 0 && next < kContextHeaderSizeBytes) return NtStatus::kInvalidParameter;
    const auto raw = DecodeRawContext(next == 0 ? rest : rest.first(next));
    if (!raw || !decode_one(raw->name, raw->data, contexts)) return NtStatus::kInvalidParameter;
    if (next == 0) break;
    rest = rest.subspan(next);
    if (rest.empty()) return NtStatus::kInvalidParameter;  // Next promised one more.
  }
  return contexts;
}

}  // namespace

NtResult<CreateContexts> DecodeCreateContexts(std::span<const uint8_t> list) {
  return DecodeChain<CreateContexts>(list, DecodeOne);
}

NtResult<CreateResponseContexts> DecodeCreateResponseContexts(std::span<const uint8_t> list) {
  return DecodeChain<CreateResponseContexts>(list, DecodeOneResponse);
}

}  // namespace continuo::smbwire
