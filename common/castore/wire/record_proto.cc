#include "common/castore/wire/record_proto.h"

#include <algorithm>
#include <limits>
#include <string>

namespace continuo::castore {
namespace {

std::string_view Text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const uint8_t> Raw(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

bool FitsU16(uint32_t value) { return value <= std::numeric_limits<uint16_t>::max(); }

void EncodeKey(const FileKey& key, v1::FileKey* out) {
  out->set_fs(GuidBytes(key.fs));
  out->set_id(std::string(Text(key.id_bytes())));
}

std::optional<FileKey> DecodeKey(const v1::FileKey& message) {
  const std::optional<Guid> fs = DecodeGuid(message.fs());
  FileKey key;
  if (!fs || !FileKey::Make(*fs, Raw(message.id()), &key)) return std::nullopt;
  return key;
}

void EncodeLease(const LeaseRecord& lease, v1::LeaseRecord* out) {
  out->set_key(GuidBytes(lease.key));
  out->set_state(lease.state);
  out->set_version(lease.version);
  out->set_epoch(lease.epoch);
  if (lease.parent_key) out->set_parent_key(GuidBytes(*lease.parent_key));
  out->set_is_breaking(lease.is_breaking);
  out->set_break_to(lease.break_to);
}

std::optional<LeaseRecord> DecodeLease(const v1::LeaseRecord& message) {
  const std::optional<Guid> key = DecodeGuid(message.key());
  if (!key || message.version() < 1 || message.version() > 2 || !FitsU16(message.epoch())) {
    return std::nullopt;
  }
  LeaseRecord lease;
  lease.key = *key;
  lease.state = message.state();
  lease.version = static_cast<uint8_t>(message.version());
  lease.epoch = static_cast<uint16_t>(message.epoch());
  if (!message.parent_key().empty()) {
    const std::optional<Guid> parent = DecodeGuid(message.parent_key());
    if (!parent) return std::nullopt;
    lease.parent_key = *parent;
  }
  lease.is_breaking = message.is_breaking();
  lease.break_to = message.break_to();
  return lease;
}

bool IsOplockLevel(uint32_t level) {
  switch (level) {
    case 0x00:
    case 0x01:
    case 0x08:
    case 0x09:
    case 0xFF: return true;
    default: return false;
  }
}

bool IsWithinLimits(const v1::HandleRecord& m) {
  const size_t sequences = m.lock_sequences().size();
  return m.persistent_id() != 0 && m.path().size() <= kPathMaxBytes &&
         m.stream().size() <= kStreamMaxBytes && m.share_name().size() <= kShareNameMaxBytes &&
         static_cast<size_t>(m.locks_size()) <= kLocksMax &&
         (sequences == 0 || sequences == kLockSequencesBytes) &&
         m.owner_sid().size() <= kSidMaxBytes && FitsU16(m.channel_sequence()) &&
         IsOplockLevel(m.oplock_level()) && m.create_time_unix_us() >= 0 &&
         m.disconnected_since_unix_us() >= 0;
}

Bytes ToBytes(std::string_view text) {
  const auto raw = Raw(text);
  return Bytes(raw.begin(), raw.end());
}

}  // namespace

std::string GuidBytes(const Guid& guid) { return std::string(Text(guid)); }

std::optional<Guid> DecodeGuid(std::string_view bytes) {
  Guid guid{};
  if (bytes.size() != guid.size()) return std::nullopt;
  std::ranges::copy(Raw(bytes), guid.begin());
  return guid;
}

void Encode(const HandleRecord& r, v1::HandleRecord* out) {
  out->set_persistent_id(r.persistent_id);
  out->set_create_guid(GuidBytes(r.create_guid));
  out->set_client_guid(GuidBytes(r.client_guid));
  EncodeKey(r.file, out->mutable_file());
  out->set_file_generation(r.file_generation);
  out->set_path(r.path);
  out->set_stream(r.stream);
  out->set_share_name(r.share_name);
  out->set_access(r.access);
  out->set_share_access(r.share_access);
  out->set_create_options(r.create_options);
  out->set_create_action(r.create_action);
  out->set_oplock_level(static_cast<uint32_t>(r.oplock_level));
  if (r.lease) EncodeLease(*r.lease, out->mutable_lease());
  for (const LockRecord& lock : r.locks) {
    v1::LockRecord* const one = out->add_locks();
    one->set_offset(lock.offset);
    one->set_length_bytes(lock.length_bytes);
    one->set_is_exclusive(lock.is_exclusive);
  }
  out->set_lock_sequences(std::string(Text(r.lock_sequences)));
  out->set_is_delete_on_close(r.is_delete_on_close);
  out->set_is_delete_pending(r.is_delete_pending);
  out->set_owner_sid(std::string(Text(r.owner_sid)));
  if (r.app_instance) {
    out->set_app_instance_id(GuidBytes(r.app_instance->id));
    out->set_app_instance_version_high(r.app_instance->version_high);
    out->set_app_instance_version_low(r.app_instance->version_low);
  }
  out->set_timeout_ms(r.timeout_ms);
  out->set_channel_sequence(r.channel_sequence);
  out->set_epoch(r.epoch);
  out->set_create_time_unix_us(absl::ToUnixMicros(r.create_time));
  if (r.disconnected_since) {
    out->set_disconnected_since_unix_us(absl::ToUnixMicros(*r.disconnected_since));
  }
}

std::optional<HandleRecord> Decode(const v1::HandleRecord& m) {
  if (!IsWithinLimits(m)) return std::nullopt;
  const std::optional<Guid> create_guid = DecodeGuid(m.create_guid());
  const std::optional<Guid> client_guid = DecodeGuid(m.client_guid());
  const std::optional<FileKey> file = DecodeKey(m.file());
  if (!create_guid || !client_guid || !file) return std::nullopt;
  HandleRecord r;
  r.persistent_id = m.persistent_id();
  r.create_guid = *create_guid;
  r.client_guid = *client_guid;
  r.file = *file;
  r.file_generation = m.file_generation();
  r.path = m.path();
  r.stream = m.stream();
  r.share_name = m.share_name();
  r.access = m.access();
  r.share_access = m.share_access();
  r.create_options = m.create_options();
  r.create_action = m.create_action();
  r.oplock_level = static_cast<fsa::OplockLevel>(m.oplock_level());
  if (m.has_lease() != (r.oplock_level == fsa::OplockLevel::kLease)) return std::nullopt;
  if (m.has_lease()) {
    r.lease = DecodeLease(m.lease());
    if (!r.lease) return std::nullopt;
  }
  for (const v1::LockRecord& lock : m.locks()) {
    r.locks.push_back({.offset = lock.offset(),
                       .length_bytes = lock.length_bytes(),
                       .is_exclusive = lock.is_exclusive()});
  }
  r.lock_sequences = ToBytes(m.lock_sequences());
  r.is_delete_on_close = m.is_delete_on_close();
  r.is_delete_pending = m.is_delete_pending();
  r.owner_sid = ToBytes(m.owner_sid());
  if (!m.app_instance_id().empty()) {
    const std::optional<Guid> id = DecodeGuid(m.app_instance_id());
    if (!id) return std::nullopt;
    r.app_instance = AppInstance{.id = *id,
                                 .version_high = m.app_instance_version_high(),
                                 .version_low = m.app_instance_version_low()};
  }
  r.timeout_ms = m.timeout_ms();
  r.channel_sequence = static_cast<uint16_t>(m.channel_sequence());
  r.epoch = m.epoch();
  r.create_time = absl::FromUnixMicros(m.create_time_unix_us());
  if (m.disconnected_since_unix_us() != 0) {
    r.disconnected_since = absl::FromUnixMicros(m.disconnected_since_unix_us());
  }
  return r;
}

void Encode(const CreateIntent& intent, v1::CreateIntent* out) {
  out->set_create_guid(GuidBytes(intent.key.create_guid));
  out->set_client_guid(GuidBytes(intent.key.client_guid));
  EncodeKey(intent.parent, out->mutable_parent());
  out->set_name(intent.name);
  out->set_create_disposition(intent.create_disposition);
  out->set_share_name(intent.share_name);
  out->set_create_time_unix_us(absl::ToUnixMicros(intent.create_time));
}

std::optional<CreateIntent> Decode(const v1::CreateIntent& m) {
  const std::optional<Guid> create_guid = DecodeGuid(m.create_guid());
  const std::optional<Guid> client_guid = DecodeGuid(m.client_guid());
  const std::optional<FileKey> parent = DecodeKey(m.parent());
  if (!create_guid || !client_guid || !parent || m.name().size() > kNameMaxBytes ||
      m.share_name().size() > kShareNameMaxBytes || m.create_time_unix_us() < 0) {
    return std::nullopt;
  }
  CreateIntent intent;
  intent.key = {.create_guid = *create_guid, .client_guid = *client_guid};
  intent.parent = *parent;
  intent.name = m.name();
  intent.create_disposition = m.create_disposition();
  intent.share_name = m.share_name();
  intent.create_time = absl::FromUnixMicros(m.create_time_unix_us());
  return intent;
}

}  // namespace continuo::castore
