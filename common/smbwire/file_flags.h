// Access masks, share modes, dispositions, create options, file attributes, oplock levels and lease
// states: the vocabulary of CREATE.
//
// Source: [MS-SMB2] 2.2.13, 2.2.13.1, 2.2.13.2.8; attributes: [MS-FSCC] 2.6.
#pragma once

#include <cstdint>

namespace continuo::smbwire {

// Access mask, [MS-SMB2] 2.2.13.1.1 (files) and 2.2.13.1.2 (directories).
inline constexpr uint32_t kFileReadData = 0x00000001;
inline constexpr uint32_t kFileListDirectory = 0x00000001;
inline constexpr uint32_t kFileWriteData = 0x00000002;
inline constexpr uint32_t kFileAddFile = 0x00000002;
inline constexpr uint32_t kFileAppendData = 0x00000004;
inline constexpr uint32_t kFileAddSubdirectory = 0x00000004;
inline constexpr uint32_t kFileReadEa = 0x00000008;
inline constexpr uint32_t kFileWriteEa = 0x00000010;
inline constexpr uint32_t kFileExecute = 0x00000020;
inline constexpr uint32_t kFileTraverse = 0x00000020;
inline constexpr uint32_t kFileDeleteChild = 0x00000040;
inline constexpr uint32_t kFileReadAttributes = 0x00000080;
inline constexpr uint32_t kFileWriteAttributes = 0x00000100;
inline constexpr uint32_t kDelete = 0x00010000;
inline constexpr uint32_t kReadControl = 0x00020000;
inline constexpr uint32_t kWriteDac = 0x00040000;
inline constexpr uint32_t kWriteOwner = 0x00080000;
inline constexpr uint32_t kSynchronize = 0x00100000;
inline constexpr uint32_t kAccessSystemSecurity = 0x01000000;
inline constexpr uint32_t kMaximumAllowed = 0x02000000;
inline constexpr uint32_t kGenericAll = 0x10000000;
inline constexpr uint32_t kGenericExecute = 0x20000000;
inline constexpr uint32_t kGenericWrite = 0x40000000;
inline constexpr uint32_t kGenericRead = 0x80000000;
inline constexpr uint32_t kFileAllAccess = 0x001F01FF;
inline constexpr uint32_t kFileGenericRead = 0x00120089;
inline constexpr uint32_t kFileGenericWrite = 0x00120116;
inline constexpr uint32_t kFileGenericExecute = 0x001200A0;
// Bits that no definition covers: a request that sets one is refused with ACCESS_DENIED.
inline constexpr uint32_t kAccessMaskUndefined = 0x0CE0FE00;

inline constexpr uint32_t kShareRead = 0x00000001;
inline constexpr uint32_t kShareWrite = 0x00000002;
inline constexpr uint32_t kShareDelete = 0x00000004;
inline constexpr uint32_t kShareAll = 0x00000007;

inline constexpr uint32_t kDispositionSupersede = 0;
inline constexpr uint32_t kDispositionOpen = 1;
inline constexpr uint32_t kDispositionCreate = 2;
inline constexpr uint32_t kDispositionOpenIf = 3;
inline constexpr uint32_t kDispositionOverwrite = 4;
inline constexpr uint32_t kDispositionOverwriteIf = 5;

inline constexpr uint32_t kOptionDirectoryFile = 0x00000001;
inline constexpr uint32_t kOptionWriteThrough = 0x00000002;
inline constexpr uint32_t kOptionSequentialOnly = 0x00000004;
inline constexpr uint32_t kOptionNoIntermediateBuffering = 0x00000008;
inline constexpr uint32_t kOptionSynchronousIoAlert = 0x00000010;
inline constexpr uint32_t kOptionSynchronousIoNonalert = 0x00000020;
inline constexpr uint32_t kOptionNonDirectoryFile = 0x00000040;
inline constexpr uint32_t kOptionCompleteIfOplocked = 0x00000100;
inline constexpr uint32_t kOptionNoEaKnowledge = 0x00000200;
inline constexpr uint32_t kOptionOpenRemoteInstance = 0x00000400;
inline constexpr uint32_t kOptionRandomAccess = 0x00000800;
inline constexpr uint32_t kOptionDeleteOnClose = 0x00001000;
inline constexpr uint32_t kOptionOpenByFileId = 0x00002000;
inline constexpr uint32_t kOptionOpenForBackupIntent = 0x00004000;
inline constexpr uint32_t kOptionNoCompression = 0x00008000;
inline constexpr uint32_t kOptionOpenRequiringOplock = 0x00010000;
inline constexpr uint32_t kOptionDisallowExclusive = 0x00020000;
inline constexpr uint32_t kOptionReserveOpfilter = 0x00100000;
inline constexpr uint32_t kOptionOpenReparsePoint = 0x00200000;
inline constexpr uint32_t kOptionOpenNoRecall = 0x00400000;
inline constexpr uint32_t kOptionOpenForFreeSpaceQuery = 0x00800000;

inline constexpr uint32_t kImpersonationAnonymous = 0;
inline constexpr uint32_t kImpersonationIdentification = 1;
inline constexpr uint32_t kImpersonationImpersonation = 2;
inline constexpr uint32_t kImpersonationDelegate = 3;

inline constexpr uint32_t kActionSuperseded = 0;
inline constexpr uint32_t kActionOpened = 1;
inline constexpr uint32_t kActionCreated = 2;
inline constexpr uint32_t kActionOverwritten = 3;

inline constexpr uint32_t kAttributeReadonly = 0x00000001;
inline constexpr uint32_t kAttributeHidden = 0x00000002;
inline constexpr uint32_t kAttributeSystem = 0x00000004;
inline constexpr uint32_t kAttributeDirectory = 0x00000010;
inline constexpr uint32_t kAttributeArchive = 0x00000020;
inline constexpr uint32_t kAttributeNormal = 0x00000080;
inline constexpr uint32_t kAttributeTemporary = 0x00000100;
inline constexpr uint32_t kAttributeSparseFile = 0x00000200;
inline constexpr uint32_t kAttributeReparsePoint = 0x00000400;
inline constexpr uint32_t kAttributeCompressed = 0x00000800;
inline constexpr uint32_t kAttributeOffline = 0x00001000;
inline constexpr uint32_t kAttributeNotContentIndexed = 0x00002000;
inline constexpr uint32_t kAttributeEncrypted = 0x00004000;
inline constexpr uint32_t kAttributeIntegrityStream = 0x00008000;
inline constexpr uint32_t kAttributeNoScrubData = 0x00020000;

inline constexpr uint8_t kOplockNone = 0x00;
inline constexpr uint8_t kOplockLevelII = 0x01;
inline constexpr uint8_t kOplockExclusive = 0x08;
inline constexpr uint8_t kOplockBatch = 0x09;
inline constexpr uint8_t kOplockLease = 0xFF;

inline constexpr uint32_t kLeaseNone = 0x00;
inline constexpr uint32_t kLeaseReadCaching = 0x01;
inline constexpr uint32_t kLeaseHandleCaching = 0x02;
inline constexpr uint32_t kLeaseWriteCaching = 0x04;
inline constexpr uint32_t kLeaseFlagBreakInProgress = 0x00000002;
inline constexpr uint32_t kLeaseFlagParentLeaseKeySet = 0x00000004;

}  // namespace continuo::smbwire
