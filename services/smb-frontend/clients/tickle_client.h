// The frontend's way to tickle-service: which client connections there are, over one stream in batches.
//
//   auto tickle = TickleClient::Attach(rpc::SocketPath(run_dir, "tickle-service"),
//                                      [&](absl::Status status) { context.request_exit(status); });
//   tickle->Connected(id, {local, 445, remote, 51234}, [](Recording recording) { ...serve it... });
//   ...
//   tickle->Closed(id);
//
// Threading: every method may be called from any thread and returns at once. Each `done` runs exactly
// once, on a gRPC thread, or before the call returns when the stream is lost already; it must not
// block. Stop waits until nothing can arrive any more, so it must not be called from a callback.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <absl/status/status.h>

#include "common/base/bytes.h"

namespace continuo::clients {

struct ClientConnection {
  Bytes local_address;  // 4 or 16 bytes in network order; both addresses of one family.
  uint16_t local_port = 0;
  Bytes remote_address;
  uint16_t remote_port = 0;
};

enum class Recording {
  kStable,  // On stable storage: after a failover the client is told.
  kNone,    // The storage takes no records now; it is recorded later, when it does.
};

class TickleClient {
 public:
  using Done = std::function<void(Recording)>;

  virtual ~TickleClient() = default;

  // Attaches at once, and waits for the service as long as it takes. `on_lost` is called once, when
  // the stream ended and Stop was not called.
  static std::unique_ptr<TickleClient> Attach(const std::string& socket_path,
                                              std::function<void(absl::Status)> on_lost);

  // `id` is not used again. Storage that hangs gives no answer: the caller has its own limit.
  virtual void Connected(uint64_t id, const ClientConnection& connection, Done done) = 0;
  virtual void Closed(uint64_t id) = 0;

  // Ends the stream; what waits is answered kNone.
  virtual void Stop() = 0;
};

}  // namespace continuo::clients
