// Access rights of files and directories and how generic rights map to them.
//
// Source: [MS-DTYP] 2.4.3 (ACCESS_MASK), [MS-SMB2] 2.2.13.1 (file and directory access masks),
// [MS-FSA] 2.1.1.4 for their meaning.
#pragma once

#include <cstdint>

namespace continuo::security {

using AccessMask = uint32_t;

inline constexpr AccessMask kFileReadData = 0x00000001;
inline constexpr AccessMask kFileListDirectory = 0x00000001;
inline constexpr AccessMask kFileWriteData = 0x00000002;
inline constexpr AccessMask kFileAddFile = 0x00000002;
inline constexpr AccessMask kFileAppendData = 0x00000004;
inline constexpr AccessMask kFileAddSubdirectory = 0x00000004;
inline constexpr AccessMask kFileReadEa = 0x00000008;
inline constexpr AccessMask kFileWriteEa = 0x00000010;
inline constexpr AccessMask kFileExecute = 0x00000020;
inline constexpr AccessMask kFileTraverse = 0x00000020;
inline constexpr AccessMask kFileDeleteChild = 0x00000040;
inline constexpr AccessMask kFileReadAttributes = 0x00000080;
inline constexpr AccessMask kFileWriteAttributes = 0x00000100;
inline constexpr AccessMask kDelete = 0x00010000;
inline constexpr AccessMask kReadControl = 0x00020000;
inline constexpr AccessMask kWriteDac = 0x00040000;
inline constexpr AccessMask kWriteOwner = 0x00080000;
inline constexpr AccessMask kSynchronize = 0x00100000;
inline constexpr AccessMask kAccessSystemSecurity = 0x01000000;
inline constexpr AccessMask kMaximumAllowed = 0x02000000;
inline constexpr AccessMask kGenericAll = 0x10000000;
inline constexpr AccessMask kGenericExecute = 0x20000000;
inline constexpr AccessMask kGenericWrite = 0x40000000;
inline constexpr AccessMask kGenericRead = 0x80000000;

inline constexpr AccessMask kFileGenericRead = 0x00120089;
inline constexpr AccessMask kFileGenericWrite = 0x00120116;
inline constexpr AccessMask kFileGenericExecute = 0x001200A0;
inline constexpr AccessMask kFileAllAccess = 0x001F01FF;

// Replaces the four generic bits by what they mean for files and directories; keeps the rest.
constexpr AccessMask MapGenericFileRights(AccessMask mask) {
  AccessMask out = mask & ~(kGenericAll | kGenericExecute | kGenericWrite | kGenericRead);
  if ((mask & kGenericRead) != 0) out |= kFileGenericRead;
  if ((mask & kGenericWrite) != 0) out |= kFileGenericWrite;
  if ((mask & kGenericExecute) != 0) out |= kFileGenericExecute;
  if ((mask & kGenericAll) != 0) out |= kFileAllAccess;
  return out;
}

}  // namespace continuo::security
