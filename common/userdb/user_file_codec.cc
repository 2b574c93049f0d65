#include "common/userdb/user_file_codec.h"

#include <algorithm>
#include <charconv>

#include <absl/strings/escaping.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/crypto/aead.h"
#include "common/crypto/hash.h"

namespace continuo::userdb {

namespace {

constexpr std::string_view kMagic = "continuo-userdb ";
constexpr uint32_t kVersion = 1;

std::span<const uint8_t> AsBytes(std::string_view text) {
  // Characters are bytes; the only cast of this file.
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string Hex(std::span<const uint8_t> data) {
  std::string out;
  for (const uint8_t byte : data) absl::StrAppendFormat(&out, "%02x", byte);
  return out;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<Bytes> FromHex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  Bytes out;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = HexDigit(text[i]);
    const int low = HexDigit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<uint8_t>(high * 16 + low));
  }
  return out;
}

std::string Escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte > 0x7E || c == '%') {
      absl::StrAppendFormat(&out, "%%%02X", byte);
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::optional<std::string> Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (text.size() - i < 3) return std::nullopt;
    const int high = HexDigit(text[i + 1]);
    const int low = HexDigit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

template <typename T>
std::optional<T> Number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Bytes HashContext(const security::Sid& machine_sid, uint32_t rid) {
  const std::string text =
      absl::StrFormat("continuo-userdb 1 %s %d", machine_sid.ToString(), rid);
  return Bytes(text.begin(), text.end());
}

std::string Checksum(std::string_view body) {
  return Hex(std::span<const uint8_t>(crypto::Sha256({AsBytes(body)})).first(16));
}

absl::StatusOr<std::string> EncodeUser(const UserRecord& user, const security::Sid& machine_sid,
                                       std::span<const uint8_t> key, base::RandomSource& random) {
  std::string line =
      absl::StrFormat("user %d %d %d %s", user.rid, user.uid, user.gid, Escape(user.name));
  if (!user.full_name.empty()) line += " full=" + Escape(user.full_name);
  if (user.is_disabled) line += " disabled";
  for (size_t i = 0; i < user.group_rids.size(); ++i) {
    absl::StrAppendFormat(&line, "%s%d", i == 0 ? " groups=" : ",", user.group_rids[i]);
  }
  absl::StrAppendFormat(&line, " changed=%d", absl::ToUnixSeconds(user.last_change));
  if (user.account_expiry != absl::InfiniteFuture()) {
    absl::StrAppendFormat(&line, " expires=%d", absl::ToUnixSeconds(user.account_expiry));
  }
  if (user.password_expiry != absl::InfiniteFuture()) {
    absl::StrAppendFormat(&line, " pwexpires=%d", absl::ToUnixSeconds(user.password_expiry));
  }
  if (user.nt_hash) {
    CONTINUO_ASSIGN_OR_RETURN(
        const Bytes sealed,
        crypto::SealSecret(key, HashContext(machine_sid, user.rid), *user.nt_hash, random));
    line += " hash=" + Hex(sealed);
  }
  return line + "\n";
}

// Reads one file; the members are what has been read so far.
class Decoder {
 public:
  Decoder(std::string_view text, std::span<const uint8_t> key) : text_(text), key_(key) {}

  absl::StatusOr<UserDatabase> Run() {
    CONTINUO_RETURN_IF_ERROR(Header());
    while (!ended_) {
      CONTINUO_RETURN_IF_ERROR(Line());
    }
    if (!rest().empty()) return Damaged("something follows the end record");
    auto db = UserDatabase::Restore(machine_sid_, next_rid_, groups_, users_);
    if (!db.ok()) {
      return absl::DataLossError(absl::StrFormat("user database: %s",
                                                 std::string(base::ToStd(db.status().message()))));
    }
    return db;
  }

 private:
  std::string_view rest() const { return text_.substr(position_); }

  absl::Status Damaged(std::string_view what) const {
    return absl::DataLossError(
        absl::StrFormat("user database, line %d: %s", line_number_, std::string(what)));
  }

  std::optional<std::string_view> NextLine() {
    const size_t end = text_.find('\n', position_);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view line = text_.substr(position_, end - position_);
    line_start_ = position_;
    position_ = end + 1;
    ++line_number_;
    return line;
  }

  absl::Status Header() {
    if (text_.size() > kUserFileMaxBytes) return Damaged("the file is too large");
    const auto magic = NextLine();
    if (!magic || !magic->starts_with(kMagic)) return Damaged("this is not a user database");
    const auto version = Number<uint32_t>(magic->substr(kMagic.size()));
    if (!version) return Damaged("bad version");
    if (*version != kVersion) {
      return absl::FailedPreconditionError(
          absl::StrFormat("the user database has version %d, this program reads 1", *version));
    }
    const auto sid_line = NextLine();
    constexpr std::string_view kSidWord = "machine-sid ";
    if (!sid_line || !sid_line->starts_with(kSidWord)) return Damaged("machine-sid is missing");
    const auto sid = security::Sid::Parse(sid_line->substr(kSidWord.size()));
    if (!sid || !IsMachineSid(*sid)) return Damaged("bad machine-sid");
    machine_sid_ = *sid;
    const auto rid_line = NextLine();
    constexpr std::string_view kRidWord = "next-rid ";
    if (!rid_line || !rid_line->starts_with(kRidWord)) return Damaged("next-rid is missing");
    const auto rid = Number<uint32_t>(rid_line->substr(kRidWord.size()));
    if (!rid || *rid < kFirstRid) return Damaged("bad next-rid");
    next_rid_ = *rid;
    return absl::OkStatus();
  }

  absl::Status Line() {
    const auto line = NextLine();
    if (!line) return Damaged("the file ends without an end record");
    const std::vector<absl::string_view> split = absl::StrSplit(base::ToAbsl(*line), ' ');
    std::vector<std::string_view> fields;
    for (const absl::string_view field : split) fields.push_back(base::ToStd(field));
    if (fields[0] == "group") return Group(fields);
    if (fields[0] == "user") return User(fields);
    if (fields[0] == "end") return End(fields);
    return Damaged("unknown record");
  }

  absl::Status Group(const std::vector<std::string_view>& fields) {
    if (fields.size() != 4) return Damaged("a group has three fields");
    const auto rid = Number<uint32_t>(fields[1]);
    const auto gid = Number<uint32_t>(fields[2]);
    const auto name = Unescape(fields[3]);
    if (!rid || !gid || !name) return Damaged("bad group");
    if (groups_.size() >= kGroupsMax) return Damaged("too many groups");
    groups_.push_back({.rid = *rid, .gid = *gid, .name = *name});
    return absl::OkStatus();
  }

  absl::Status User(const std::vector<std::string_view>& fields) {
    if (fields.size() < 5) return Damaged("a user has at least four fields");
    const auto rid = Number<uint32_t>(fields[1]);
    const auto uid = Number<uint32_t>(fields[2]);
    const auto gid = Number<uint32_t>(fields[3]);
    const auto name = Unescape(fields[4]);
    if (!rid || !uid || !gid || !name) return Damaged("bad user");
    if (users_.size() >= kUsersMax) return Damaged("too many users");
    UserRecord user;
    user.rid = *rid;
    user.uid = *uid;
    user.gid = *gid;
    user.name = *name;
    for (size_t i = 5; i < fields.size(); ++i) {
      CONTINUO_RETURN_IF_ERROR(UserField(fields[i], user));
    }
    users_.push_back(std::move(user));
    return absl::OkStatus();
  }

  absl::Status UserField(std::string_view field, UserRecord& user) {
    if (field == "disabled") {
      user.is_disabled = true;
      return absl::OkStatus();
    }
    const size_t equals = field.find('=');
    if (equals == std::string_view::npos) return Damaged("unknown user field");
    const std::string_view word = field.substr(0, equals);
    const std::string_view value = field.substr(equals + 1);
    if (word == "full") {
      const auto full_name = Unescape(value);
      if (!full_name) return Damaged("bad full name");
      user.full_name = *full_name;
      return absl::OkStatus();
    }
    if (word == "groups") return GroupList(value, user);
    if (word == "hash") return Hash(value, user);
    const auto seconds = Number<int64_t>(value);
    if (!seconds) return Damaged("bad time");
    const absl::Time time = absl::FromUnixSeconds(*seconds);
    if (word == "changed") {
      user.last_change = time;
    } else if (word == "expires") {
      user.account_expiry = time;
    } else if (word == "pwexpires") {
      user.password_expiry = time;
    } else {
      return Damaged("unknown user field");
    }
    return absl::OkStatus();
  }

  absl::Status GroupList(std::string_view value, UserRecord& user) {
    for (const absl::string_view part : absl::StrSplit(base::ToAbsl(value), ',')) {
      const auto rid = Number<uint32_t>(base::ToStd(part));
      if (!rid || user.group_rids.size() >= kGroupsPerUserMax) return Damaged("bad groups");
      user.group_rids.push_back(*rid);
    }
    if (!std::is_sorted(user.group_rids.begin(), user.group_rids.end())) {
      return Damaged("groups are not in order");
    }
    return absl::OkStatus();
  }

  absl::Status Hash(std::string_view value, UserRecord& user) {
    const auto sealed = FromHex(value);
    if (!sealed) return Damaged("bad hash");
    const auto plain = crypto::OpenSecret(key_, HashContext(machine_sid_, user.rid), *sealed);
    if (!plain.ok() || plain->size() != NtHash{}.size()) {
      return absl::FailedPreconditionError(absl::StrFormat(
          "user database, line %d: the key file does not open the password of this user",
          line_number_));
    }
    NtHash hash{};
    std::copy(plain->begin(), plain->end(), hash.begin());
    user.nt_hash = hash;
    return absl::OkStatus();
  }

  absl::Status End(const std::vector<std::string_view>& fields) {
    if (fields.size() != 3) return Damaged("bad end record");
    const auto count = Number<size_t>(fields[1]);
    if (!count || *count != groups_.size() + users_.size()) {
      return Damaged("records are missing or doubled");
    }
    if (fields[2] != Checksum(text_.substr(0, line_start_))) return Damaged("the checksum differs");
    ended_ = true;
    return absl::OkStatus();
  }

  const std::string_view text_;
  const std::span<const uint8_t> key_;
  size_t position_ = 0;
  size_t line_start_ = 0;
  int line_number_ = 0;
  bool ended_ = false;
  security::Sid machine_sid_;
  uint32_t next_rid_ = 0;
  std::vector<GroupRecord> groups_;
  std::vector<UserRecord> users_;
};

}  // namespace

absl::StatusOr<std::string> EncodeUserFile(const UserDatabase& db, std::span<const uint8_t> key,
                                           base::RandomSource& random) {
  std::string text = absl::StrFormat("%s%d\nmachine-sid %s\nnext-rid %d\n", std::string(kMagic),
                                     kVersion, db.machine_sid().ToString(), db.next_rid());
  for (const auto& [key_name, group] : db.groups()) {
    absl::StrAppendFormat(&text, "group %d %d %s\n", group.rid, group.gid, Escape(group.name));
  }
  for (const auto& [key_name, user] : db.users()) {
    CONTINUO_ASSIGN_OR_RETURN(const std::string line,
                              EncodeUser(user, db.machine_sid(), key, random));
    text += line;
  }
  const size_t count = db.groups().size() + db.users().size();
  const std::string checksum = Checksum(text);
  absl::StrAppendFormat(&text, "end %d %s\n", count, checksum);
  return text;
}

absl::StatusOr<UserDatabase> DecodeUserFile(std::string_view text, std::span<const uint8_t> key) {
  return Decoder(text, key).Run();
}

}  // namespace continuo::userdb
