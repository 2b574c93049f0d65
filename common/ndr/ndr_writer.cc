#include "common/ndr/ndr_writer.h"

#include "common/bytes/utf16.h"

namespace continuo::ndr {

void NdrWriter::String(std::string_view utf8) {
  const Bytes units = bytes::Utf8ToUtf16Le(utf8).value_or(Bytes{});
  const auto count = static_cast<uint32_t>(units.size() / 2 + 1);
  U32(count);  // Maximum count.
  U32(0);      // Offset.
  U32(count);  // Actual count.
  out_.Append(units);
  out_.U16(0);
}

void NdrWriter::ByteArray(std::span<const uint8_t> data) {
  U32(static_cast<uint32_t>(data.size()));
  out_.Append(data);
}

}  // namespace continuo::ndr
