#include "services/ca-store-service/records/record_codec.h"

#include <string>
#include <string_view>
#include <utility>

#include <absl/strings/str_format.h>

#include "common/base/check.h"
#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"
#include "common/bytes/crc32c.h"

namespace continuo::castore {
namespace {

using bytes::ByteReader;
using bytes::ByteWriter;

constexpr uint32_t kMagic = 0x48434143;  // "CACH"
constexpr uint16_t kKindHandle = 1;
constexpr uint16_t kKindIntent = 2;
constexpr size_t kCrcOffset = 12;
constexpr size_t kStoredLockBytes = 17;

constexpr uint8_t kHasLease = 0x01;
constexpr uint8_t kHasParentKey = 0x02;
constexpr uint8_t kIsLeaseBreaking = 0x04;
constexpr uint8_t kIsDeleteOnClose = 0x08;
constexpr uint8_t kIsDeletePending = 0x10;
constexpr uint8_t kHasAppInstance = 0x20;
constexpr uint8_t kHasLockSequences = 0x40;
constexpr uint8_t kIsDisconnected = 0x80;

static_assert(kPathMaxBytes <= 0xFFFF && kStreamMaxBytes <= 0xFFFF && kNameMaxBytes <= 0xFFFF &&
              kShareNameMaxBytes <= 0xFFFF && kSidMaxBytes <= 0xFF);

std::span<const uint8_t> Raw(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// ---- Writing -------------------------------------------------------------------------------------

void WriteText(std::string_view text, ByteWriter& out) {
  out.U16(static_cast<uint16_t>(text.size()));
  out.Append(Raw(text));
}

void WriteKey(const FileKey& key, ByteWriter& out) {
  out.Append(key.fs);
  out.U8(key.id_size_bytes);
  out.Append(key.id_bytes());
}

void WriteTime(absl::Time time, ByteWriter& out) {
  out.U64(static_cast<uint64_t>(absl::ToUnixMicros(time)));
}

uint8_t FlagsOf(const HandleRecord& r) {
  uint8_t flags = 0;
  const auto set = [&flags](bool is_set, uint8_t bit) {
    if (is_set) flags = static_cast<uint8_t>(flags | bit);
  };
  set(r.lease.has_value(), kHasLease);
  set(r.lease && r.lease->parent_key, kHasParentKey);
  set(r.lease && r.lease->is_breaking, kIsLeaseBreaking);
  set(r.is_delete_on_close, kIsDeleteOnClose);
  set(r.is_delete_pending, kIsDeletePending);
  set(r.app_instance.has_value(), kHasAppInstance);
  set(!r.lock_sequences.empty(), kHasLockSequences);
  set(r.disconnected_since.has_value(), kIsDisconnected);
  return flags;
}

void WriteLease(const LeaseRecord& lease, ByteWriter& out) {
  out.Append(lease.key);
  out.U32(lease.state);
  out.U8(lease.version);
  out.U16(lease.epoch);
  out.U32(lease.break_to);
  if (lease.parent_key) out.Append(*lease.parent_key);
}

void WriteHandle(const HandleRecord& r, ByteWriter& out) {
  out.U64(r.persistent_id);
  out.Append(r.create_guid);
  out.Append(r.client_guid);
  WriteKey(r.file, out);
  out.U64(r.file_generation);
  WriteText(r.path, out);
  WriteText(r.stream, out);
  WriteText(r.share_name, out);
  out.U32(r.access);
  out.U32(r.share_access);
  out.U32(r.create_options);
  out.U32(r.create_action);
  out.U8(static_cast<uint8_t>(r.oplock_level));
  out.U8(FlagsOf(r));
  if (r.lease) WriteLease(*r.lease, out);
  out.U32(static_cast<uint32_t>(r.locks.size()));
  for (const LockRecord& lock : r.locks) {
    out.U64(lock.offset);
    out.U64(lock.length_bytes);
    out.U8(lock.is_exclusive ? 1 : 0);
  }
  out.Append(r.lock_sequences);
  out.U8(static_cast<uint8_t>(r.owner_sid.size()));
  out.Append(r.owner_sid);
  if (r.app_instance) {
    out.Append(r.app_instance->id);
    out.U64(r.app_instance->version_high);
    out.U64(r.app_instance->version_low);
  }
  out.U32(r.timeout_ms);
  out.U16(r.channel_sequence);
  out.U64(r.epoch);
  WriteTime(r.create_time, out);
  if (r.disconnected_since) WriteTime(*r.disconnected_since, out);
}

ByteWriter BeginRecord(uint16_t kind) {
  ByteWriter out;
  out.U32(kMagic);
  out.U16(kind);
  out.U16(kRecordVersion);
  out.Zeros(8);
  return out;
}

uint32_t Checksum(std::span<const uint8_t> stored) {
  return bytes::Crc32c(stored.subspan(kRecordHeaderBytes), bytes::Crc32c(stored.first(kCrcOffset)));
}

Bytes FinishRecord(ByteWriter out) {
  out.PatchU32(8, static_cast<uint32_t>(out.size() - kRecordHeaderBytes));
  out.PatchU32(kCrcOffset, Checksum(out.view()));
  return std::move(out).Take();
}

// ---- Reading -------------------------------------------------------------------------------------

std::string ReadText(ByteReader& in) {
  const std::span<const uint8_t> raw = in.Span(in.U16());
  return std::string(raw.begin(), raw.end());
}

Bytes ReadBytes(ByteReader& in, size_t size_bytes) {
  const std::span<const uint8_t> raw = in.Span(size_bytes);
  return Bytes(raw.begin(), raw.end());
}

bool ReadKey(ByteReader& in, FileKey* key) {
  const Guid fs = in.Array<16>();
  const std::span<const uint8_t> id = in.Span(in.U8());
  return FileKey::Make(fs, id, key);
}

absl::Time ReadTime(ByteReader& in) {
  return absl::FromUnixMicros(static_cast<int64_t>(in.U64() & INT64_MAX));
}

LeaseRecord ReadLease(ByteReader& in, uint8_t flags) {
  LeaseRecord lease;
  lease.key = in.Array<16>();
  lease.state = in.U32();
  lease.version = in.U8();
  lease.epoch = in.U16();
  lease.break_to = in.U32();
  if ((flags & kHasParentKey) != 0) lease.parent_key = in.Array<16>();
  lease.is_breaking = (flags & kIsLeaseBreaking) != 0;
  return lease;
}

// False when the count cannot be or a flag is neither 0 nor 1.
bool ReadLocks(ByteReader& in, std::vector<LockRecord>* locks) {
  const uint32_t count = in.U32();
  if (count > in.remaining() / kStoredLockBytes) return false;
  locks->reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    LockRecord lock;
    lock.offset = in.U64();
    lock.length_bytes = in.U64();
    const uint8_t exclusive = in.U8();
    if (exclusive > 1) return false;
    lock.is_exclusive = exclusive == 1;
    locks->push_back(lock);
  }
  return true;
}

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(absl::StrFormat("stored record: %s", std::string(what)));
}

// Checks the header and gives the payload.
absl::StatusOr<std::span<const uint8_t>> OpenRecord(std::span<const uint8_t> stored,
                                                    uint16_t kind) {
  ByteReader in(stored);
  const uint32_t magic = in.U32();
  const uint16_t stored_kind = in.U16();
  const uint16_t version = in.U16();
  const uint32_t payload_size = in.U32();
  const uint32_t crc = in.U32();
  if (!in.ok()) return Damaged("shorter than its header");
  if (magic != kMagic) return Damaged(absl::StrFormat("no magic but %08x", magic));
  if (payload_size != in.remaining()) {
    return Damaged(absl::StrFormat("%d bytes of payload where %d were written", in.remaining(),
                                   payload_size));
  }
  if (crc != Checksum(stored)) return Damaged("its checksum does not match");
  if (stored_kind != kind) return Damaged(absl::StrFormat("kind %d, not %d", stored_kind, kind));
  if (version > kRecordVersion) {
    return absl::UnimplementedError(
        absl::StrFormat("stored record: version %d is newer than %d, which this release reads",
                        version, kRecordVersion));
  }
  if (version == 0) return Damaged("version 0");
  return stored.subspan(kRecordHeaderBytes);
}

void ReadHandleHead(ByteReader& in, HandleRecord* r) {
  r->file_generation = in.U64();
  r->path = ReadText(in);
  r->stream = ReadText(in);
  r->share_name = ReadText(in);
  r->access = in.U32();
  r->share_access = in.U32();
  r->create_options = in.U32();
  r->create_action = in.U32();
  r->oplock_level = static_cast<fsa::OplockLevel>(in.U8());
}

void ReadHandleTail(ByteReader& in, uint8_t flags, HandleRecord* r) {
  if ((flags & kHasLockSequences) != 0) r->lock_sequences = ReadBytes(in, kLockSequencesBytes);
  r->owner_sid = ReadBytes(in, in.U8());
  if ((flags & kHasAppInstance) != 0) {
    AppInstance instance;
    instance.id = in.Array<16>();
    instance.version_high = in.U64();
    instance.version_low = in.U64();
    r->app_instance = instance;
  }
  r->timeout_ms = in.U32();
  r->channel_sequence = in.U16();
  r->epoch = in.U64();
  r->create_time = ReadTime(in);
  if ((flags & kIsDisconnected) != 0) r->disconnected_since = ReadTime(in);
}

}  // namespace

Bytes EncodeStored(const HandleRecord& record) {
  CONTINUO_CHECK(Validate(record).ok());
  ByteWriter out = BeginRecord(kKindHandle);
  WriteHandle(record, out);
  return FinishRecord(std::move(out));
}

Bytes EncodeStored(const CreateIntent& intent) {
  CONTINUO_CHECK(Validate(intent).ok());
  ByteWriter out = BeginRecord(kKindIntent);
  out.Append(intent.key.create_guid);
  out.Append(intent.key.client_guid);
  WriteKey(intent.parent, out);
  WriteText(intent.name, out);
  out.U32(intent.create_disposition);
  WriteText(intent.share_name, out);
  WriteTime(intent.create_time, out);
  return FinishRecord(std::move(out));
}

absl::StatusOr<HandleRecord> DecodeStoredHandle(std::span<const uint8_t> stored) {
  const absl::StatusOr<std::span<const uint8_t>> payload = OpenRecord(stored, kKindHandle);
  if (!payload.ok()) return payload.status();
  ByteReader in(*payload);
  HandleRecord r;
  r.persistent_id = in.U64();
  r.create_guid = in.Array<16>();
  r.client_guid = in.Array<16>();
  if (!ReadKey(in, &r.file)) return Damaged("a file key that is too long");
  ReadHandleHead(in, &r);
  const uint8_t flags = in.U8();
  if ((flags & kHasLease) == 0 && (flags & (kHasParentKey | kIsLeaseBreaking)) != 0) {
    return Damaged("flags of a lease without a lease");
  }
  if ((flags & kHasLease) != 0) r.lease = ReadLease(in, flags);
  if (!ReadLocks(in, &r.locks)) return Damaged("locks that cannot be");
  r.is_delete_on_close = (flags & kIsDeleteOnClose) != 0;
  r.is_delete_pending = (flags & kIsDeletePending) != 0;
  ReadHandleTail(in, flags, &r);
  if (!in.ok()) return Damaged("fields beyond its end");
  if (in.remaining() != 0) return Damaged("bytes after its last field");
  const absl::Status valid = Validate(r);
  if (!valid.ok()) return Damaged(std::string_view(valid.message().data(), valid.message().size()));
  return r;
}

absl::StatusOr<CreateIntent> DecodeStoredIntent(std::span<const uint8_t> stored) {
  const absl::StatusOr<std::span<const uint8_t>> payload = OpenRecord(stored, kKindIntent);
  if (!payload.ok()) return payload.status();
  ByteReader in(*payload);
  CreateIntent intent;
  intent.key.create_guid = in.Array<16>();
  intent.key.client_guid = in.Array<16>();
  if (!ReadKey(in, &intent.parent)) return Damaged("a file key that is too long");
  intent.name = ReadText(in);
  intent.create_disposition = in.U32();
  intent.share_name = ReadText(in);
  intent.create_time = ReadTime(in);
  if (!in.ok()) return Damaged("fields beyond its end");
  if (in.remaining() != 0) return Damaged("bytes after its last field");
  const absl::Status valid = Validate(intent);
  if (!valid.ok()) return Damaged(std::string_view(valid.message().data(), valid.message().size()));
  return intent;
}

absl::Status Validate(const HandleRecord& r) {
  const char* wrong = nullptr;
  const auto require = [&wrong](bool is_right, const char* field) {
    if (!is_right && wrong == nullptr) wrong = field;
  };
  require(r.persistent_id != 0, "persistent id 0");
  require(r.path.size() <= kPathMaxBytes, "path too long");
  require(r.stream.size() <= kStreamMaxBytes, "stream name too long");
  require(r.share_name.size() <= kShareNameMaxBytes, "share name too long");
  require(r.lease.has_value() == (r.oplock_level == fsa::OplockLevel::kLease),
          "a lease without its oplock level, or that level without a lease");
  require(!r.lease || r.lease->version == 1 || r.lease->version == 2, "lease version");
  require(r.locks.size() <= kLocksMax, "too many locks");
  require(r.lock_sequences.empty() || r.lock_sequences.size() == kLockSequencesBytes,
          "lock sequences of another size");
  require(r.owner_sid.size() <= kSidMaxBytes, "SID too long");
  require(r.create_time >= absl::UnixEpoch(), "create time before 1970");
  require(!r.disconnected_since || *r.disconnected_since >= absl::UnixEpoch(),
          "disconnected before 1970");
  switch (r.oplock_level) {
    case fsa::OplockLevel::kNone:
    case fsa::OplockLevel::kLevelII:
    case fsa::OplockLevel::kExclusive:
    case fsa::OplockLevel::kBatch:
    case fsa::OplockLevel::kLease: break;
    default: require(false, "oplock level");
  }
  if (wrong == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat("handle 0x%x: %s", r.persistent_id, wrong));
}

absl::Status Validate(const CreateIntent& intent) {
  if (intent.name.size() > kNameMaxBytes) {
    return absl::InvalidArgumentError("intent: name too long");
  }
  if (intent.share_name.size() > kShareNameMaxBytes) {
    return absl::InvalidArgumentError("intent: share name too long");
  }
  if (intent.create_time < absl::UnixEpoch()) {
    return absl::InvalidArgumentError("intent: create time before 1970");
  }
  return absl::OkStatus();
}

}  // namespace continuo::castore
