#include "services/smb-frontend/app/server_identity.h"

#include <unistd.h>

#include <array>

#include <absl/time/clock.h>

#include "common/daemon/signals.h"
#include "common/identity/config_facts.h"
#include "common/identity/identity_file.h"

namespace continuo::app {
namespace {

// auth-service makes the file; it may start beside us.
constexpr absl::Duration kIdentityWait = absl::Seconds(10);
constexpr absl::Duration kIdentityPoll = absl::Milliseconds(50);

}  // namespace

std::string ServerNameOf(const config::Config& config) {
  if (!config.global.server_name.empty()) return config.global.server_name;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) return "continuo";
  const std::string name(host.data());
  return name.substr(0, name.find('.'));
}

absl::StatusOr<smbwire::Guid> LoadServerGuid(const config::Config& config) {
  const identity::IdentityFile file(config.global.runstate_dir);
  const absl::Time give_up = absl::Now() + kIdentityWait;
  absl::StatusOr<identity::Identity> found = file.Load();
  while (absl::IsNotFound(found.status()) && absl::Now() < give_up) {
    if (daemon::IsStopPending()) return absl::CancelledError("told to stop during the start");
    absl::SleepFor(kIdentityPoll);
    found = file.Load();
  }
  if (!found.ok()) return found.status();
  const absl::Status same =
      identity::Reconcile(*found, identity::FactsOf(config), identity::PolicyOf(config)).status();
  if (!same.ok()) return same;
  return found->server_guid;
}

std::string_view CommandName(size_t command) {
  static constexpr std::array<std::string_view, smbwire::kCommandCount> kNames = {
      "NEGOTIATE",       "SESSION_SETUP", "LOGOFF", "TREE_CONNECT", "TREE_DISCONNECT",
      "CREATE",          "CLOSE",         "FLUSH",  "READ",         "WRITE",
      "LOCK",            "IOCTL",         "CANCEL", "ECHO",         "QUERY_DIRECTORY",
      "CHANGE_NOTIFY",   "QUERY_INFO",    "SET_INFO", "OPLOCK_BREAK"};
  return command < kNames.size() ? kNames[command] : "UNKNOWN";
}

}  // namespace continuo::app
