#include "services/smb-frontend/app/connection_recorder.h"

#include <utility>

#include "services/smb-frontend/net/socket_address.h"

namespace continuo::app {
namespace {

// What holds one connection, on its loop: the answer or the time limit, whichever comes first.
class Gate : public std::enable_shared_from_this<Gate> {
 public:
  Gate(std::shared_ptr<net::Connection> connection, std::shared_ptr<std::atomic<uint64_t>> unrecorded)
      : connection_(std::move(connection)), unrecorded_(std::move(unrecorded)) {}

  void Close() {
    connection_->PauseReading();
    timer_ = connection_->loop().RunAfter(kRecordWaitMax, [self = shared_from_this()] {
      self->timer_ = {};
      self->Open(clients::Recording::kNone);
    });
  }

  void Open(clients::Recording recording) {
    if (connection_ == nullptr) return;
    if (recording != clients::Recording::kStable) {
      unrecorded_->fetch_add(1, std::memory_order_relaxed);
    }
    if (timer_ != net::TimerId()) connection_->loop().CancelTimer(std::exchange(timer_, {}));
    std::exchange(connection_, nullptr)->ResumeReading();
  }

 private:
  std::shared_ptr<net::Connection> connection_;  // Null once open.
  const std::shared_ptr<std::atomic<uint64_t>> unrecorded_;
  net::TimerId timer_;
};

}  // namespace

ConnectionRecorder::ConnectionRecorder(const std::string& socket_path,
                                       std::function<void(absl::Status)> request_exit)
    : client_(clients::TickleClient::Attach(socket_path, std::move(request_exit))) {}

void ConnectionRecorder::HoldUntilRecorded(const std::shared_ptr<net::Connection>& connection) {
  const net::SocketAddress& local = connection->local_address();
  const net::SocketAddress& peer = connection->peer_address();
  if (local.length == 0 || peer.length == 0) return;  // The client has gone already.
  auto gate = std::make_shared<Gate>(connection, unrecorded_);
  gate->Close();
  net::EventLoop& loop = connection->loop();
  client_->Connected(
      connection->id().value(),
      {local.HostBytes(), local.port(), peer.HostBytes(), peer.port()},
      [gate = std::move(gate), &loop](clients::Recording recording) {
        loop.Post([gate, recording] { gate->Open(recording); });
      });
}

}  // namespace continuo::app
