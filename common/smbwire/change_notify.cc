#include "common/smbwire/change_notify.h"

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

constexpr uint16_t kRequestStructureSize = 32;
constexpr size_t kEntryFixedSizeBytes = 12;
constexpr size_t kEntryAlignment = 4;

}  // namespace

NtResult<ChangeNotifyRequest> DecodeChangeNotifyRequest(std::span<const uint8_t> message) {
  internal::BodyReader in(message, kRequestStructureSize);
  ChangeNotifyRequest request;
  request.flags = in.U16();
  request.output_buffer_size_bytes = in.U32();
  request.file_id = internal::ReadFileId(in);
  request.completion_filter = in.U32();
  in.Skip(4);  // Reserved.
  if (!in.valid()) return NtStatus::kInvalidParameter;
  return request;
}

NotifyListBuilder::NotifyListBuilder(size_t limit_bytes, bytes::ByteWriter& out)
    : out_(out), start_(out.size()), limit_bytes_(limit_bytes) {}

bool NotifyListBuilder::Add(uint32_t action, std::span<const uint8_t> name_utf16le) {
  const size_t used = out_.size() - start_;
  const size_t padding = (kEntryAlignment - used % kEntryAlignment) % kEntryAlignment;
  const size_t needed = padding + kEntryFixedSizeBytes + name_utf16le.size();
  if (used > limit_bytes_ || needed > limit_bytes_ - used) return false;
  out_.Zeros(padding);
  if (count_ > 0) out_.PatchU32(last_entry_, static_cast<uint32_t>(out_.size() - last_entry_));
  last_entry_ = out_.size();
  out_.U32(0);  // NextEntryOffset: the following entry sets it.
  out_.U32(action);
  out_.U32(static_cast<uint32_t>(name_utf16le.size()));
  out_.Append(name_utf16le);
  ++count_;
  return true;
}

}  // namespace continuo::smbwire
