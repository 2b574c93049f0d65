// One owner's time with ca_path: takes it over, adopts what former owners left, and is then the medium
// that the map writes to. On disk, beside what ownership.h lists:
//
//   nodes/<node>/<epoch>/db.<n>   the database; n rises when it broke and was begun anew
//   retired/<node>.<epoch>        what was adopted, on its way to being removed
//   damaged/<node>.<epoch>        the same, when it could not be read completely: for the administrator
//
// Former incarnations are read, all of theirs is written to an own database and synced, and only then
// are they moved away; and only when that is durable is anything of it handed out. So whatever happens
// in between, the next owner finds either the old place or the new one or both with the same content,
// and nothing that was deleted later can be found in an old place.
//
// Threading: Open from one thread; then as Medium says.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "services/ca-store-service/store/database.h"
#include "services/ca-store-service/store/durable_map.h"
#include "services/ca-store-service/store/ownership.h"
#include "services/ca-store-service/store/stable_files.h"

namespace continuo::castore {

struct IncarnationOptions {
  std::string ca_path;
  Identity self;
  std::function<bool(const Identity&)> is_alive = IsProcessAlive;
  absl::Time now;
  std::shared_ptr<StableFiles> files;
  std::shared_ptr<DatabaseFactory> databases;
};

struct Opened {
  std::unique_ptr<Medium> medium;
  OwnerRecord owner;
  DatabaseContent inherited;
};

// Errors: those of Ownership::Take; what the storage says.
absl::StatusOr<Opened> OpenIncarnation(IncarnationOptions options);

}  // namespace continuo::castore
