#include "common/smbwire/body.h"
#include "common/smbwire/negotiate.h"

namespace continuo::smbwire {
namespace {

using bytes::ByteReader;
using bytes::ByteWriter;

// `count` ids. False when the data does not hold them, when there are none or too many.
bool ReadAlgorithms(ByteReader& in, uint16_t count, AlgorithmList& list) {
  if (count == 0 || count > kMaxAlgorithmsPerContext || count > in.remaining() / 2) return false;
  for (size_t i = 0; i < count; ++i) list.push_back(in.U16());
  return in.ok();
}

bool DecodePreauthIntegrity(ByteReader in, NegotiateContexts& contexts) {
  if (contexts.preauth_integrity) return false;
  PreauthIntegrityCapabilities capabilities;
  const uint16_t algorithm_count = in.U16();
  const uint16_t salt_size_bytes = in.U16();
  if (!ReadAlgorithms(in, algorithm_count, capabilities.hash_algorithms)) return false;
  capabilities.salt = in.Span(salt_size_bytes);
  if (!in.ok()) return false;
  contexts.preauth_integrity = capabilities;
  return true;
}

// ENCRYPTION and SIGNING: a count and ids.
bool DecodeAlgorithms(ByteReader in, std::optional<AlgorithmList>& target) {
  if (target) return false;
  AlgorithmList list;
  const uint16_t count = in.U16();
  if (!ReadAlgorithms(in, count, list)) return false;
  target = list;
  return true;
}

bool DecodeCompression(ByteReader in, NegotiateContexts& contexts) {
  if (contexts.compression) return false;
  CompressionCapabilities capabilities;
  const uint16_t count = in.U16();
  in.Skip(2);  // Padding.
  capabilities.flags = in.U32();
  if (!ReadAlgorithms(in, count, capabilities.algorithms)) return false;
  contexts.compression = capabilities;
  return true;
}

bool DecodeRdmaTransforms(ByteReader in, NegotiateContexts& contexts) {
  if (contexts.rdma_transforms) return false;
  AlgorithmList list;
  const uint16_t count = in.U16();
  in.Skip(2 + 4);  // Reserved1, Reserved2.
  if (!ReadAlgorithms(in, count, list)) return false;
  contexts.rdma_transforms = list;
  return true;
}

bool DecodeTransport(ByteReader in, NegotiateContexts& contexts) {
  if (contexts.transport_flags) return false;
  const uint32_t flags = in.U32();
  if (!in.ok()) return false;
  contexts.transport_flags = flags;
  return true;
}

// [MS-SMB2] 3.3.5.4: a second context of a known type, or one that does not fit, is refused.
bool DecodeOne(uint16_t type, std::span<const uint8_t> data, NegotiateContexts& contexts) {
  switch (static_cast<NegotiateContextType>(type)) {
    case NegotiateContextType::kPreauthIntegrity:
      return DecodePreauthIntegrity(ByteReader(data), contexts);
    case NegotiateContextType::kEncryption:
      return DecodeAlgorithms(ByteReader(data), contexts.ciphers);
    case NegotiateContextType::kSigning:
      return DecodeAlgorithms(ByteReader(data), contexts.signing_algorithms);
    case NegotiateContextType::kCompression:
      return DecodeCompression(ByteReader(data), contexts);
    case NegotiateContextType::kRdmaTransform:
      return DecodeRdmaTransforms(ByteReader(data), contexts);
    case NegotiateContextType::kTransport:
      return DecodeTransport(ByteReader(data), contexts);
    case NegotiateContextType::kNetname:
      if (contexts.netname_utf16le) return false;
      contexts.netname_utf16le = data;
      return true;
    case NegotiateContextType::kPosix:
      if (contexts.posix_extensions) return false;
      contexts.posix_extensions = true;
      return true;
  }
  return true;
}

// Writes context headers and pads between contexts, not after the last.
class ContextListWriter {
 public:
  explicit ContextListWriter(ByteWriter& out) : out_(out), base_(out.size()) {}

  void Begin(NegotiateContextType type) {
    out_.AlignTo(8, base_);
    header_ = out_.size();
    out_.U16(static_cast<uint16_t>(type));
    out_.Zeros(2 + 4);  // DataLength (set by End), Reserved.
    ++count_;
  }
  void End() { out_.PatchU16(header_ + 2, static_cast<uint16_t>(out_.size() - header_ - 8)); }
  void Algorithms(const AlgorithmList& list) {
    for (const uint16_t id : list) out_.U16(id);
  }
  uint16_t count() const { return count_; }

 private:
  ByteWriter& out_;
  size_t base_;
  size_t header_ = 0;
  uint16_t count_ = 0;
};

void EncodeAlgorithms(NegotiateContextType type, const std::optional<AlgorithmList>& algorithms,
                      ContextListWriter& list, ByteWriter& out) {
  if (!algorithms) return;
  list.Begin(type);
  out.U16(static_cast<uint16_t>(algorithms->size()));
  list.Algorithms(*algorithms);
  list.End();
}

}  // namespace

NtResult<NegotiateContexts> DecodeNegotiateContexts(std::span<const uint8_t> list,
                                                    uint16_t count) {
  if (count > kMaxNegotiateContexts) return NtStatus::kInvalidParameter;
  NegotiateContexts contexts;
  ByteReader in(list);
  for (size_t i = 0; i < count; ++i) {
    const size_t padding = (8 - in.position() % 8) % 8;
    in.Skip(padding);
    const uint16_t type = in.U16();
    const uint16_t data_size_bytes = in.U16();
    in.Skip(4);  // Reserved.
    const auto data = in.Span(data_size_bytes);
    if (!in.ok() || !DecodeOne(type, data, contexts)) return NtStatus::kInvalidParameter;
  }
  return contexts;
}

uint16_t EncodeNegotiateContexts(const NegotiateContexts& contexts, ByteWriter& out) {
  ContextListWriter list(out);
  if (const auto& preauth = contexts.preauth_integrity) {
    list.Begin(NegotiateContextType::kPreauthIntegrity);
    out.U16(static_cast<uint16_t>(preauth->hash_algorithms.size()));
    out.U16(static_cast<uint16_t>(preauth->salt.size()));
    list.Algorithms(preauth->hash_algorithms);
    out.Append(preauth->salt);
    list.End();
  }
  EncodeAlgorithms(NegotiateContextType::kEncryption, contexts.ciphers, list, out);
  if (const auto& compression = contexts.compression) {
    list.Begin(NegotiateContextType::kCompression);
    out.U16(static_cast<uint16_t>(compression->algorithms.size()));
    out.Zeros(2);
    out.U32(compression->flags);
    list.Algorithms(compression->algorithms);
    list.End();
  }
  if (contexts.netname_utf16le) {
    list.Begin(NegotiateContextType::kNetname);
    out.Append(*contexts.netname_utf16le);
    list.End();
  }
  if (contexts.transport_flags) {
    list.Begin(NegotiateContextType::kTransport);
    out.U32(*contexts.transport_flags);
    list.End();
  }
  if (const auto& transforms = contexts.rdma_transforms) {
    list.Begin(NegotiateContextType::kRdmaTransform);
    out.U16(static_cast<uint16_t>(transforms->size()));
    out.Zeros(2 + 4);
    list.Algorithms(*transforms);
    list.End();
  }
  EncodeAlgorithms(NegotiateContextType::kSigning, contexts.signing_algorithms, list, out);
  if (contexts.posix_extensions) {
    // The tag that names the SMB3 POSIX extensions.
    constexpr std::array<uint8_t, 16> kPosixTag = {0x93, 0xAD, 0x25, 0x50, 0x9C, 0xB4, 0x11, 0xE7,
                                                   0xB4, 0x23, 0x83, 0xDE, 0x96, 0x8B, 0xCD, 0x7C};
    list.Begin(NegotiateContextType::kPosix);
    out.Append(kPosixTag);
    list.End();
  }
  return list.count();
}

}  // namespace continuo::smbwire
