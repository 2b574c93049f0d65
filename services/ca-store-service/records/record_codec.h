// HandleRecord and CreateIntent as they are stored: versioned, length-checked, with a checksum.
//
// All numbers are little-endian.
//
//   offset  size  what
//        0     4  magic "CACH"
//        4     2  kind: 1 handle, 2 intent
//        6     2  version: 1
//        8     4  size of the payload in bytes
//       12     4  CRC-32C of bytes 0 to 11 and of the payload
//       16     …  payload, and nothing after it
//
// Handle, version 1: persistent id 8, create GUID 16, client GUID 16, file key (below), generation 8,
// path (2 + bytes), stream (2 + bytes), share name (2 + bytes), access 4, share access 4, create
// options 4, create action 4, oplock level 1, flags 1, [lease], lock count 4, locks (offset 8, length
// 8, exclusive 1 each), [lock sequences 64], SID (1 + bytes), [app instance: id 16, version high 8,
// low 8], timeout in ms 4, channel sequence 2, epoch 8, create time 8, [disconnected since 8].
// Lease: key 16, state 4, version 1, epoch 2, break to 4, [parent key 16]. File key: file system 16,
// id (1 + bytes). Times: µs since 1970. Flags say which of the parts in brackets are there.
//
// Intent, version 1: create GUID 16, client GUID 16, parent file key, name (2 + bytes), disposition 4,
// share name (2 + bytes), create time 8.
//
// A reader reads all versions up to its own. A higher one it leaves as it is and says so: a node of
// the newer release serves it. No field changes its meaning; a new field makes a new version.
//
// Errors: Unimplemented for a higher version, naming both; DataLoss for everything else that is wrong,
//         naming what.
// Threading: pure.
#pragma once

#include <cstdint>
#include <span>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "common/base/bytes.h"
#include "common/castore/handle_record.h"

namespace continuo::castore {

inline constexpr uint16_t kRecordVersion = 1;
inline constexpr size_t kRecordHeaderBytes = 16;

// Requires: the record keeps the limits of handle_record.h.
Bytes EncodeStored(const HandleRecord& record);
Bytes EncodeStored(const CreateIntent& intent);

absl::StatusOr<HandleRecord> DecodeStoredHandle(std::span<const uint8_t> stored);
absl::StatusOr<CreateIntent> DecodeStoredIntent(std::span<const uint8_t> stored);

// Whether the record keeps the limits of handle_record.h. Errors: InvalidArgument naming the field.
absl::Status Validate(const HandleRecord& record);
absl::Status Validate(const CreateIntent& intent);

}  // namespace continuo::castore
