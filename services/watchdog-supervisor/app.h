// Puts watchdog-supervisor together: starts or finds the group, watches it, ends it.
//
// Threads: main (App calls; children are started from it, because their parent-death signal is tied
//          to the starting thread), `processes` (exits through pidfds, readiness), `keepalive`
//          (questions, time, heartbeats to whoever watches us). Whoever of the two notices the
//          failure kills the group and ends the process.
// Locks:   `mutex_` guards the watch and the children; nothing blocks while it is held.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "common/daemon/daemon.h"
#include "common/failover_trace/recorder.h"
#include "common/rpc/server.h"
#include "services/watchdog-supervisor/children/child_process.h"
#include "services/watchdog-supervisor/children/ready_book.h"
#include "services/watchdog-supervisor/children/ready_socket.h"
#include "services/watchdog-supervisor/escalation/group_watch.h"
#include "services/watchdog-supervisor/guard/heartbeat.h"
#include "services/watchdog-supervisor/keepalive/keepalive_client.h"
#include "services/watchdog-supervisor/rpc/supervisor_service.h"

namespace continuo::supervisor {

class SupervisorApp final : public daemon::App, public GroupSource {
 public:
  static absl::StatusOr<std::unique_ptr<daemon::App>> Start(const daemon::StartContext& context);
  ~SupervisorApp() override;

  absl::Status Reload(std::shared_ptr<const config::Config> config) override;
  absl::Status Stop(absl::Time deadline) override;

  GroupSnapshot Snapshot() const override;
  std::vector<HistoryEvent> History(size_t max_entries) const override;

 private:
  enum class Mode { kStart, kAttach };

  explicit SupervisorApp(const daemon::StartContext& context);
  void Remember(const std::string& event, const std::string& reason) const;
  absl::Status StartServer(const daemon::StartContext& context);
  absl::Status StartGroup();
  absl::Status StartDaemon(DaemonId id);
  absl::Status StartAll();
  absl::Status AttachAll();
  void Adopt(DaemonId id, ChildProcess child);
  // Errors: Cancelled when a signal to stop came first.
  absl::Status WaitUntil(bool (*is_reached)(const GroupWatch&)) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status StopDaemon(DaemonId id, absl::Time deadline);

  void RunProcesses();
  void HandleReady();
  void HandleExit(DaemonId id);
  void RunKeepalive();
  std::vector<DaemonId> TickWatch(absl::Time now, absl::Time* next, Limits* limits);
  void EscalateIfFailed();
  void WakeProcesses();

  const Mode mode_;
  const std::string run_dir_;
  const std::vector<std::string> shared_arguments_;
  const std::string binary_dir_;
  failover_trace::Recorder trace_;
  std::unique_ptr<ReadySocket> ready_socket_;
  rpc::UniqueFd wake_event_;
  HeartbeatSender heartbeat_sender_;
  KeepaliveClient keepalive_;
  std::atomic<bool> is_stopping_{false};
  std::atomic<bool> is_escalating_{false};

  mutable absl::Mutex mutex_;
  GroupWatch watch_ ABSL_GUARDED_BY(mutex_);
  std::array<ChildProcess, kDaemonCount> children_ ABSL_GUARDED_BY(mutex_);
  ReadyBook ready_book_ ABSL_GUARDED_BY(mutex_);
  std::map<pid_t, std::string> last_words_;  // Of daemons that end; `processes` alone uses it.

  std::unique_ptr<SupervisorServiceImpl> service_;
  std::unique_ptr<rpc::UnixServer> server_;
  std::atomic<rpc::LoopHeartbeat*> loop_heartbeat_{nullptr};
  std::thread processes_;
  std::thread keepalive_thread_;
};

}  // namespace continuo::supervisor
