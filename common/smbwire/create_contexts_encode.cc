#include <array>
#include <string_view>

#include "common/smbwire/body.h"
#include "common/smbwire/create_contexts.h"

namespace continuo::smbwire {
namespace {

using bytes::ByteWriter;

constexpr std::array<uint8_t, 16> kPosixName = {0x93, 0xAD, 0x25, 0x50, 0x9C, 0xB4, 0x11, 0xE7,
                                                0xB4, 0x23, 0x83, 0xDE, 0x96, 0x8B, 0xCD, 0x7C};

// Writes SMB2_CREATE_CONTEXT headers: each context but the last is padded to 8 and its Next set.
class ChainWriter {
 public:
  explicit ChainWriter(ByteWriter& out) : out_(out) {}

  void Begin(std::span<const uint8_t> name) {
    if (has_context_) {
      out_.AlignTo(8, entry_);
      out_.PatchU32(entry_, static_cast<uint32_t>(out_.size() - entry_));
    }
    has_context_ = true;
    entry_ = out_.size();
    out_.U32(0);  // Next: the following Begin sets it.
    out_.U16(16);
    out_.U16(static_cast<uint16_t>(name.size()));
    out_.U16(0);  // Reserved.
    out_.U16(0);  // DataOffset and DataLength: End sets them.
    out_.U32(0);
    out_.Append(name);
    out_.AlignTo(8, entry_);
    data_ = out_.size();
  }
  void Begin(std::string_view name) {
    std::array<uint8_t, 4> tag{};
    for (size_t i = 0; i < tag.size(); ++i) tag[i] = static_cast<uint8_t>(name[i]);
    Begin(std::span<const uint8_t>(tag));
  }
  void End() {
    if (out_.size() == data_) return;
    out_.PatchU16(entry_ + 10, static_cast<uint16_t>(data_ - entry_));
    out_.PatchU32(entry_ + 12, static_cast<uint32_t>(out_.size() - data_));
  }

 private:
  ByteWriter& out_;
  bool has_context_ = false;
  size_t entry_ = 0;
  size_t data_ = 0;
};

void EncodeLease(const LeaseContext& lease, ChainWriter& chain, ByteWriter& out) {
  chain.Begin("RqLs");
  out.Append(lease.key);
  out.U32(lease.state);
  out.U32(lease.flags);
  out.U64(0);  // LeaseDuration.
  if (lease.version == LeaseContext::Version::kV2) {
    out.Append(lease.parent_key);
    out.U16(lease.epoch);
    out.U16(0);  // Reserved.
  }
  chain.End();
}

void EncodeAapl(const AaplServerQueryResponse& response, ChainWriter& chain, ByteWriter& out) {
  chain.Begin("AAPL");
  out.U32(kAaplServerQuery);
  out.U32(0);  // Reserved.
  out.U64(response.reply_bitmap);
  if ((response.reply_bitmap & kAaplRequestServerCaps) != 0) out.U64(response.server_capabilities);
  if ((response.reply_bitmap & kAaplRequestVolumeCaps) != 0) out.U64(response.volume_capabilities);
  if ((response.reply_bitmap & kAaplRequestModelInfo) != 0) {
    out.U32(0);  // Padding.
    out.U32(static_cast<uint32_t>(response.model_utf16le.size()));
    out.Append(response.model_utf16le);
  }
  chain.End();
}

void EncodePosix(const PosixCreateResponse& response, ChainWriter& chain, ByteWriter& out) {
  chain.Begin(kPosixName);
  out.U32(response.link_count);
  out.U32(response.reparse_tag);
  out.U32(response.mode);
  out.Append(response.owner_sid);
  out.Append(response.group_sid);
  chain.End();
}

void EncodeSpan(std::string_view name, const std::optional<std::span<const uint8_t>>& data,
                ChainWriter& chain, ByteWriter& out) {
  if (!data) return;
  chain.Begin(name);
  out.Append(*data);
  chain.End();
}

void EncodeDurable(const CreateContexts& contexts, ChainWriter& chain, ByteWriter& out) {
  if (contexts.durable_request) {
    chain.Begin("DHnQ");
    out.Zeros(16);
    chain.End();
  }
  if (contexts.durable_reconnect) {
    chain.Begin("DHnC");
    internal::WriteFileId(*contexts.durable_reconnect, out);
    chain.End();
  }
  if (const auto& request = contexts.durable_v2_request) {
    chain.Begin("DH2Q");
    out.U32(request->timeout_ms);
    out.U32(request->flags);
    out.U64(0);  // Reserved.
    out.Append(request->create_guid);
    chain.End();
  }
  if (const auto& reconnect = contexts.durable_v2_reconnect) {
    chain.Begin("DH2C");
    internal::WriteFileId(reconnect->file_id, out);
    out.Append(reconnect->create_guid);
    out.U32(reconnect->flags);
    chain.End();
  }
}

}  // namespace

void EncodeCreateResponseContexts(const CreateResponseContexts& contexts, ByteWriter& out) {
  ChainWriter chain(out);
  if (const auto& access = contexts.maximal_access) {
    chain.Begin("MxAc");
    out.U32(access->query_status.value());
    out.U32(access->maximal_access);
    chain.End();
  }
  if (contexts.durable_granted) {
    chain.Begin("DHnQ");
    out.U64(0);  // Reserved.
    chain.End();
  }
  if (const auto& durable = contexts.durable_v2) {
    chain.Begin("DH2Q");
    out.U32(durable->timeout_ms);
    out.U32(durable->flags);
    chain.End();
  }
  if (contexts.lease) EncodeLease(*contexts.lease, chain, out);
  if (const auto& id = contexts.on_disk_id) {
    chain.Begin("QFid");
    out.U64(id->disk_file_id);
    out.U64(id->volume_id);
    out.Zeros(16);
    chain.End();
  }
  if (contexts.aapl) EncodeAapl(*contexts.aapl, chain, out);
  if (contexts.posix) EncodePosix(*contexts.posix, chain, out);
}

void EncodeCreateRequestContexts(const CreateContexts& contexts, ByteWriter& out) {
  ChainWriter chain(out);
  EncodeSpan("ExtA", contexts.ea_buffer, chain, out);
  EncodeSpan("SecD", contexts.security_descriptor, chain, out);
  EncodeDurable(contexts, chain, out);
  if (contexts.allocation_size_bytes) {
    chain.Begin("AlSi");
    out.U64(*contexts.allocation_size_bytes);
    chain.End();
  }
  if (const auto& access = contexts.maximal_access) {
    chain.Begin("MxAc");
    if (access->timestamp) internal::WriteFileTime(*access->timestamp, out);
    chain.End();
  }
  if (contexts.timewarp) {
    chain.Begin("TWrp");
    internal::WriteFileTime(*contexts.timewarp, out);
    chain.End();
  }
  if (contexts.query_on_disk_id) {
    chain.Begin("QFid");
    chain.End();
  }
  if (contexts.lease) EncodeLease(*contexts.lease, chain, out);
  if (contexts.posix_mode) {
    chain.Begin(kPosixName);
    out.U32(*contexts.posix_mode);
    chain.End();
  }
}

}  // namespace continuo::smbwire
