// The listening Unix socket of a daemon with its lock file, and what is known of a peer.
//
// Threading: Open and the destructor from one thread; Accept from one thread.
#pragma once

#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "common/rpc/policy.h"
#include "common/rpc/unique_fd.h"

namespace continuo::rpc {

inline constexpr int kListenBacklog = 128;

class UnixListener {
 public:
  // Makes `run_dir` (mode 0750) when it is missing, takes <run_dir>/<daemon>.lock, removes a stale
  // socket and listens on <run_dir>/<daemon>.sock (mode 0660, group `admin_group` if there is one;
  // a directory that is made here gets that group too, so that administrators reach the socket).
  // Errors: as UnixServer::Start.
  static absl::StatusOr<std::unique_ptr<UnixListener>> Open(const std::string& run_dir,
                                                            const std::string& daemon_name,
                                                            const std::string& admin_group);
  ~UnixListener();  // Removes the socket, then gives the lock up.

  int fd() const { return socket_.get(); }
  const std::string& path() const { return socket_path_; }

  struct Accepted {
    UniqueFd fd;  // Non-blocking, close-on-exec.
    PeerCredentials peer;
  };
  // Errors: Unavailable when nobody waits or the peer has gone; ResourceExhausted when descriptors
  //         ran out.
  absl::StatusOr<Accepted> Accept();

 private:
  UnixListener() = default;

  UniqueFd lock_;
  UniqueFd socket_;
  std::string socket_path_;
};

// The group that administrators belong to: its id (of the primary-group test) and membership.
bool IsGroupMember(const PeerCredentials& peer, const std::string& group_name);

}  // namespace continuo::rpc
