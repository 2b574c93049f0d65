#include "common/userdb/smbpasswd.h"

#include <charconv>

#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>

#include "common/base/text.h"
#include "common/userdb/user_database.h"

namespace continuo::userdb {

namespace {

constexpr size_t kHashDigits = 32;

template <typename T>
bool Number(std::string_view text, int base, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

// False when the text is neither a hash nor one of the two ways to write none.
bool ParseHash(std::string_view text, std::optional<NtHash>& hash) {
  if (text.size() != kHashDigits) return false;
  if (text.starts_with("NO PASSWORD") || text.find_first_not_of('X') == std::string_view::npos) {
    return true;
  }
  NtHash bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (!Number(text.substr(2 * i, 2), 16, bytes[i])) return false;
  }
  hash = bytes;
  return true;
}

absl::Time ParseLastChange(std::string_view text) {
  constexpr std::string_view kWord = "LCT-";
  uint32_t seconds = 0;
  if (!text.starts_with(kWord) || !Number(text.substr(kWord.size()), 16, seconds)) {
    return absl::UnixEpoch();
  }
  return absl::FromUnixSeconds(seconds);
}

// Returns the reason for which the line is skipped; empty when it is taken.
std::string ParseLine(std::string_view line, SmbpasswdEntry& entry) {
  std::vector<std::string> fields = absl::StrSplit(base::ToAbsl(line), ':');
  if (fields.size() < 6) return "fewer than six fields";
  entry.name = fields[0];
  if (!CheckAccountName(entry.name).ok()) return "not a user name";
  if (!Number(fields[1], 10, entry.uid)) return "no uid";
  if (!ParseHash(fields[3], entry.nt_hash)) return "no NT hash";
  const std::string& flags = fields[4];
  if (flags.find_first_of("WSI") != std::string::npos) return "a machine or trust account";
  entry.is_disabled = flags.find('D') != std::string::npos;
  entry.last_change = ParseLastChange(fields[5]);
  return "";
}

}  // namespace

SmbpasswdFile ParseSmbpasswd(std::string_view text) {
  SmbpasswdFile file;
  int line_number = 0;
  for (const absl::string_view raw : absl::StrSplit(base::ToAbsl(text), '\n')) {
    ++line_number;
    std::string_view line = base::ToStd(raw);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    SmbpasswdEntry entry;
    const std::string reason = ParseLine(line, entry);
    if (!reason.empty()) {
      file.skipped.push_back(absl::StrFormat("line %d: %s", line_number, reason));
      continue;
    }
    file.entries.push_back(std::move(entry));
  }
  return file;
}

}  // namespace continuo::userdb
