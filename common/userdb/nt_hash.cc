#include "common/userdb/nt_hash.h"

#include "common/bytes/utf16.h"
#include "common/crypto/hash.h"

namespace continuo::userdb {

absl::StatusOr<NtHash> NtHashOfPassword(std::string_view password_utf8) {
  if (password_utf8.size() > kPasswordMaxBytes) {
    return absl::InvalidArgumentError("a password has at most 1024 bytes");
  }
  const auto utf16 = bytes::Utf8ToUtf16Le(password_utf8);
  if (!utf16) return absl::InvalidArgumentError("a password must be UTF-8 text");
  return crypto::Md4(*utf16);
}

}  // namespace continuo::userdb
