#include "common/smbwire/fscc_ea.h"

#include <algorithm>
#include <string_view>

#include "common/smbwire/body.h"

namespace continuo::smbwire {
namespace {

using bytes::ByteReader;

constexpr size_t kEaAlignment = 4;
constexpr size_t kFullEaFixedSizeBytes = 8;
constexpr size_t kMaxEaNameSizeBytes = 255;
constexpr size_t kMaxEaValueSizeBytes = 65535;

// [MS-FSCC] 2.4.15: control characters and these are not allowed in a name.
bool IsValidEaName(std::span<const uint8_t> name) {
  constexpr std::string_view kForbidden = "\\/:*?\"<>|,+=[];";
  if (name.empty()) return false;
  return std::ranges::none_of(name, [&](uint8_t byte) {
    return byte < 0x20 || kForbidden.find(static_cast<char>(byte)) != std::string_view::npos;
  });
}

// The bytes of the entry at the start of `rest`, up to the next one; nullopt when NextEntryOffset
// is no good.
std::optional<std::span<const uint8_t>> EntryAt(std::span<const uint8_t> rest) {
  ByteReader in(rest);
  const uint32_t next = in.U32();
  if (!in.ok()) return std::nullopt;
  if (next == 0) return rest;
  if (next % kEaAlignment != 0 || next >= rest.size()) return std::nullopt;
  return rest.first(next);
}

NtResult<ExtendedAttribute> DecodeFullEa(std::span<const uint8_t> entry) {
  ByteReader in(entry);
  in.Skip(4);  // NextEntryOffset.
  ExtendedAttribute attribute;
  attribute.flags = in.U8();
  const uint8_t name_size_bytes = in.U8();
  const uint16_t value_size_bytes = in.U16();
  attribute.name = in.Span(name_size_bytes);
  const uint8_t terminator = in.U8();
  attribute.value = in.Span(value_size_bytes);
  if (!in.ok()) return NtStatus::kEaListInconsistent;
  if (terminator != 0 || !IsValidEaName(attribute.name)) return NtStatus::kInvalidEaName;
  if ((attribute.flags & ~kEaFlagNeedEa) != 0) return NtStatus::kInvalidEaFlag;
  return attribute;
}

NtResult<std::span<const uint8_t>> DecodeGetEa(std::span<const uint8_t> entry) {
  ByteReader in(entry);
  in.Skip(4);  // NextEntryOffset.
  const uint8_t name_size_bytes = in.U8();
  const auto name = in.Span(name_size_bytes);
  const uint8_t terminator = in.U8();
  if (!in.ok()) return NtStatus::kEaListInconsistent;
  if (terminator != 0 || !IsValidEaName(name)) return NtStatus::kInvalidEaName;
  return name;
}

// Walks forwards only, so that no NextEntryOffset can loop.
template <typename Item>
NtResult<std::vector<Item>> DecodeList(std::span<const uint8_t> list,
                                       NtResult<Item> (*decode)(std::span<const uint8_t>)) {
  std::vector<Item> items;
  std::span<const uint8_t> rest = list;
  while (!rest.empty()) {
    if (items.size() == kMaxEasPerList) return NtStatus::kEaListInconsistent;
    const auto entry = EntryAt(rest);
    if (!entry) return NtStatus::kEaListInconsistent;
    const NtResult<Item> item = decode(*entry);
    if (!item.ok()) return item.status();
    items.push_back(*item);
    rest = rest.subspan(entry->size());
    if (ByteReader(*entry).U32() == 0) break;  // The last one: what follows it is padding.
  }
  return items;
}

}  // namespace

NtResult<std::vector<ExtendedAttribute>> DecodeFullEaList(std::span<const uint8_t> list) {
  return DecodeList<ExtendedAttribute>(list, DecodeFullEa);
}

NtResult<std::vector<std::span<const uint8_t>>> DecodeGetEaList(std::span<const uint8_t> list) {
  return DecodeList<std::span<const uint8_t>>(list, DecodeGetEa);
}

EaListBuilder::EaListBuilder(size_t limit_bytes, bytes::ByteWriter& out)
    : out_(out), start_(out.size()), limit_bytes_(limit_bytes) {}

bool EaListBuilder::Add(const ExtendedAttribute& attribute) {
  CONTINUO_CHECK(!attribute.name.empty() && attribute.name.size() <= kMaxEaNameSizeBytes);
  CONTINUO_CHECK(attribute.value.size() <= kMaxEaValueSizeBytes);
  const size_t used = out_.size() - start_;
  const size_t padding = (kEaAlignment - used % kEaAlignment) % kEaAlignment;
  const size_t needed =
      padding + kFullEaFixedSizeBytes + attribute.name.size() + 1 + attribute.value.size();
  if (used > limit_bytes_ || needed > limit_bytes_ - used) return false;
  out_.Zeros(padding);
  if (count_ > 0) out_.PatchU32(last_entry_, static_cast<uint32_t>(out_.size() - last_entry_));
  last_entry_ = out_.size();
  out_.U32(0);  // NextEntryOffset: the following entry sets it.
  out_.U8(attribute.flags);
  out_.U8(static_cast<uint8_t>(attribute.name.size()));
  out_.U16(static_cast<uint16_t>(attribute.value.size()));
  out_.Append(attribute.name);
  out_.U8(0);
  out_.Append(attribute.value);
  ++count_;
  return true;
}

}  // namespace continuo::smbwire
