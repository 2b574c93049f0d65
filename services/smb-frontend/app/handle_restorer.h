// Brings persistent handles back from their records: at the start, before anybody is served.
//
//   HandleRestorer restorer(server, &timer, request_exit);
//   restorer.Attach(socket_path);
//   CONTINUO_RETURN_IF_ERROR(restorer.WaitUntilRestored());     // then listen
//
// Each record by itself: the open is put into the table and the FSA without a client and without a
// descriptor; its file is looked for, by key, when the client is back or it is to be deleted. So a start
// costs neither a descriptor nor a disk access for a handle. A record that cannot come back (its file
// system is another one now) is deleted; one that cannot be judged now (its share is not served) stays
// where it is.
//
// Threading: records are handled by the worker threads; the members are for the main thread.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include <absl/status/status.h>

#include "services/smb-frontend/clients/ca_store_client.h"
#include "services/smb-frontend/dispatch/server_context.h"
#include "services/smb-frontend/persistent/persistent_handles.h"

namespace continuo::app {

// Counted since the start.
struct RestoreCounts {
  std::atomic<uint64_t> restored{0};
  std::atomic<uint64_t> gone{0};     // Deleted: they cannot come back.
  std::atomic<uint64_t> refused{0};  // Left where they are.
};

class HandleRestorer {
 public:
  // All outlive it. `server.loops`, shares and FSA host are set before Attach.
  HandleRestorer(dispatch::ServerContext& server, frontend::FsaTimer* timer,
                 std::function<void(absl::Status)> request_exit);
  ~HandleRestorer();

  // For the FSA host, which is made before anything comes back.
  frontend::FsaRecorder* recorder();
  // From here on server.handles is set.
  void Attach(const std::string& socket_path);
  // Errors: Cancelled when the process is told to stop meanwhile.
  absl::Status WaitUntilRestored();
  void Stop();
  const RestoreCounts& counts() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace continuo::app
