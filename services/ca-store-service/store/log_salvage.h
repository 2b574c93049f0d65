// Every whole batch of a damaged RocksDB log, also behind the damage. RocksDB itself gives up the rest
// of a 32 KiB block, which may be a hundred handles; this loses the batches that are hit.
//
// Format:    RocksDB's "Write Ahead Log File Format": blocks of 32 KiB; records of CRC-32C (masked) 4,
//            size 2, type 1, payload; a batch is one FULL record or FIRST, MIDDLE…, LAST.
// Threading: pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace continuo::castore {

// The payloads, in the order of the file.
std::vector<std::string> SalvageLog(std::string_view log);

}  // namespace continuo::castore
