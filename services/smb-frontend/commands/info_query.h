// The parts of QUERY_INFO that may block: they look at the file system and encode the answer.
// Run on a worker thread under the caller's identity.
//
// Source: [MS-SMB2] 3.3.5.20, [MS-FSA] 2.1.5.12 and 2.1.5.13, [MS-FSCC] 2.4 and 2.5.
#pragma once

#include <cstdint>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "services/smb-frontend/open/open_file.h"

namespace continuo::commands {

// One QUERY_INFO, checked by FileQueryRule or FileSystemQueryRule.
struct InfoQuery {
  open::OpenFile& open;
  uint8_t info_class = 0;
  uint32_t limit_bytes = 0;  // OutputBufferLength.
  std::span<const uint8_t> input;
  uint32_t flags = 0;                   // kQueryInfo...
  uint32_t additional_information = 0;  // Security: which parts.
  bool is_delete_pending = false;       // What the FSA says of the open.
};

// Each appends the answer to `out`. kBufferOverflow: `out` holds as much as the client asked for.
NtStatus QueryFileInfo(const InfoQuery& query, bytes::ByteWriter& out);
NtStatus QueryPipeInfo(const InfoQuery& query, bytes::ByteWriter& out);
NtStatus QueryFileSystemInfo(const InfoQuery& query, bytes::ByteWriter& out);
// Errors: kBufferTooSmall with `*required_size_bytes` set.
NtStatus QuerySecurity(const InfoQuery& query, bytes::ByteWriter& out,
                       uint32_t* required_size_bytes);

// FileFullEaInformation, in query_ea.cc.
NtStatus QueryFullEas(const InfoQuery& query, bytes::ByteWriter& out);

}  // namespace continuo::commands
