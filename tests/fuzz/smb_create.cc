// CREATE with its contexts: what is accepted encodes and decodes to the same request.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "common/smbwire/client_messages.h"
#include "common/smbwire/fscc_ea.h"

using namespace continuo::smbwire;  // NOLINT: a fuzz target is one file.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> message(data, size);
  (void)DecodeCreateResponse(message);
  const auto request = DecodeCreateRequest(message);
  if (!request.ok()) return 0;
  if (request->contexts.ea_buffer) (void)DecodeFullEaList(*request->contexts.ea_buffer);
  continuo::bytes::ByteWriter out;
  out.Zeros(kHeaderSizeBytes);
  EncodeCreateRequest(*request, out);
  const auto again = DecodeCreateRequest(out.view());
  if (!again.ok()) std::abort();
  if (!std::ranges::equal(again->name_utf16le, request->name_utf16le)) std::abort();
  if (again->contexts.lease.has_value() != request->contexts.lease.has_value()) std::abort();
  return 0;
}
