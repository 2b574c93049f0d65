#include "services/tickle-service/registry/log_codec.h"

#include <algorithm>
#include <array>
#include <optional>

#include <absl/strings/str_format.h>

#include "common/base/check.h"
#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"
#include "common/bytes/crc32c.h"

namespace continuo::tickle {
namespace {

constexpr std::array<uint8_t, 8> kMagic = {'C', 'T', 'I', 'C', 'K', 'L', 'E', '1'};
constexpr uint32_t kVersion = 1;
constexpr size_t kChecksumOffset = kLogBlockBytes - 4;
constexpr size_t kAddressBytes = 16;

void SealBlock(bytes::ByteWriter& out) {
  CONTINUO_CHECK(out.size() == kChecksumOffset);
  out.U32(bytes::Crc32c(out.view()));
}

bool IsSound(std::span<const uint8_t> block) {
  bytes::ByteReader in(block.subspan(kChecksumOffset));
  return in.U32() == bytes::Crc32c(block.first(kChecksumOffset));
}

std::optional<IpAddress> ReadAddress(uint8_t ip_version, std::span<const uint8_t> field) {
  if (ip_version != 4 && ip_version != 6) return std::nullopt;
  return IpAddressOf(field.first(ip_version == 4 ? 4 : kAddressBytes));
}

std::optional<LogRecord> DecodeRecord(std::span<const uint8_t> block) {
  if (!IsSound(block)) return std::nullopt;
  bytes::ByteReader in(block);
  const uint8_t kind = in.U8();
  const uint8_t ip_version = in.U8();
  LogRecord record;
  record.connection.local_port = in.U16();
  record.connection.remote_port = in.U16();
  in.Skip(2);
  const auto local = ReadAddress(ip_version, in.Span(kAddressBytes));
  const auto remote = ReadAddress(ip_version, in.Span(kAddressBytes));
  if (kind != static_cast<uint8_t>(RecordKind::kConnected) &&
      kind != static_cast<uint8_t>(RecordKind::kClosed)) {
    return std::nullopt;
  }
  if (!in.ok() || !local || !remote || local->is_ipv6 != remote->is_ipv6) return std::nullopt;
  record.kind = static_cast<RecordKind>(kind);
  record.connection.local = *local;
  record.connection.remote = *remote;
  return record;
}

}  // namespace

Bytes EncodeLogHeader(uint64_t incarnation, absl::Time created) {
  bytes::ByteWriter out;
  out.Append(kMagic);
  out.U32(kVersion);
  out.Zeros(4);
  out.U64(incarnation);
  out.U64(static_cast<uint64_t>(absl::ToUnixMicros(created)));
  out.Zeros(kChecksumOffset - out.size());
  SealBlock(out);
  return std::move(out).Take();
}

void AppendLogRecord(const LogRecord& record, Bytes& out) {
  const Connection& connection = record.connection;
  CONTINUO_CHECK(connection.local.is_ipv6 == connection.remote.is_ipv6);
  bytes::ByteWriter block;
  block.U8(static_cast<uint8_t>(record.kind));
  block.U8(connection.local.is_ipv6 ? 6 : 4);
  block.U16(connection.local_port);
  block.U16(connection.remote_port);
  block.Zeros(2);
  block.Append(connection.local.bytes);
  block.Append(connection.remote.bytes);
  block.Zeros(4);
  SealBlock(block);
  out.insert(out.end(), block.view().begin(), block.view().end());
}

absl::StatusOr<LogContent> ReadLog(std::span<const uint8_t> content) {
  if (content.size() < kLogBlockBytes ||
      !std::equal(kMagic.begin(), kMagic.end(), content.begin())) {
    return absl::DataLossError("it has no header");
  }
  bytes::ByteReader header(content);
  header.Skip(kMagic.size());
  const uint32_t version = header.U32();
  if (!IsSound(content.first(kLogBlockBytes))) return absl::DataLossError("its header is damaged");
  if (version != kVersion) {
    return absl::UnimplementedError(absl::StrFormat("it has version %u", version));
  }
  header.Skip(4);
  LogContent log;
  log.incarnation = header.U64();
  for (auto rest = content.subspan(kLogBlockBytes); !rest.empty();) {
    if (rest.size() < kLogBlockBytes) {
      log.torn_tail_bytes = rest.size();
      break;
    }
    const std::optional<LogRecord> record = DecodeRecord(rest.first(kLogBlockBytes));
    rest = rest.subspan(kLogBlockBytes);
    if (!record) {
      ++log.damaged_count;
      continue;
    }
    ++log.record_count;
    if (record->kind == RecordKind::kConnected) {
      log.live.insert(record->connection);
    } else {
      log.live.erase(record->connection);
    }
  }
  return log;
}

}  // namespace continuo::tickle
