// The stream to fsa-state-service: FsaLink over one bidirectional gRPC call, in batches.
//
//   FsaHost host(options);
//   FsaStream stream(rpc::MakeUnixChannel(rpc::SocketPath(run_dir, "fsa-state-service")), &host,
//                    [&](absl::Status status) { context.request_exit(status); });
//   ...
//   stream.Stop();      // Before the host goes.
//
// What is sent while a message is on its way travels together in the next one. The call has no
// deadline: it lasts as long as both processes, and its end is the end of the node's group.
//
// Threading: sends as FsaLink says; events arrive on gRPC threads, one at a time.
#pragma once

#include <functional>
#include <memory>

#include <absl/status/status.h>

#include "services/smb-frontend/fsa_host/fsa_host.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace continuo::frontend {

class FsaStream : public FsaLink {
 public:
  // Attaches at once, and waits for the service as long as it takes. `on_lost` is called once, when
  // the stream ended and Stop was not called, and should end the process: what waits then, and
  // whatever needs the service, gets no answer before Stop.
  FsaStream(std::shared_ptr<grpc::Channel> channel, FsaHost* host,
            std::function<void(absl::Status)> on_lost);
  ~FsaStream() override;

  // Ends the stream and waits until no event can arrive any more; what waits is answered.
  void Stop();

  void Send(const fsa::Request& request) override;
  void SendAccept() override;
  void SendUpload(std::vector<fsa::FileSnapshot> files, bool is_last) override;
  void SendListing(uint64_t listing_id, std::vector<fsa::FileSnapshot> files, bool is_last,
                   const fsa::Counters& counters) override;
  void Flush() override;

 private:
  class Call;
  std::unique_ptr<Call> call_;
};

}  // namespace continuo::frontend
