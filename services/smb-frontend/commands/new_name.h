// Where a rename or a hard link wants its object to be: found, and checked for what the caller may do
// there.
//
// Source: [MS-FSA] 2.1.5.15.6 (link), 2.1.5.15.12 (rename).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/security/token.h"
#include "services/smb-frontend/open/open_file.h"
#include "services/smb-frontend/vfs/names.h"

namespace continuo::commands {

struct NewNameRequest {
  vfs::ObjectName name;
  bool may_replace = false;
  bool is_posix = false;          // An open file may be replaced, too.
  bool ignores_read_only = false;
  bool moves_directory = false;   // What gets the name is a directory.
  security::AccessMask ceiling = 0;
};

struct NewName {
  std::shared_ptr<vfs::Directory> directory;
  std::string leaf;
  // Set when another object has the name and is going to be replaced.
  std::shared_ptr<vfs::File> replaced;
};

// The name of FileRenameInformation or FileLinkInformation: beneath the share, with or without a
// leading backslash. Errors: those of vfs::ParseName.
NtResult<vfs::ObjectName> ParseNewName(std::span<const uint8_t> utf16le);

// Worker thread. `self` is the object that gets the name.
// Errors: ObjectPathNotFound, ObjectNameCollision, AccessDenied (no right to add the name there, or
//         to delete what has it; a directory or a read-only file is in the way).
NtResult<NewName> FindNewName(const open::OpenFile& self, const security::SecurityToken& token,
                              const NewNameRequest& request);

}  // namespace continuo::commands
