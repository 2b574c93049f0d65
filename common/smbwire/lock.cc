#include "common/smbwire/lock.h"

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

constexpr uint16_t kRequestStructureSize = 48;  // 24 fixed bytes + the first element.

}  // namespace

NtResult<LockRequest> DecodeLockRequest(std::span<const uint8_t> message) {
  internal::BodyReader in(message, kRequestStructureSize);
  const uint16_t lock_count = in.U16();
  const uint32_t lock_sequence = in.U32();
  LockRequest request;
  request.lock_sequence_number = static_cast<uint8_t>(lock_sequence & 0xF);
  request.lock_sequence_index = lock_sequence >> 4;
  request.file_id = internal::ReadFileId(in);
  if (!in.valid() || lock_count == 0 || lock_count > in.remaining() / kLockElementSizeBytes) {
    return NtStatus::kInvalidParameter;
  }
  request.elements.reserve(lock_count);  // Bounded by the message a line above.
  for (size_t i = 0; i < lock_count; ++i) {
    LockElement element;
    element.offset = in.U64();
    element.length_bytes = in.U64();
    element.flags = in.U32();
    in.Skip(4);  // Reserved.
    request.elements.push_back(element);
  }
  return request;
}

void EncodeLockResponse(bytes::ByteWriter& out) { internal::EncodeEmptyBody(out); }

}  // namespace continuo::smbwire
