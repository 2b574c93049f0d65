// Puts tickles and announcements onto the wire. Needs CAP_NET_RAW.
//
// Threading: one thread. Nothing here waits for longer than kSendWaitMax.
#pragma once

#include <cstdint>
#include <string>

#include <absl/status/status.h>

#include "common/rpc/unique_fd.h"
#include "services/tickle-service/packet/tickle_packet.h"
#include "services/tickle-service/registry/connection.h"

namespace continuo::tickle {

inline constexpr int kSendWaitMaxMs = 10;

class RawSender {
 public:
  // What the system said when a socket could not be had is what the sends return.
  RawSender();

  // One packet. Errors: what the system says.
  absl::Status SendTickle(const Connection& connection);
  // Tells the link of interface `index` that `address` is here. OK for interfaces without hardware
  // addresses.
  absl::Status Announce(const IpAddress& address, uint32_t interface_index,
                        const std::string& interface);

  // Why tickles cannot be sent at all; OK when they can.
  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
  rpc::UniqueFd ipv4_;
  rpc::UniqueFd ipv6_;
  rpc::UniqueFd link_;
};

// True when this node has the address and may send from it.
bool IsLocalAddress(const IpAddress& address);

}  // namespace continuo::tickle
