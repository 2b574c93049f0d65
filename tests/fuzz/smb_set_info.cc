// SET_INFO buffers: extended attributes, rename, and the classes of fixed size.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "common/smbwire/fscc.h"
#include "common/smbwire/fscc_ea.h"
#include "common/smbwire/fscc_volume.h"

using namespace continuo::smbwire;  // NOLINT: a fuzz target is one file.

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> buffer(data, size);
  (void)DecodeFileBasicInformation(buffer);
  (void)DecodeFileRenameInformation(buffer);
  (void)DecodeFileRenameInformationEx(buffer);
  (void)DecodeFileShortNameInformation(buffer);
  (void)DecodeFileSizeInformation(buffer);
  (void)DecodeFsControlInformation(buffer);
  (void)DecodeGetEaList(buffer);
  const auto list = DecodeFullEaList(buffer);
  if (!list.ok()) return 0;
  continuo::bytes::ByteWriter out;
  EaListBuilder builder(SIZE_MAX / 2, out);
  for (const ExtendedAttribute& attribute : *list) {
    if (!builder.Add(attribute)) std::abort();
  }
  const auto again = DecodeFullEaList(out.view());
  if (!again.ok() || again->size() != list->size()) std::abort();
  return 0;
}
