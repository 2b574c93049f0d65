// What a load generator does to a server, one operation at a time.
//
// Each function sends the first request of an operation and calls `done` once, with the status of
// the step that failed or success, and with the file bytes that moved. Steps follow each other by
// themselves as answers arrive. Nothing is retried.
// Threading: the client's.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/header.h"
#include "tools/smbload/client.h"

namespace continuo::smbload {

struct Outcome {
  NtStatus status;
  uint64_t bytes = 0;
};
using Done = std::function<void(const Outcome&)>;

struct OpenOptions {
  // Asks for a persistent handle of this name; the open fails when none is granted.
  std::optional<smbwire::Guid> persistent_guid;
  uint32_t desired_access = 0;
  uint32_t share_access = 0;
  uint32_t disposition = 0;
  uint32_t options = 0;
};
using Opened = std::function<void(NtStatus, smbwire::FileId)>;

// Paths are relative to the share, with backslashes.
void Open(Client& client, const std::string& path, const OpenOptions& options, Opened opened);
void Close(Client& client, smbwire::FileId file, Done done);

void Echo(Client& client, Done done);
// CREATE for reading and CLOSE. With a GUID the handle is persistent.
void OpenClose(Client& client, const std::string& path,
               const std::optional<smbwire::Guid>& persistent_guid, Done done);
// CREATE of a new file and CLOSE; `is_temporary` deletes it with the CLOSE.
enum class Keep { kKeep, kDeleteOnClose };
void CreateFile(Client& client, const std::string& path, Keep keep, Done done);
// CREATE, QUERY_INFO (FileAllInformation) and CLOSE in one compound.
void Stat(Client& client, const std::string& path, Done done);
// Opens a directory, reads all of its entries and closes it. Bytes: of the answers.
void List(Client& client, const std::string& path, Done done);
void Read(Client& client, smbwire::FileId file, uint64_t offset, uint32_t size_bytes, Done done);
// `data` must live until `done`.
void Write(Client& client, smbwire::FileId file, uint64_t offset, std::span<const uint8_t> data,
           Done done);

}  // namespace continuo::smbload
