#include "common/smbwire/error.h"

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

constexpr uint16_t kStructureSize = 9;
constexpr uint32_t kSymlinkErrorTag = 0x4C4D5953;  // 'SYML'
constexpr uint32_t kReparseTagSymlink = 0xA000000C;
constexpr uint32_t kErrorIdDefault = 0;

}  // namespace

void EncodeErrorResponse(const ErrorResponse& response, bytes::ByteWriter& out) {
  const bool has_data = !response.error_data.empty();
  const bool has_context = has_data && response.framing == ErrorFraming::kContext;
  const size_t size_bytes = response.error_data.size() + (has_context ? 8 : 0);
  out.U16(kStructureSize);
  out.U8(has_context ? 1 : 0);
  out.U8(0);  // Reserved.
  out.U32(static_cast<uint32_t>(size_bytes));
  if (has_context) {
    out.U32(static_cast<uint32_t>(response.error_data.size()));
    out.U32(kErrorIdDefault);
  }
  out.Append(response.error_data);
  if (!has_data) out.U8(0);
}

void EncodeBufferTooSmallResponse(uint32_t required_size_bytes, ErrorFraming framing,
                                  bytes::ByteWriter& out) {
  std::array<uint8_t, 4> data{};
  bytes::StoreU32(data, 0, required_size_bytes);
  EncodeErrorResponse({.error_data = data, .framing = framing}, out);
}

void EncodeSymlinkErrorResponse(const SymlinkError& error, ErrorFraming framing,
                                bytes::ByteWriter& out) {
  const size_t names = error.substitute_name_utf16le.size() + error.print_name_utf16le.size();
  bytes::ByteWriter data;
  data.U32(static_cast<uint32_t>(24 + names));  // SymLinkLength: what follows this field.
  data.U32(kSymlinkErrorTag);
  data.U32(kReparseTagSymlink);
  data.U16(static_cast<uint16_t>(12 + names));  // ReparseDataLength: from SubstituteNameOffset.
  data.U16(error.unparsed_path_size_bytes);
  data.U16(0);  // SubstituteNameOffset, in PathBuffer.
  data.U16(static_cast<uint16_t>(error.substitute_name_utf16le.size()));
  data.U16(static_cast<uint16_t>(error.substitute_name_utf16le.size()));  // PrintNameOffset.
  data.U16(static_cast<uint16_t>(error.print_name_utf16le.size()));
  data.U32(error.flags);
  data.Append(error.substitute_name_utf16le);
  data.Append(error.print_name_utf16le);
  EncodeErrorResponse({.error_data = data.view(), .framing = framing}, out);
}

}  // namespace continuo::smbwire
