// The bytes of what goes onto the wire when an address has come here.
//
// A tickle is a TCP segment that looks as if it belonged to the client's connection, ACK set, with
// sequence and acknowledgement number zero. The client's stack answers what lies outside its window
// with an ACK that carries the right numbers (RFC 9293 3.10.7.4); this node's kernel knows no such
// connection and answers that with a RST (3.10.7.1), which the client believes.
//
// An announcement tells the link that the address has moved: a gratuitous ARP request (RFC 5227
// 2.3), or an unsolicited neighbour advertisement (RFC 4861 7.2.6). Without one the client's answer
// would go to the dead node's hardware address.
//
// Threading: pure.
#pragma once

#include <array>

#include "common/base/bytes.h"
#include "services/tickle-service/registry/connection.h"

namespace continuo::tickle {

using HardwareAddress = std::array<uint8_t, 6>;

// The whole IP packet, from our end of the connection to the client's.
Bytes MakeTickle(const Connection& connection);

// The whole Ethernet frame.
Bytes MakeAnnouncement(const IpAddress& address, const HardwareAddress& hardware);

}  // namespace continuo::tickle
