// SMB2 CREATE.
//
// Source: [MS-SMB2] 2.2.13, 2.2.14. Threading: pure; spans borrow from the message.
#pragma once

#include <cstdint>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/create_contexts.h"
#include "common/smbwire/file_flags.h"
#include "common/smbwire/filetime.h"
#include "common/smbwire/header.h"

namespace continuo::smbwire {

struct CreateRequest {
  uint8_t oplock_level = 0;
  uint32_t impersonation_level = 0;
  uint32_t desired_access = 0;
  uint32_t file_attributes = 0;
  uint32_t share_access = 0;
  uint32_t create_disposition = 0;
  uint32_t create_options = 0;
  std::span<const uint8_t> name_utf16le;  // Relative to the share; empty for its root.
  CreateContexts contexts;
};

// Errors: InvalidParameter for bad offsets, an odd name size, and bad contexts
// (create_contexts.h). Values of fields are not judged here.
NtResult<CreateRequest> DecodeCreateRequest(std::span<const uint8_t> message);

inline constexpr uint8_t kCreateResponseFlagReparsePoint = 0x01;

struct CreateResponse {
  uint8_t oplock_level = 0;
  uint8_t flags = 0;
  uint32_t create_action = 0;
  FileTime creation_time;
  FileTime last_access_time;
  FileTime last_write_time;
  FileTime change_time;
  uint64_t allocation_size_bytes = 0;
  uint64_t end_of_file = 0;
  uint32_t file_attributes = 0;
  FileId file_id;
  CreateResponseContexts contexts;
};
void EncodeCreateResponse(const CreateResponse& response, bytes::ByteWriter& out);

}  // namespace continuo::smbwire
