// Puts client connections on record with tickle-service before the first request of each is answered:
// a client that a failover would not reach has been promised nothing.
//
//   ConnectionRecorder recorder(socket_path, request_exit);
//   recorder.HoldUntilRecorded(connection);   // in the handler factory
//   ...
//   recorder.Closed(id);
//
// Storage that does not answer holds a client for kRecordWaitMax; it is served then, and recorded when
// the storage comes back.
//
// Threading: HoldUntilRecorded on the connection's loop, the others anywhere.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <absl/status/status.h>
#include <absl/time/time.h>

#include "services/smb-frontend/clients/tickle_client.h"
#include "services/smb-frontend/net/connection.h"

namespace continuo::app {

inline constexpr absl::Duration kRecordWaitMax = absl::Seconds(1);

class ConnectionRecorder {
 public:
  ConnectionRecorder(const std::string& socket_path,
                     std::function<void(absl::Status)> request_exit);

  void HoldUntilRecorded(const std::shared_ptr<net::Connection>& connection);
  void Closed(uint64_t connection_id) { client_->Closed(connection_id); }
  // Before the loops go.
  void Stop() { client_->Stop(); }

  // Connections that were served without being on stable storage.
  uint64_t unrecorded_count() const { return unrecorded_->load(std::memory_order_relaxed); }

 private:
  const std::unique_ptr<clients::TickleClient> client_;
  const std::shared_ptr<std::atomic<uint64_t>> unrecorded_ =
      std::make_shared<std::atomic<uint64_t>>(0);
};

}  // namespace continuo::app
