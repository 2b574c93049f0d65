// DOS attributes and creation time as Samba keeps them in user.DOSATTRIB.
//
// Shape: an NDR blob: the ASCII form "0x20" (with its NUL; empty in v3 and later), a version, and the
//        version's structure: v3 {valid flags, attributes, EA size, size, allocation size, create
//        time, change time}, v4 {valid flags, attributes, inode time, create time}, v5 {valid flags, attributes,
//        create time}. Versions 1 and 2 and the bare ASCII form are read, too.
// Threading: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "common/base/bytes.h"
#include "services/smb-frontend/vfs/file_stat.h"

namespace continuo::vfs {

inline constexpr char kDosAttributesXattr[] = "user.DOSATTRIB";

// FILE_ATTRIBUTE_*, [MS-FSCC] 2.6.
inline constexpr uint32_t kAttributeReadOnly = 0x00000001;
inline constexpr uint32_t kAttributeHidden = 0x00000002;
inline constexpr uint32_t kAttributeSystem = 0x00000004;
inline constexpr uint32_t kAttributeDirectory = 0x00000010;
inline constexpr uint32_t kAttributeArchive = 0x00000020;
inline constexpr uint32_t kAttributeNormal = 0x00000080;
inline constexpr uint32_t kAttributeTemporary = 0x00000100;
inline constexpr uint32_t kAttributeSparse = 0x00000200;
inline constexpr uint32_t kAttributeReparsePoint = 0x00000400;
inline constexpr uint32_t kAttributeCompressed = 0x00000800;
inline constexpr uint32_t kAttributeOffline = 0x00001000;
inline constexpr uint32_t kAttributeNotContentIndexed = 0x00002000;
inline constexpr uint32_t kAttributeEncrypted = 0x00004000;
// What a client may set; sparse is kept besides.
inline constexpr uint32_t kAttributesSettable =
    kAttributeReadOnly | kAttributeHidden | kAttributeSystem | kAttributeArchive |
    kAttributeTemporary | kAttributeOffline | kAttributeNotContentIndexed;

enum class DosAttributesFormat { kV3, kV4, kV5 };

struct StoredDosAttributes {
  std::optional<uint32_t> attributes;
  std::optional<FileTime> creation_time;
};

// nullopt for damaged bytes: the caller then goes on without stored attributes.
std::optional<StoredDosAttributes> DecodeDosAttributes(std::span<const uint8_t> xattr);
Bytes EncodeDosAttributes(const StoredDosAttributes& stored, DosAttributesFormat format);

}  // namespace continuo::vfs
