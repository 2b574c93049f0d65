#include "services/auth-service/spnego/der.h"

#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"

namespace continuo::auth::spnego {

std::optional<DerElement> DerReader::Next() {
  bytes::ByteReader in(rest_);
  DerElement element;
  element.tag = in.U8();
  if ((element.tag & 0x1F) == 0x1F) return std::nullopt;  // Tags of several bytes.
  size_t size_bytes = in.U8();
  if (size_bytes == 0x80) return std::nullopt;  // Indefinite.
  if (size_bytes > 0x80) {
    const size_t length_bytes = size_bytes & 0x7F;
    if (length_bytes > 4) return std::nullopt;
    size_bytes = 0;
    for (size_t i = 0; i < length_bytes; ++i) size_bytes = (size_bytes << 8) | in.U8();
  }
  element.content = in.Span(size_bytes);
  if (!in.ok()) return std::nullopt;
  element.whole = rest_.first(in.position());
  rest_ = rest_.subspan(in.position());
  return element;
}

std::optional<DerElement> DerReader::Next(uint8_t tag) {
  if (PeekTag() != tag) return std::nullopt;
  return Next();
}

Bytes Der(uint8_t tag, std::span<const uint8_t> content) {
  bytes::ByteWriter out;
  out.U8(tag);
  const size_t size = content.size();
  if (size < 0x80) {
    out.U8(static_cast<uint8_t>(size));
  } else if (size <= 0xFF) {
    out.U8(0x81);
    out.U8(static_cast<uint8_t>(size));
  } else if (size <= 0xFFFF) {
    out.U8(0x82);
    out.U16BigEndian(static_cast<uint16_t>(size));
  } else {
    out.U8(0x84);
    out.U32BigEndian(static_cast<uint32_t>(size));
  }
  out.Append(content);
  return std::move(out).Take();
}

}  // namespace continuo::auth::spnego
