// The server's network interfaces, as FSCTL_QUERY_NETWORK_INTERFACE_INFO tells them to clients that
// want more channels.
#pragma once

#include <vector>

#include "common/smbwire/fsctl.h"
#include "services/smb-frontend/net/socket_address.h"

namespace continuo::commands {

// Addresses of this host at which one of `listening` accepts, link-local ones left out; loopback only
// when there is nothing else. Blocks: reads the kernel's tables.
std::vector<smbwire::NetworkInterface> FindInterfaces(
    const std::vector<net::SocketAddress>& listening);

}  // namespace continuo::commands
