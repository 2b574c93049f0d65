// A SimDisk as RocksDB and the store's own files see it.
#pragma once

#include <memory>

#include <rocksdb/env.h>

#include "services/ca-store-service/store/stable_files.h"
#include "tests/sim/castore/sim_disk.h"

namespace continuo::castore::sim {

// Requires: `disk` outlives what is made.
std::unique_ptr<rocksdb::Env> MakeSimEnv(SimDisk* disk);
std::unique_ptr<StableFiles> MakeSimStableFiles(SimDisk* disk);

}  // namespace continuo::castore::sim
