// The text format of the user database, version 1.
//
//   continuo-userdb 1
//   machine-sid S-1-5-21-1-2-3
//   next-rid 1003
//   group 1000 70000 administrators
//   user 1001 70001 70001 alice full=Alice%20Liddell groups=1000 changed=1700000000 hash=<hex>
//   user 1002 70002 70002 bob disabled expires=1800000000 pwexpires=1790000000
//   end 3 <32 hex digits>
//
// One record a line, fields parted by one space; in text fields every byte that is a space, '%',
// a control character or above 0x7E is %XX. `end` carries the number of records and the first 16
// bytes of the SHA-256 of everything before it: a file that was cut or damaged is refused as a
// whole, never read in part. Times are seconds since 1970. `hash` is the NT hash sealed with
// AES-256-GCM, bound to machine SID and RID, so that it cannot be moved to another user.
//
// A reader refuses a higher version and unknown words: an older program must not drop what it does
// not know.
//
// Threading: pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "common/base/clock.h"
#include "common/userdb/user_database.h"

namespace continuo::userdb {

inline constexpr size_t kUserFileMaxBytes = 64u << 20;

// Requires: key.size() == crypto::kSecretKeySizeBytes.
absl::StatusOr<std::string> EncodeUserFile(const UserDatabase& db, std::span<const uint8_t> key,
                                           base::RandomSource& random);

// Errors: DataLoss, naming the line, for anything but a complete file; FailedPrecondition when the
//         key does not open the hashes or the version is newer.
absl::StatusOr<UserDatabase> DecodeUserFile(std::string_view text, std::span<const uint8_t> key);

}  // namespace continuo::userdb
