// The form of one log of the recovery database: blocks of 48 bytes, little-endian.
//
//   header: 0 "CTICKLE1" | 8 u32 version (1) | 12 u32 zero | 16 u64 incarnation
//           24 i64 created, microseconds since 1970 | 32 zeros | 44 u32 CRC-32C of bytes 0 to 43
//   record: 0 u8 kind (1 connected, 2 closed) | 1 u8 IP version (4, 6) | 2 u16 local port
//           4 u16 remote port | 6 u16 zero | 8 local address | 24 remote address (16 bytes each, an
//           IPv4 one followed by zeros) | 40 u32 zero | 44 u32 CRC-32C of bytes 0 to 43
//
// All blocks have one size, so damage costs the records that it touches and nothing behind them; an
// incomplete block at the end was being written when its writer died.
//
// Threading: pure.
#pragma once

#include <cstdint>
#include <set>
#include <span>

#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "common/base/bytes.h"
#include "services/tickle-service/registry/connection.h"

namespace continuo::tickle {

inline constexpr size_t kLogBlockBytes = 48;

enum class RecordKind : uint8_t { kConnected = 1, kClosed = 2 };

struct LogRecord {
  RecordKind kind = RecordKind::kConnected;
  Connection connection;
};

Bytes EncodeLogHeader(uint64_t incarnation, absl::Time created);
void AppendLogRecord(const LogRecord& record, Bytes& out);

struct LogContent {
  uint64_t incarnation = 0;
  std::set<Connection> live;
  size_t record_count = 0;
  size_t damaged_count = 0;    // Blocks whose checksum or content is wrong.
  size_t torn_tail_bytes = 0;  // Of an incomplete last block.
};

// Errors: DataLoss when there is no header; Unimplemented for another version.
absl::StatusOr<LogContent> ReadLog(std::span<const uint8_t> content);

}  // namespace continuo::tickle
