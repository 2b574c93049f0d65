// Identities and small values of the file-system-algorithm state: who opened what, and how.
//
// Pure data, no behaviour beyond comparison and hashing. [MS-SMB2] and [MS-FSA] words mean what
// those documents mean by them.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "common/base/strong_id.h"

namespace continuo::fsa {

struct OpenIdTag;
struct OpIdTag;
struct BreakIdTag;

// One open of a file or stream. Chosen by the caller, unique on the node for its whole life (the
// SMB volatile id serves); never reused while the state knows it.
using OpenId = base::StrongId<OpenIdTag>;
// One request whose answer may come later. Chosen by the caller, unique among unanswered requests.
using OpId = base::StrongId<OpIdTag>;
// One break that waits for an acknowledgement. Chosen by the state.
using BreakId = base::StrongId<BreakIdTag>;

using Guid = std::array<uint8_t, 16>;
using LeaseKey = std::array<uint8_t, 16>;

// A file's identity on every node: the UUID that Continuo keeps in the file system, and the file's
// own stable id there (handle bytes, or a FUSE file system's GFID). Streams share their file's key.
struct FileKey {
  static constexpr size_t kMaxIdSizeBytes = 24;

  Guid fs{};
  std::array<uint8_t, kMaxIdSizeBytes> id{};  // Zero beyond id_size_bytes.
  uint8_t id_size_bytes = 0;

  // Requires: id.size() <= kMaxIdSizeBytes; false and `*key` unchanged otherwise.
  static bool Make(const Guid& fs, std::span<const uint8_t> id, FileKey* key) {
    if (id.size() > kMaxIdSizeBytes) return false;
    *key = FileKey{.fs = fs, .id = {}, .id_size_bytes = static_cast<uint8_t>(id.size())};
    if (!id.empty()) std::memcpy(key->id.data(), id.data(), id.size());
    return true;
  }
  std::span<const uint8_t> id_bytes() const { return std::span(id).first(id_size_bytes); }

  friend bool operator==(const FileKey&, const FileKey&) = default;
  friend auto operator<=>(const FileKey&, const FileKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const FileKey& key) {
    return H::combine(std::move(h), key.fs, key.id, key.id_size_bytes);
  }
};

// Access rights that the rules look at, [MS-SMB2] 2.2.13.1. The state is given the granted mask
// with generic rights and MAXIMUM_ALLOWED already mapped.
inline constexpr uint32_t kFileReadData = 0x00000001;
inline constexpr uint32_t kFileWriteData = 0x00000002;
inline constexpr uint32_t kFileAppendData = 0x00000004;
inline constexpr uint32_t kFileExecute = 0x00000020;
inline constexpr uint32_t kFileReadAttributes = 0x00000080;
inline constexpr uint32_t kFileWriteAttributes = 0x00000100;
inline constexpr uint32_t kDeleteAccess = 0x00010000;
inline constexpr uint32_t kReadControl = 0x00020000;
inline constexpr uint32_t kSynchronize = 0x00100000;

// ShareAccess, [MS-SMB2] 2.2.13.
inline constexpr uint32_t kShareRead = 0x1;
inline constexpr uint32_t kShareWrite = 0x2;
inline constexpr uint32_t kShareDelete = 0x4;

// Lease states, [MS-SMB2] 2.2.13.2.8; combined with |.
inline constexpr uint32_t kLeaseNone = 0;
inline constexpr uint32_t kLeaseRead = 0x1;
inline constexpr uint32_t kLeaseHandle = 0x2;
inline constexpr uint32_t kLeaseWrite = 0x4;
inline constexpr uint32_t kLeaseAll = kLeaseRead | kLeaseHandle | kLeaseWrite;

// Values as on the wire, [MS-SMB2] 2.2.13.
enum class OplockLevel : uint8_t {
  kNone = 0x00,
  kLevelII = 0x01,
  kExclusive = 0x08,
  kBatch = 0x09,
  kLease = 0xFF,
};

// What a CREATE does to a file that exists; only whether it overwrites matters to the rules.
enum class OpenAction : uint8_t {
  kOpenExisting,  // FILE_OPEN, FILE_OPEN_IF of a file that is there
  kOverwrite,     // FILE_OVERWRITE(_IF), FILE_SUPERSEDE of a file that is there
  kCreated,       // the caller has just created the file or stream for this open
};

enum class Durability : uint8_t {
  kNone,
  kDurable,     // v1 or v2: survives a disconnect until something conflicts with it
  kResilient,   // survives, and conflicting opens wait for its timeout
  kPersistent,  // survives; conflicting opens get STATUS_FILE_NOT_AVAILABLE meanwhile
};

}  // namespace continuo::fsa
