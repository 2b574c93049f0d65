// Reads the smbpasswd format that `pdbedit -Lw` prints:
//
//   alice:1001:XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX:8846F7EAEE8FB117AD06BDD830B7586C:[U          ]:LCT-5F0A0000:
//
// Threading: pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/time/time.h>

#include "common/userdb/nt_hash.h"

namespace continuo::userdb {

struct SmbpasswdEntry {
  std::string name;
  uint32_t uid = 0;
  std::optional<NtHash> nt_hash;  // Absent for NO PASSWORD and X…X.
  bool is_disabled = false;       // Flag D.
  absl::Time last_change = absl::UnixEpoch();
};

struct SmbpasswdFile {
  std::vector<SmbpasswdEntry> entries;
  std::vector<std::string> skipped;  // "line 3: ..." with the reason; never file content.
};

// Comments, empty lines, machine and trust accounts (flags W, S, I) are left out.
SmbpasswdFile ParseSmbpasswd(std::string_view text);

}  // namespace continuo::userdb
