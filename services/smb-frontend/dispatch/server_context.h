// What all connections share: tables, clients of the other daemons, the configuration in force.
//
// Made by app/ before the first connection and destroyed after the last: connections and coroutines
// hold it by reference. Threading: any thread; each member says what it needs.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include <absl/base/call_once.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include "common/base/bytes.h"
#include "common/config/config.h"
#include "common/smbwire/header.h"
#include "services/smb-frontend/clients/auth_client.h"
#include "services/smb-frontend/dispatch/dispatch_metrics.h"
#include "services/smb-frontend/fsa_host/fsa_host.h"
#include "services/smb-frontend/net/server_loops.h"
#include "services/smb-frontend/open/open_table.h"
#include "services/smb-frontend/session/session.h"

namespace continuo::pipes {
class PipeEnvironment;
}

namespace continuo::notify {
class ForeignChanges;
}

namespace continuo::persistent {
class PersistentHandles;
}

namespace continuo::dispatch {

class SmbConnection;

// Addresses to find a connection from another loop. Threading: any thread.
class ConnectionTable {
 public:
  void Add(std::shared_ptr<SmbConnection> connection, uint64_t id);
  void Remove(uint64_t id);
  std::shared_ptr<SmbConnection> Find(uint64_t id) const;
  std::vector<std::shared_ptr<SmbConnection>> all() const;

 private:
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<uint64_t, std::shared_ptr<SmbConnection>> connections_
      ABSL_GUARDED_BY(mutex_);
};

// The answer of auth-service's InitialToken, kept for a while so that a NEGOTIATE does not wait.
class InitialTokenCache {
 public:
  // Empty when there is none younger than `max_age`.
  Bytes Get(absl::Time now, absl::Duration max_age) const;
  void Put(Bytes token, absl::Time now);

 private:
  mutable absl::Mutex mutex_;
  Bytes token_ ABSL_GUARDED_BY(mutex_);
  absl::Time fetched_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

struct ServerContext {
  std::shared_ptr<const config::Config> config() const {
    absl::MutexLock lock(&reload_mutex);
    return config_in_force;
  }
  std::shared_ptr<const session::ShareTable> shares() const {
    absl::MutexLock lock(&reload_mutex);
    return shares_in_force;
  }

  smbwire::Guid server_guid{};
  std::string server_name;
  absl::Time started;

  mutable absl::Mutex reload_mutex;
  std::shared_ptr<const config::Config> config_in_force ABSL_GUARDED_BY(reload_mutex);
  std::shared_ptr<const session::ShareTable> shares_in_force ABSL_GUARDED_BY(reload_mutex);

  session::SessionTable sessions;
  open::OpenTable opens;
  ConnectionTable connections;
  InitialTokenCache initial_token;
  DispatchMetrics metrics;

  clients::AuthClient* auth = nullptr;
  frontend::FsaHost* fsa = nullptr;
  frontend::FsaHostSink* fsa_sink = nullptr;  // Where breaks go to clients.
  persistent::PersistentHandles* handles = nullptr;  // Null: no share is continuously available.
  notify::ForeignChanges* foreign_changes = nullptr;  // Null: nobody looks for them.
  // What a pipe of IPC$ may tell the user of `session`; set by app/.
  std::function<std::shared_ptr<const pipes::PipeEnvironment>(std::shared_ptr<session::Session>)>
      make_pipe_environment;
  // Told of each connection's end, on its loop; set by app/ where connections are put on record.
  std::function<void(uint64_t connection_id)> on_connection_closed;
  // Called once, with the first session of this process; does not block; set by app/.
  std::function<void()> on_first_session;
  absl::once_flag first_session;
  net::ServerLoops* loops = nullptr;
  std::atomic<bool> is_draining{false};
  // Coroutines that belong to no connection (the end of sessions): a stop waits for them.
  std::atomic<uint32_t> background_tasks{0};
};

}  // namespace continuo::dispatch
