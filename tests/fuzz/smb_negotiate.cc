// NEGOTIATE in both directions: what is accepted encodes and decodes to the same offer.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "common/smbwire/client_messages.h"

using namespace continuo::smbwire;  // NOLINT: a fuzz target is one file.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> message(data, size);
  (void)DecodeNegotiateResponse(message);
  const auto request = DecodeNegotiateRequest(message);
  if (!request.ok()) return 0;
  continuo::bytes::ByteWriter out;
  out.Zeros(kHeaderSizeBytes);
  EncodeNegotiateRequest(*request, out);
  const auto again = DecodeNegotiateRequest(out.view());
  if (!again.ok()) std::abort();
  if (again->dialects != request->dialects) std::abort();
  if (again->contexts.ciphers != request->contexts.ciphers) std::abort();
  return 0;
}
