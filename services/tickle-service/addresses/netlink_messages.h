// Reads the rtnetlink messages about addresses.
//
// Source:    rtnetlink(7), netlink(7); integers are in the node's own (little-endian) order.
// Threading: pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "services/tickle-service/addresses/address_table.h"

namespace continuo::tickle {

struct AddressMessage {
  enum class Kind { kArrived, kDeparted, kDumpEnd, kDumpFailed };
  Kind kind = Kind::kArrived;
  uint32_t sequence = 0;       // Of the request that a dump answers; 0 for what just happened.
  bool is_dump_inconsistent = false;  // The list changed while it was sent: ask again.
  AddressKey key;              // For kArrived and kDeparted.
};

// The messages of one datagram that concern addresses, in order. Damaged ones end the list.
std::vector<AddressMessage> ParseAddressMessages(std::span<const uint8_t> datagram);

// RTM_GETADDR of all families.
Bytes MakeAddressDumpRequest(uint32_t sequence);

}  // namespace continuo::tickle
