// Stored records of persistent handles: what is accepted encodes to the same bytes again. The input's
// checksum is made good first, so that mutations get past it.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "common/bytes/byte_writer.h"
#include "common/bytes/crc32c.h"
#include "services/ca-store-service/records/record_codec.h"

using namespace continuo::castore;  // NOLINT: a fuzz target is one file.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> stored(data, data + size);
  (void)DecodeStoredHandle(stored);
  if (size < kRecordHeaderBytes) return 0;
  const std::span<uint8_t> all(stored);
  continuo::bytes::StoreU32(all, 8, static_cast<uint32_t>(size - kRecordHeaderBytes));
  const uint32_t crc = continuo::bytes::Crc32c(all.subspan(kRecordHeaderBytes), continuo::bytes::Crc32c(all.first(12)));
  continuo::bytes::StoreU32(all, 12, crc);
  const auto handle = DecodeStoredHandle(stored);
  if (handle.ok()) {
    const auto again = DecodeStoredHandle(EncodeStored(*handle));
    if (!again.ok() || !(*again == *handle)) std::abort();
  }
  const auto intent = DecodeStoredIntent(stored);
  if (intent.ok()) {
    const auto again = DecodeStoredIntent(EncodeStored(*intent));
    if (!again.ok() || !(*again == *intent)) std::abort();
  }
  return 0;
}
