// Internal to common/fsa/wire: the small conversions that requests, effects and snapshots share.
#pragma once

#include <cstring>
#include <string>

#include "common/fsa/wire/fsa_codec.h"

namespace continuo::fsa::wire {

inline std::string FromArray(const std::array<uint8_t, 16>& value) {
  return std::string(value.begin(), value.end());
}
inline bool ToArray(const std::string& from, std::array<uint8_t, 16>* to) {
  if (from.size() != to->size()) return false;
  std::memcpy(to->data(), from.data(), to->size());
  return true;
}
bool ToKey(const v1::FileKey& from, FileKey* to);

inline bool ToLevel(uint32_t from, OplockLevel* to) {
  switch (from) {
    case 0x00: case 0x01: case 0x08: case 0x09: case 0xFF:
      *to = static_cast<OplockLevel>(from);
      return true;
    default: return false;
  }
}
inline bool ToU8(uint32_t from, uint8_t* to) {
  *to = static_cast<uint8_t>(from);
  return from <= 0xFF;
}
inline bool ToU16(uint32_t from, uint16_t* to) {
  *to = static_cast<uint16_t>(from);
  return from <= 0xFFFF;
}
inline bool ToDurability(v1::Durability from, Durability* to) {
  *to = static_cast<Durability>(from);
  return from >= v1::DURABILITY_UNSPECIFIED && from <= v1::DURABILITY_PERSISTENT;
}
inline v1::Durability FromDurability(Durability from) { return static_cast<v1::Durability>(from); }
static_assert(static_cast<int>(Durability::kPersistent) == v1::DURABILITY_PERSISTENT);

// Our enumerators start at 0, the messages' at 1.
inline bool ToReason(v1::BreakReason from, BreakReason* to) {
  *to = static_cast<BreakReason>(from - 1);
  return from >= v1::BREAK_REASON_WRITE && from <= v1::BREAK_REASON_HARD_LINK;
}
inline v1::BreakReason FromReason(BreakReason from) {
  return static_cast<v1::BreakReason>(static_cast<int>(from) + 1);
}
static_assert(static_cast<int>(BreakReason::kHardLink) + 1 == v1::BREAK_REASON_HARD_LINK);

inline bool ToAction(uint32_t from, NotifyAction* to) {
  *to = static_cast<NotifyAction>(from);
  return from >= 1 && from <= 8;
}

void FromOpen(const OpenRequest& from, v1::OpenOperation* to);
bool ToOpen(const v1::OpenOperation& from, OpenRequest* to);
void FromPersistent(const PersistentOpen& from, v1::PersistentOpen* to);
bool ToPersistent(const v1::PersistentOpen& from, PersistentOpen* to);
void FromLock(const HeldLock& from, v1::HeldLock* to);
HeldLock ToLock(const v1::HeldLock& from);
void FromEntry(const NotifyEntry& from, v1::NotifyEntry* to);
bool ToEntry(const v1::NotifyEntry& from, NotifyEntry* to);

}  // namespace continuo::fsa::wire
