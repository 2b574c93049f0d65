#include "services/smb-frontend/vfs/dos_attributes.h"

#include <charconv>
#include <string>

#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"

namespace continuo::vfs {
namespace {

// valid_flags.
constexpr uint32_t kHasAttributes = 0x01;
constexpr uint32_t kHasCreationTime = 0x10;
constexpr size_t kHexTextMaxSizeBytes = 32;

// "0x21" in front of the binary form, alone in Samba's oldest one.
std::optional<uint32_t> ParseHex(const std::string& text) {
  if (text.size() < 3 || text[0] != '0' || (text[1] != 'x' && text[1] != 'X')) return std::nullopt;
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data() + 2, text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

void AlignReader(bytes::ByteReader& in, size_t alignment) {
  in.Skip((alignment - in.position() % alignment) % alignment);
}

struct Body {
  uint32_t valid = 0;
  uint32_t attributes = 0;
  uint64_t creation_time = 0;
};

std::optional<Body> ReadBody(bytes::ByteReader& in, uint16_t version) {
  Body body;
  switch (version) {
    case 1:  // attributes, EA size, size, allocation size, create time, change time.
      body.valid = kHasAttributes | kHasCreationTime;
      body.attributes = in.U32();
      in.Skip(4 + 8 + 8);
      body.creation_time = in.U64();
      break;
    case 2:  // As 3, with write time and name behind.
    case 3:
      body.valid = in.U32();
      body.attributes = in.U32();
      in.Skip(4 + 8 + 8);
      body.creation_time = in.U64();
      break;
    case 4:
      body.valid = in.U32();
      body.attributes = in.U32();
      in.Skip(8);
      body.creation_time = in.U64();
      break;
    case 5:
      body.valid = in.U32();
      body.attributes = in.U32();
      body.creation_time = in.U64();
      break;
    default:
      return std::nullopt;
  }
  if (!in.ok()) return std::nullopt;
  return body;
}

uint16_t VersionOf(DosAttributesFormat format) {
  switch (format) {
    case DosAttributesFormat::kV3: return 3;
    case DosAttributesFormat::kV4: return 4;
    case DosAttributesFormat::kV5: return 5;
  }
  return 4;
}

}  // namespace

std::optional<StoredDosAttributes> DecodeDosAttributes(std::span<const uint8_t> xattr) {
  bytes::ByteReader in(xattr);
  std::string hex;
  bool is_terminated = false;
  while (in.remaining() > 0 && hex.size() < kHexTextMaxSizeBytes) {
    const char c = static_cast<char>(in.U8());
    if (c == '\0') {
      is_terminated = true;
      break;
    }
    hex += c;
  }
  StoredDosAttributes out;
  if (in.remaining() == 0) {
    out.attributes = ParseHex(hex);
    if (!out.attributes) return std::nullopt;
    return out;
  }
  if (!is_terminated) return std::nullopt;
  AlignReader(in, 2);
  const uint16_t version = in.U16();
  const uint16_t union_switch = in.U16();
  AlignReader(in, 4);
  if (!in.ok() || union_switch != version) return std::nullopt;
  const auto body = ReadBody(in, version);
  if (!body) return std::nullopt;
  if ((body->valid & kHasAttributes) != 0) out.attributes = body->attributes;
  if ((body->valid & kHasCreationTime) != 0 && body->creation_time != 0) {
    out.creation_time = body->creation_time;
  }
  return out;
}

Bytes EncodeDosAttributes(const StoredDosAttributes& stored, DosAttributesFormat format) {
  bytes::ByteWriter out;
  const uint16_t version = VersionOf(format);
  uint32_t valid = 0;
  if (stored.attributes) valid |= kHasAttributes;
  if (stored.creation_time) valid |= kHasCreationTime;
  out.U8(0);  // Empty text form.
  out.AlignTo(2);
  out.U16(version);
  out.U16(version);
  out.AlignTo(4);
  out.U32(valid);
  out.U32(stored.attributes.value_or(0));
  if (version == 3) out.Zeros(4 + 8 + 8);  // EA size, size, allocation size: not marked valid.
  if (version == 4) out.Zeros(8);          // Inode time: not marked valid.
  out.U64(stored.creation_time.value_or(0));
  if (version == 3) out.Zeros(8);  // Change time: not marked valid.
  return std::move(out).Take();
}

}  // namespace continuo::vfs
