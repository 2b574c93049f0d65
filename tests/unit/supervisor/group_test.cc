// The supervisor with real processes: five fake daemons beside a copy of the supervisor. Whatever is
// killed or stopped, the whole group must be gone in time, with the reason told and no process left.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include <catch2/catch.hpp>
#include <grpcpp/grpcpp.h>

#include "common/rpc/channel.h"
#include "common/rpc/server.h"
#include "continuo/supervisor/v1/supervisor_service.grpc.pb.h"
#include "services/watchdog-supervisor/history/history_file.h"

namespace continuo::supervisor {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kInterval = absl::Milliseconds(100);
constexpr absl::Duration kTimeout = absl::Milliseconds(400);
constexpr absl::Duration kMargin = absl::Milliseconds(500);
constexpr const char* kDaemons[] = {"fsa-state-service", "ca-store-service", "auth-service",
                                    "tickle-service", "smb-frontend"};

// Processes whose command line names the directory of this test.
std::map<std::string, pid_t> ProcessesBelow(const std::string& directory) {
  std::map<std::string, pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream command_file(entry.path() / "cmdline");
    std::string path;
    std::getline(command_file, path, '\0');
    std::ifstream name_file(entry.path() / "comm");
    std::string comm;
    std::getline(name_file, comm);
    if (path.rfind(directory, 0) != 0) continue;
    const bool is_guard = comm == "continuo-guard";
    found[is_guard ? "guard" : fs::path(path).filename().string()] = std::stoi(name);
  }
  return found;
}

class Group {
 public:
  explicit Group(const char* exit_daemon = nullptr) {
    char directory[] = "/tmp/ctn-sup-XXXXXX";
    REQUIRE(mkdtemp(directory) != nullptr);
    directory_ = directory;
    const fs::path bin(CONTINUO_BIN_DIR);
    fs::copy_file(bin / "watchdog-supervisor", directory_ + "/watchdog-supervisor");
    for (const char* name : kDaemons) {
      fs::create_hard_link(bin / "fake-daemon", directory_ + "/" + name, link_error_);
      if (link_error_) fs::copy_file(bin / "fake-daemon", directory_ + "/" + name);
    }
    std::ofstream(directory_ + "/tsmb.conf")
        << "[global]\nwatchdog_interval = 100ms\nwatchdog_timeout = 400ms\n"
           "drain_timeout = 5\n[/global]\n";
    Launch(exit_daemon);
  }

  ~Group() {
    for (const auto& [name, pid] : Processes()) kill(pid, SIGKILL);
    if (!is_reaped_) waitpid(outer_pid_, nullptr, 0);
    fs::remove_all(directory_);
  }

  std::map<std::string, pid_t> Processes() const { return ProcessesBelow(directory_); }

  pid_t PidOf(const std::string& name) const {
    const auto processes = Processes();
    const auto place = processes.find(name);
    REQUIRE(place != processes.end());
    return place->second;
  }

  // Until all six and the guard run and the supervisor serves; returns how long that took.
  absl::Duration AwaitServing() {
    const absl::Time give_up = started_ + absl::Seconds(10);
    while (absl::Now() < give_up) {
      if (fs::exists(RunDir() + "/watchdog-supervisor.sock") && History("started")) {
        return absl::Now() - started_;
      }
      absl::SleepFor(absl::Milliseconds(2));
    }
    FAIL("the group did not start: " << Log());
    return {};
  }

  // The exit code of the outer process, at most `limit` from now; -1 when it still runs.
  int AwaitEnd(absl::Duration limit) {
    const absl::Time give_up = absl::Now() + limit;
    int status = 0;
    while (absl::Now() < give_up) {
      if (waitpid(outer_pid_, &status, WNOHANG) == outer_pid_) {
        is_reaped_ = true;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
      }
      absl::SleepFor(absl::Milliseconds(2));
    }
    return -1;
  }

  // True when no process is left before `limit` has passed.
  bool AwaitNoProcess(absl::Duration limit) const {
    const absl::Time give_up = absl::Now() + limit;
    while (!Processes().empty()) {
      if (absl::Now() > give_up) return false;
      absl::SleepFor(absl::Milliseconds(2));
    }
    return true;
  }

  std::optional<HistoryEvent> History(const std::string& event) const {
    for (const HistoryEvent& entry : ReadHistory(HistoryPath(RunDir()), 0)) {
      if (entry.event == event) return entry;
    }
    return std::nullopt;
  }

  std::string RunDir() const { return directory_ + "/run"; }

  std::string Log() const {
    std::ifstream file(directory_ + "/log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  pid_t outer_pid() const { return outer_pid_; }

 private:
  void Launch(const char* exit_daemon) {
    started_ = absl::Now();
    const std::string program = directory_ + "/watchdog-supervisor";
    const std::string config = directory_ + "/tsmb.conf";
    const std::string run_dir = RunDir();
    const std::string log = directory_ + "/log";
    outer_pid_ = fork();
    REQUIRE(outer_pid_ >= 0);
    if (outer_pid_ != 0) return;
    const int log_fd = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(log_fd, STDOUT_FILENO);
    dup2(log_fd, STDERR_FILENO);
    unsetenv("NOTIFY_SOCKET");
    if (exit_daemon != nullptr) setenv("FAKE_DAEMON_EXIT", exit_daemon, 1);
    execl(program.c_str(), program.c_str(), "--config", config.c_str(), "--run-dir",
          run_dir.c_str(), "--metrics-listen", "off", nullptr);
    _exit(127);
  }

  std::string directory_;
  std::error_code link_error_;
  absl::Time started_;
  pid_t outer_pid_ = -1;
  bool is_reaped_ = false;
};

TEST_CASE("supervisor: SIGKILL of any daemon ends the group and names it", "[unit][supervisor]") {
  const std::string victim = GENERATE(as<std::string>(), "fsa-state-service", "ca-store-service",
                                      "auth-service", "tickle-service", "smb-frontend");
  CAPTURE(victim);
  Group group;
  group.AwaitServing();
  kill(group.PidOf(victim), SIGKILL);
  CHECK(group.AwaitEnd(kInterval + kTimeout + kMargin) == 1);
  CHECK(group.AwaitNoProcess(absl::Milliseconds(50)));
  const std::optional<HistoryEvent> failure = group.History("failed");
  REQUIRE(failure);
  CHECK(failure->daemon == victim);
  CHECK(failure->reason.find("signal 9") != std::string::npos);
}

TEST_CASE("supervisor: SIGSTOP of a daemon ends the group in interval + time-out",
          "[unit][supervisor]") {
  const std::string victim = GENERATE(as<std::string>(), "fsa-state-service", "smb-frontend");
  CAPTURE(victim);
  Group group;
  group.AwaitServing();
  kill(group.PidOf(victim), SIGSTOP);
  CHECK(group.AwaitEnd(kInterval + kTimeout + kMargin) == 1);
  CHECK(group.AwaitNoProcess(absl::Milliseconds(50)));
  REQUIRE(group.History("failed"));
  CHECK(group.History("failed")->daemon == victim);
}

TEST_CASE("supervisor: a daemon whose loop is stuck while it answers calls ends the group",
          "[unit][supervisor]") {
  Group group;
  group.AwaitServing();
  kill(group.PidOf("auth-service"), SIGUSR1);
  CHECK(group.AwaitEnd(kInterval + kTimeout + kMargin) == 1);
  CHECK(group.AwaitNoProcess(absl::Milliseconds(50)));
  REQUIRE(group.History("failed"));
  CHECK(group.History("failed")->daemon == "auth-service");
  CHECK(group.History("failed")->reason.find("NOT_SERVING") != std::string::npos);
}

TEST_CASE("supervisor: SIGKILL of the supervisor leaves no process", "[unit][supervisor]") {
  Group group;
  group.AwaitServing();
  kill(group.PidOf("watchdog-supervisor"), SIGKILL);
  CHECK(group.AwaitEnd(kInterval + kTimeout + kMargin) == 1);
  CHECK(group.AwaitNoProcess(absl::Milliseconds(50)));
  REQUIRE(group.History("failed"));
  CHECK(group.History("failed")->daemon == "watchdog-supervisor");
}

TEST_CASE("supervisor: SIGSTOP of the supervisor ends the group by its guard",
          "[unit][supervisor]") {
  Group group;
  group.AwaitServing();
  kill(group.PidOf("watchdog-supervisor"), SIGSTOP);
  CHECK(group.AwaitEnd(kInterval + kTimeout + kMargin) == 1);
  CHECK(group.AwaitNoProcess(absl::Milliseconds(50)));
  REQUIRE(group.History("failed"));
  CHECK(group.History("failed")->reason.find("no sign of life") != std::string::npos);
}

TEST_CASE("supervisor: SIGKILL of the guard leaves no process", "[unit][supervisor]") {
  Group group;
  group.AwaitServing();
  kill(group.PidOf("guard"), SIGKILL);
  group.AwaitEnd(kInterval + kTimeout + kMargin);
  CHECK(group.AwaitNoProcess(absl::Milliseconds(500)));
}

TEST_CASE("supervisor: SIGTERM drains, exits 0 and leaves no process", "[unit][supervisor]") {
  Group group;
  const absl::Duration start_time = group.AwaitServing();
  CHECK(start_time < absl::Seconds(2));
  WARN("start took " << absl::FormatDuration(start_time));
  CHECK(group.Processes().size() == 7);
  kill(group.outer_pid(), SIGTERM);
  CHECK(group.AwaitEnd(absl::Seconds(5)) == 0);
  CHECK(group.AwaitNoProcess(absl::Milliseconds(50)));
  CHECK(group.History("stopped"));
  CHECK_FALSE(group.History("failed"));
}

TEST_CASE("supervisor: a daemon that cannot start ends the group with its name and reason",
          "[unit][supervisor]") {
  Group group("tickle-service");
  CHECK(group.AwaitEnd(absl::Seconds(5)) == 1);
  CHECK(group.AwaitNoProcess(absl::Milliseconds(50)));
  REQUIRE(group.History("failed"));
  CHECK(group.History("failed")->daemon == "tickle-service");
  CHECK(group.History("failed")->reason == "exited with code 1: nothing to; stand on");
}

TEST_CASE("supervisor: keep-alives go on and are listed", "[unit][supervisor]") {
  Group group;
  group.AwaitServing();
  const auto stub = v1::SupervisorService::NewStub(
      rpc::MakeUnixChannel(rpc::SocketPath(group.RunDir(), "watchdog-supervisor")));
  const absl::Time give_up = absl::Now() + absl::Seconds(5);
  uint64_t fewest = 0;
  v1::ListDaemonsResponse response;
  while (fewest < 3 && absl::Now() < give_up) {
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(2)));
    REQUIRE(stub->ListDaemons(&context, {}, &response).ok());
    REQUIRE(response.daemons_size() == 5);
    fewest = ~uint64_t{0};
    for (const v1::Daemon& daemon : response.daemons()) {
      CHECK(daemon.state() == v1::WATCH_STATE_SERVING);
      fewest = std::min<uint64_t>(fewest, daemon.keepalive_count());
    }
    absl::SleepFor(absl::Milliseconds(20));
  }
  CHECK(fewest >= 3);
  CHECK(response.watchdog_timeout_ms() == 400);
}

}  // namespace
}  // namespace continuo::supervisor
