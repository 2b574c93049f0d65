#include "services/smb-frontend/clients/tickle_client.h"

#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/container/flat_hash_map.h>
#include <absl/synchronization/mutex.h>
#include <grpcpp/grpcpp.h>

#include "common/base/text.h"
#include "common/rpc/batch_stream.h"
#include "common/rpc/channel.h"
#include "continuo/tickle/v1/tickle_service.grpc.pb.h"

namespace continuo::clients {
namespace {

namespace pb = tickle::v1;

constexpr uint32_t kStreamVersion = 1;

class StreamClient final : public TickleClient,
                           private rpc::BatchStream<pb::AttachRequest, pb::AttachResponse> {
 public:
  StreamClient(const std::string& socket_path, std::function<void(absl::Status)> on_lost)
      : stub_(pb::TickleService::NewStub(rpc::MakeUnixChannel(socket_path, "tickle-stream"))),
        on_lost_(std::move(on_lost)) {}
  ~StreamClient() override { BatchStream::Stop(); }

  void Attach() {
    pb::FrontendItem hello;
    hello.mutable_hello()->set_version(kStreamVersion);
    Start([this](grpc::ClientContext* context,
                 Reactor* reactor) { stub_->async()->Attach(context, reactor); },
          std::move(hello));
    // Nothing is open yet: what is on record of this node from before is gone.
    pb::FrontendItem end;
    end.mutable_snapshot_end();
    (void)Send(std::move(end));
  }

  void Connected(uint64_t id, const ClientConnection& connection, Done done) override {
    pb::FrontendItem item;
    pb::Connected* const connected = item.mutable_connected();
    connected->set_connection_id(id);
    connected->set_local_address(connection.local_address.data(), connection.local_address.size());
    connected->set_local_port(connection.local_port);
    connected->set_remote_address(connection.remote_address.data(),
                                  connection.remote_address.size());
    connected->set_remote_port(connection.remote_port);
    {
      absl::MutexLock lock(&mutex_);
      if (!is_lost_) waiting_.emplace(id, std::exchange(done, nullptr));
    }
    if (done != nullptr) return done(Recording::kNone);
    (void)Send(std::move(item));  // If it is over, OnOver is yet to come, or came meanwhile.
  }

  void Closed(uint64_t id) override {
    pb::FrontendItem item;
    item.mutable_closed()->set_connection_id(id);
    (void)Send(std::move(item));
  }

  void Stop() override { BatchStream::Stop(); }

 private:
  bool Handle(const pb::AttachResponse& response) override {
    for (const uint64_t id : response.recorded_ids()) Answer(id, Recording::kStable);
    for (const uint64_t id : response.unrecorded_ids()) Answer(id, Recording::kNone);
    return true;
  }

  void OnOver(const absl::Status& status) override {
    absl::flat_hash_map<uint64_t, Done> waiting;
    {
      absl::MutexLock lock(&mutex_);
      is_lost_ = true;
      waiting.swap(waiting_);
    }
    for (auto& [id, done] : waiting) done(Recording::kNone);
    if (absl::IsCancelled(status) || on_lost_ == nullptr) return;
    on_lost_(absl::UnavailableError("the stream to tickle-service ended: " +
                                    std::string(base::ToStd(status.message()))));
  }

  void Answer(uint64_t id, Recording recording) {
    Done done;
    {
      absl::MutexLock lock(&mutex_);
      const auto found = waiting_.find(id);
      if (found == waiting_.end()) return;
      done = std::move(found->second);
      waiting_.erase(found);
    }
    done(recording);
  }

  const std::unique_ptr<pb::TickleService::Stub> stub_;
  const std::function<void(absl::Status)> on_lost_;

  absl::Mutex mutex_;
  absl::flat_hash_map<uint64_t, Done> waiting_ ABSL_GUARDED_BY(mutex_);
  bool is_lost_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

std::unique_ptr<TickleClient> TickleClient::Attach(const std::string& socket_path,
                                                   std::function<void(absl::Status)> on_lost) {
  auto client = std::make_unique<StreamClient>(socket_path, std::move(on_lost));
  client->Attach();
  return client;
}

}  // namespace continuo::clients
