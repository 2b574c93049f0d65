// The transform headers in front of encrypted and compressed messages.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "common/smbwire/transform.h"

using namespace continuo::smbwire;  // NOLINT: a fuzz target is one file.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> message(data, size);
  (void)ClassifyMessage(message);
  (void)DecodeCompressionTransformHeader(message);
  const auto sealed = DecodeTransformHeader(message);
  if (!sealed.ok()) return 0;
  if (sealed->ciphertext.size() + kTransformHeaderSizeBytes != size) std::abort();
  return 0;
}
