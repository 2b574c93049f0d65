// The addresses of this node with when they arrived.
//
// Threading: none; AddressWatcher serialises.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <absl/time/time.h>

namespace continuo::tickle {

struct AddressKey {
  std::string address;  // Numeric text.
  uint32_t prefix_length = 0;
  uint32_t interface_index = 0;
  friend auto operator<=>(const AddressKey&, const AddressKey&) = default;
};

struct AddressEntry {
  AddressKey key;
  std::string interface;
  absl::Time arrived;
};

class AddressTable {
 public:
  // True when the address was not there before.
  bool Add(const AddressKey& key, const std::string& interface, absl::Time now);
  // True when it was there.
  bool Remove(const AddressKey& key);
  // After a complete listing: whatever is not in `present` has gone. Returns what was removed.
  std::vector<AddressKey> RetainOnly(const std::set<AddressKey>& present);

  std::vector<AddressEntry> Entries() const;
  uint64_t arrival_count() const { return arrival_count_; }
  uint64_t departure_count() const { return departure_count_; }

 private:
  std::map<AddressKey, AddressEntry> entries_;
  uint64_t arrival_count_ = 0;
  uint64_t departure_count_ = 0;
};

}  // namespace continuo::tickle
