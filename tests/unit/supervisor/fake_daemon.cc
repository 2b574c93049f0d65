// A daemon with nothing but the shared skeleton and one watched loop, for tests of the supervisor.
// SIGUSR1 stops the loop while everything else goes on.
#include <signal.h>
#include <stdlib.h>

#include <atomic>
#include <string>
#include <thread>

#include "common/base/check.h"
#include "common/daemon/daemon.h"
#include "common/rpc/server.h"

namespace {

using namespace continuo;  // NOLINT: a program of one file.

std::string g_name;
std::atomic<bool> g_is_loop_stuck{false};

class FakeApp final : public daemon::App {
 public:
  static absl::StatusOr<std::unique_ptr<daemon::App>> Start(const daemon::StartContext& context) {
    const char* const failing = getenv("FAKE_DAEMON_EXIT");
    if (failing != nullptr && g_name == failing) {
      return absl::FailedPreconditionError("nothing to\nstand on");
    }
    auto app = std::make_unique<FakeApp>();
    rpc::ServerOptions options;
    options.daemon_name = g_name;
    options.run_dir = context.run_dir;
    CONTINUO_ASSIGN_OR_RETURN(app->server_, rpc::UnixServer::Start(std::move(options)));
    rpc::LoopHeartbeat* const heartbeat = app->server_->loop_monitor().Register("loop");
    app->loop_ = std::thread([heartbeat, raw = app.get()] {
      while (!raw->is_stopping_.load()) {
        if (!g_is_loop_stuck.load()) heartbeat->Beat();
        absl::SleepFor(absl::Milliseconds(5));
      }
    });
    app->server_->SetServing(rpc::Serving::kYes);
    return app;
  }

  absl::Status Reload(std::shared_ptr<const config::Config>) override { return absl::OkStatus(); }

  absl::Status Stop(absl::Time deadline) override {
    server_->SetServing(rpc::Serving::kNo);
    server_->Shutdown(deadline);
    is_stopping_.store(true);
    loop_.join();
    return absl::OkStatus();
  }

 private:
  std::unique_ptr<rpc::UnixServer> server_;
  std::atomic<bool> is_stopping_{false};
  std::thread loop_;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string path = argv[0];
  g_name = path.substr(path.rfind('/') + 1);
  signal(SIGUSR1, [](int) { g_is_loop_stuck.store(true); });
  return daemon::Main(argc, argv,
                      {.name = g_name, .description = "stands for one.", .start = FakeApp::Start});
}
