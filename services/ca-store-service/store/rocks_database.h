// The factory of database.h over a RocksDB environment of the caller's, for the power-cut simulation.
// Only files of this folder and its tests include this header.
#pragma once

#include <memory>

#include <rocksdb/env.h>

#include "services/ca-store-service/store/database.h"

namespace continuo::castore {

// Requires: `env` outlives the factory and what it made.
std::unique_ptr<DatabaseFactory> MakeRocksFactory(rocksdb::Env* env);

}  // namespace continuo::castore
