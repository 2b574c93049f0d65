#include "services/tickle-service/addresses/address_table.h"

namespace continuo::tickle {

bool AddressTable::Add(const AddressKey& key, const std::string& interface, absl::Time now) {
  const bool is_new = entries_.try_emplace(key, AddressEntry{key, interface, now}).second;
  if (is_new) ++arrival_count_;
  return is_new;
}

bool AddressTable::Remove(const AddressKey& key) {
  const bool was_there = entries_.erase(key) != 0;
  if (was_there) ++departure_count_;
  return was_there;
}

std::vector<AddressKey> AddressTable::RetainOnly(const std::set<AddressKey>& present) {
  std::vector<AddressKey> gone;
  for (const auto& [key, entry] : entries_) {
    if (!present.contains(key)) gone.push_back(key);
  }
  for (const AddressKey& key : gone) Remove(key);
  return gone;
}

std::vector<AddressEntry> AddressTable::Entries() const {
  std::vector<AddressEntry> entries;
  for (const auto& [key, entry] : entries_) entries.push_back(entry);
  return entries;
}

}  // namespace continuo::tickle
