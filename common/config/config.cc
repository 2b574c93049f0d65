#include "common/config/config.h"

#include <algorithm>
#include <array>

#include <absl/strings/str_format.h>

#include "common/bytes/utf16.h"

namespace continuo::config {

const Share* FindShare(const Config& config, std::string_view netname) {
  const auto found =
      std::find_if(config.shares.begin(), config.shares.end(), [&](const Share& share) {
        return bytes::EqualsIgnoringCase(share.netname, netname);
      });
  return found == config.shares.end() ? nullptr : &*found;
}

std::string ToText(const HostPort& address) {
  if (address.address.empty()) return "";
  const bool is_ipv6 = address.address.find(':') != std::string::npos;
  return is_ipv6 ? absl::StrFormat("[%s]:%d", address.address, address.port)
                 : absl::StrFormat("%s:%d", address.address, address.port);
}

std::optional<HostPort> MetricsAddressOf(const Config& config, std::string_view daemon_name) {
  static constexpr std::array<std::string_view, 6> kDaemons = {
      "smb-frontend",     "auth-service",   "fsa-state-service",
      "ca-store-service", "tickle-service", "watchdog-supervisor"};
  if (config.global.metrics_listen.address.empty()) return std::nullopt;
  const auto* found = std::find(kDaemons.begin(), kDaemons.end(), daemon_name);
  if (found == kDaemons.end()) return std::nullopt;
  HostPort address = config.global.metrics_listen;
  address.port = static_cast<uint16_t>(address.port + (found - kDaemons.begin()));
  return address;
}

}  // namespace continuo::config
