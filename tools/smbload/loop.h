// One epoll set over many clients.
// Threading: none; everything runs on the thread that calls Poll.
#pragma once

#include <vector>

#include <absl/time/time.h>

#include "tools/smbload/client.h"

namespace continuo::smbload {

class Loop {
 public:
  Loop();
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Watches a client that has been started. It must outlive the loop or fail first.
  void Add(Client& client);
  // Call after something was sent outside of a callback.
  void Update(Client& client);

  // Waits for events for at most `timeout` and handles them.
  void Poll(absl::Duration timeout);

 private:
  struct Watch {
    Client* client = nullptr;
    bool wants_write = false;
  };

  int epoll_ = -1;
  std::vector<Watch> watches_;  // By file descriptor.
};

}  // namespace continuo::smbload
