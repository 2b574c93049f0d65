// Reads what logons are decided by from its files and publishes it to the engine; again when a file
// changed.
//
// Threading: Reload from any thread, one at a time by its own mutex. The watching thread looks at
// the files once a second: the database may be changed by a tool or, on shared storage, by another
// node, where no notification would arrive.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/status/status.h>
#include <absl/synchronization/mutex.h>

#include "common/base/loop_progress.h"
#include "common/config/config.h"
#include "common/userdb/user_store.h"
#include "services/auth-service/app/identity_keeper.h"
#include "services/auth-service/logon/logon_engine.h"

namespace continuo::auth {

class DirectoryLoader {
 public:
  // The references outlive this.
  DirectoryLoader(const userdb::UserStore& store, LogonEngine& engine, IdentityKeeper& identity);
  ~DirectoryLoader();

  // First load: makes the user database when there is none.
  // Errors: those of UserStore::LoadOrCreate, PrivilegeDatabase::Load and IdentityKeeper::Check;
  // nothing is published.
  absl::Status Start(std::shared_ptr<const config::Config> config);
  // Reads all again. On an error the former directory stays in force and degraded() says why.
  absl::Status Reload(std::shared_ptr<const config::Config> config);
  absl::Status Reload();
  void Stop();

  // Makes the watching thread come round.
  void Nudge();
  const base::LoopProgress& progress() const { return progress_; }

  std::vector<std::string> degraded() const;

 private:
  // Of the files whose change is a reason to load again.
  struct Stamps {
    userdb::FileStamp users;
    userdb::FileStamp keytab;
    friend bool operator==(const Stamps&, const Stamps&) = default;
  };

  Stamps StampsLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(load_mutex_);
  void KeepDomains();
  absl::Status LoadLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(load_mutex_);
  void Watch();
  bool WaitForNextLook();  // False: stop.

  const userdb::UserStore& store_;
  LogonEngine& engine_;
  IdentityKeeper& identity_;
  absl::Mutex load_mutex_;
  std::shared_ptr<const config::Config> config_ ABSL_GUARDED_BY(load_mutex_);
  Stamps stamps_ ABSL_GUARDED_BY(load_mutex_);
  mutable absl::Mutex degraded_mutex_;
  std::string degraded_ ABSL_GUARDED_BY(degraded_mutex_);
  absl::Mutex wait_mutex_;
  absl::CondVar wake_;
  bool is_stopping_ ABSL_GUARDED_BY(wait_mutex_) = false;
  base::LoopProgress progress_;
  std::thread watcher_;
};

// The policy of a configuration; `host_name` names the server when the file does not.
LogonPolicy PolicyOf(const config::Config& config, const std::string& host_name);

}  // namespace continuo::auth
