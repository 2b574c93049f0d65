// The identity as a file: <runstate_dir>/identity, made by the first node, checked by every one.
//
//   const IdentityFile file(runstate_dir);
//   CONTINUO_ASSIGN_OR_RETURN(Identity identity, file.Establish(facts, policy, random));
//
// Files: identity (0644, written beside it, synced, put there by link or rename, directory synced),
//        identity.lock (flock among the processes of a node, and of the cluster where the file system
//        has cluster-wide locks; without them the last writer's file stays, and the next check of the
//        other finds what differs). A server-guid file of an earlier version gives the GUID.
//
// Threading: any thread; every call opens its own descriptors and blocks as long as storage does.
#pragma once

#include <functional>
#include <string>

#include <absl/status/statusor.h>

#include "common/base/clock.h"
#include "common/identity/identity.h"

namespace continuo::identity {

class IdentityFile {
 public:
  explicit IdentityFile(std::string runstate_dir) : directory_(std::move(runstate_dir)) {}

  std::string path() const { return directory_ + "/identity"; }

  // Errors: NotFound; those of Decode; what the storage says.
  absl::StatusOr<Identity> Load() const;

  // Makes the file when there is none, compares, and records what has changed rightly. The answer is
  // what is on stable storage. Errors: those of Load but NotFound, and of Reconcile; messages name
  // the file.
  absl::StatusOr<Identity> Establish(const Facts& own, OnDifference policy,
                                     base::RandomSource& random) const;

  // Under the lock: reads, lets `change` change it, and writes it when it did. Errors: those of Load.
  absl::StatusOr<Identity> Change(const std::function<absl::Status(Identity&)>& change) const;

 private:
  absl::Status Make(const Facts& own, base::RandomSource& random) const;
  absl::StatusOr<Guid> FormerGuid() const;

  const std::string directory_;
};

}  // namespace continuo::identity
