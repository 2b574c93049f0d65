#include "services/auth-service/privileges/privilege_database.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <absl/strings/ascii.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/bytes/utf16.h"

namespace continuo::auth {

namespace {

absl::Status Bad(int line_number, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrFormat("privilege database, line %d: %s", line_number, std::string(what)));
}

absl::StatusOr<PrivilegeEntry> ParseLine(absl::string_view line, int line_number) {
  const size_t colon = line.find(':');
  if (colon == absl::string_view::npos) return Bad(line_number, "expected NAME: PRIVILEGE, ...");
  const std::string who(absl::StripAsciiWhitespace(line.substr(0, colon)));
  PrivilegeEntry entry;
  if (who.starts_with('*')) {
    const auto sid = security::Sid::Parse(std::string_view(who).substr(1));
    if (!sid) return Bad(line_number, "'" + who + "' is not a SID");
    entry.who = PrivilegeEntry::Who::kSid;
    entry.sid = *sid;
  } else {
    const bool is_group = who.starts_with('@');
    entry.who = is_group ? PrivilegeEntry::Who::kGroup : PrivilegeEntry::Who::kUser;
    entry.name = is_group ? who.substr(1) : who;
    if (entry.name.empty()) return Bad(line_number, "there is no name before the colon");
  }
  for (const absl::string_view part :
       absl::StrSplit(line.substr(colon + 1), absl::ByAnyChar(", \t"), absl::SkipEmpty())) {
    const auto privilege = security::PrivilegeFromName(base::ToStd(part));
    if (!privilege) return Bad(line_number, "'" + std::string(part) + "' is not a privilege");
    entry.privileges.set(static_cast<size_t>(*privilege));
  }
  return entry;
}

bool ContainsName(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [&](const std::string& candidate) {
    return bytes::EqualsIgnoringCase(candidate, name);
  });
}

}  // namespace

absl::StatusOr<PrivilegeDatabase> PrivilegeDatabase::Parse(std::string_view text) {
  PrivilegeDatabase db;
  int line_number = 0;
  for (const absl::string_view raw : absl::StrSplit(base::ToAbsl(text), '\n')) {
    ++line_number;
    const absl::string_view line = absl::StripAsciiWhitespace(raw.substr(0, raw.find('#')));
    if (line.empty()) continue;
    CONTINUO_ASSIGN_OR_RETURN(PrivilegeEntry entry, ParseLine(line, line_number));
    db.entries_.push_back(std::move(entry));
  }
  return db;
}

absl::StatusOr<PrivilegeDatabase> PrivilegeDatabase::Load(const std::string& path) {
  std::error_code error;
  if (path.empty() || !std::filesystem::exists(path, error)) return PrivilegeDatabase();
  if (std::filesystem::file_size(path, error) > kPrivilegeFileMaxBytes || error) {
    return absl::InvalidArgumentError(path + " cannot be read or is too large");
  }
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return absl::UnavailableError("cannot read " + path);
  return Parse(text.str());
}

security::Privileges PrivilegeDatabase::Of(std::string_view user_name,
                                           const security::Sid& user_sid,
                                           const std::vector<std::string>& group_names,
                                           const std::vector<security::Sid>& group_sids) const {
  security::Privileges held;
  for (const PrivilegeEntry& entry : entries_) {
    bool applies = false;
    switch (entry.who) {
      case PrivilegeEntry::Who::kUser:
        applies = bytes::EqualsIgnoringCase(entry.name, user_name);
        break;
      case PrivilegeEntry::Who::kGroup:
        applies = ContainsName(group_names, entry.name);
        break;
      case PrivilegeEntry::Who::kSid:
        applies = entry.sid == user_sid ||
                  std::find(group_sids.begin(), group_sids.end(), entry.sid) != group_sids.end();
        break;
    }
    if (applies) held |= entry.privileges;
  }
  return held;
}

}  // namespace continuo::auth
