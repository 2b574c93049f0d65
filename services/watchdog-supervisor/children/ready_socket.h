// Where started daemons say READY=1, and why they end (STATUS=): the sd_notify protocol, with the
// supervisor in systemd's place.
//
// Source:    sd_notify(3): datagrams of VAR=VALUE lines to the socket named by NOTIFY_SOCKET.
// Threading: one thread.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include <absl/status/statusor.h>

#include "common/rpc/unique_fd.h"

namespace continuo::supervisor {

struct ReadyMessage {
  pid_t pid = 0;  // By the kernel's word.
  bool is_ready = false;
  std::string status;  // Printable.
};

class ReadySocket {
 public:
  // An abstract address of this process: nothing to clean up, nothing to guess.
  static absl::StatusOr<std::unique_ptr<ReadySocket>> Open();

  const std::string& address() const { return address_; }  // For NOTIFY_SOCKET: "@…".
  int fd() const { return fd_.get(); }

  // The next message; nothing when none waits.
  std::optional<ReadyMessage> Next();

 private:
  ReadySocket() = default;

  rpc::UniqueFd fd_;
  std::string address_;
};

}  // namespace continuo::supervisor
