#include "common/smbwire/compound.h"

#include "common/bytes/byte_reader.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire {

NtResult<CompoundElements> SplitCompound(std::span<const uint8_t> message) {
  CompoundElements elements;
  std::span<const uint8_t> rest = message;
  while (true) {
    if (elements.size() == kMaxCompoundElements) return NtStatus::kInvalidParameter;
    const NtResult<Header> header = DecodeHeader(rest);
    if (!header.ok()) return header.status();
    const size_t next = header->next_command;
    if (next == 0) {
      elements.push_back(rest);
      return elements;
    }
    if (next % 8 != 0 || next < kHeaderSizeBytes || next > rest.size()) {
      return NtStatus::kInvalidParameter;
    }
    elements.push_back(rest.first(next));
    rest = rest.subspan(next);  // A remainder without room for a header fails in the next turn.
  }
}

}  // namespace continuo::smbwire
