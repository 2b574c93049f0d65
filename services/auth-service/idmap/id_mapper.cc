#include "services/auth-service/idmap/id_mapper.h"

#include <grp.h>
#include <pwd.h>

#include <vector>

#include <absl/strings/str_format.h>

#include "common/bytes/utf16.h"
#include "services/auth-service/idmap/sss_idmap.h"

namespace continuo::auth {

namespace {

using security::Sid;

constexpr std::string_view kUnixUser = "Unix User";
constexpr std::string_view kUnixGroup = "Unix Group";
constexpr uint32_t kRidNone = 513;  // The primary group of all local users.
constexpr size_t kNssBufferBytes = 64u << 10;

class NssUnixNames final : public UnixNames {
 public:
  std::optional<std::string> UserName(uint32_t uid) const override {
    std::vector<char> buffer(kNssBufferBytes);
    struct passwd entry {};
    struct passwd* found = nullptr;
    ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr) return std::nullopt;
    return std::string(found->pw_name);
  }
  std::optional<std::string> GroupName(uint32_t gid) const override {
    std::vector<char> buffer(kNssBufferBytes);
    struct group entry {};
    struct group* found = nullptr;
    ::getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr) return std::nullopt;
    return std::string(found->gr_name);
  }
  std::optional<uint32_t> Uid(const std::string& name) const override {
    std::vector<char> buffer(kNssBufferBytes);
    struct passwd entry {};
    struct passwd* found = nullptr;
    ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr) return std::nullopt;
    return found->pw_uid;
  }
  std::optional<uint32_t> Gid(const std::string& name) const override {
    std::vector<char> buffer(kNssBufferBytes);
    struct group entry {};
    struct group* found = nullptr;
    ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr) return std::nullopt;
    return found->gr_gid;
  }
};

struct SplitName {
  std::string domain;
  std::string name;
};

SplitName Split(std::string_view text) {
  if (const size_t slash = text.find('\\'); slash != std::string_view::npos) {
    return {std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
  }
  if (const size_t at = text.rfind('@'); at != std::string_view::npos) {
    return {std::string(text.substr(at + 1)), std::string(text.substr(0, at))};
  }
  return {"", std::string(text)};
}

}  // namespace

std::unique_ptr<UnixNames> MakeNssUnixNames() { return std::make_unique<NssUnixNames>(); }

IdMapper::IdMapper(std::shared_ptr<const userdb::UserDatabase> users, std::string server_name,
                   const Sources& sources)
    : users_(std::move(users)),
      server_name_(std::move(server_name)),
      unix_names_(sources.unix_names),
      domains_(sources.domains),
      directory_(sources.directory) {}

NamedSid IdMapper::LookupLocalRid(const Sid& sid) const {
  const uint32_t rid = *sid.rid();
  if (const userdb::UserRecord* user = users_->FindUserByRid(rid)) {
    return {sid, server_name_, user->name, NameKind::kUser};
  }
  if (const userdb::GroupRecord* group = users_->FindGroupByRid(rid)) {
    return {sid, server_name_, group->name, NameKind::kAlias};
  }
  if (rid == kRidNone) return {sid, server_name_, "None", NameKind::kGroup};
  return {sid, server_name_, "", NameKind::kUnknown};
}

NamedSid IdMapper::LookupSid(const Sid& sid) const {
  if (const auto known = FindWellKnown(sid)) return *known;
  const Sid& machine = users_->machine_sid();
  if (sid == machine) return {sid, server_name_, server_name_, NameKind::kDomain};
  if (machine.IsValid() && sid.IsInDomain(machine)) return LookupLocalRid(sid);
  if (const auto uid = security::UidOfUnixSid(sid)) {
    const auto name = unix_names_.UserName(*uid);
    return {sid, std::string(kUnixUser), name.value_or(absl::StrFormat("%d", *uid)),
            NameKind::kUser};
  }
  if (const auto gid = security::GidOfUnixSid(sid)) {
    const auto name = unix_names_.GroupName(*gid);
    return {sid, std::string(kUnixGroup), name.value_or(absl::StrFormat("%d", *gid)),
            NameKind::kGroup};
  }
  const NamedSid seen = domains_.FindSid(sid).value_or(NamedSid{sid, "", "", NameKind::kUnknown});
  if (seen.kind != NameKind::kUnknown || !SssIdOfSid(sid)) return seen;
  return directory_.FindSid(sid).value_or(seen);
}

NamedSid IdMapper::LookupName(std::string_view text) const {
  if (const auto sid = Sid::Parse(text)) return LookupSid(*sid);
  const auto [domain, name] = Split(text);
  const bool is_here = domain.empty() || bytes::EqualsIgnoringCase(domain, server_name_);
  const Sid& machine = users_->machine_sid();
  if (is_here && machine.IsValid()) {
    if (const userdb::UserRecord* user = users_->FindUser(name)) {
      return LookupSid(*machine.WithRid(user->rid));
    }
    if (const userdb::GroupRecord* group = users_->FindGroup(name)) {
      return LookupSid(*machine.WithRid(group->rid));
    }
    if (domain.empty() && bytes::EqualsIgnoringCase(name, server_name_)) return LookupSid(machine);
  }
  if (const auto known = FindWellKnown(domain, name)) return *known;
  if (const auto known = domains_.FindName(domain, name)) return *known;
  if (!domain.empty() && !bytes::EqualsIgnoringCase(domain, kUnixUser) &&
      !bytes::EqualsIgnoringCase(domain, kUnixGroup)) {
    if (const auto found = directory_.FindName(domain, name)) return *found;
  }
  if (domain.empty() || bytes::EqualsIgnoringCase(domain, kUnixUser)) {
    if (const auto uid = unix_names_.Uid(name)) return LookupSid(security::UnixUserSid(*uid));
  }
  if (domain.empty() || bytes::EqualsIgnoringCase(domain, kUnixGroup)) {
    if (const auto gid = unix_names_.Gid(name)) return LookupSid(security::UnixGroupSid(*gid));
  }
  return {Sid(), domain, name, NameKind::kUnknown};
}

UnixId IdMapper::ToUnixId(const Sid& sid) const {
  const Sid& machine = users_->machine_sid();
  if (machine.IsValid() && sid.IsInDomain(machine)) {
    if (const auto* user = users_->FindUserByRid(*sid.rid())) {
      return {UnixIdKind::kUid, user->uid};
    }
    if (const auto* group = users_->FindGroupByRid(*sid.rid())) {
      return {UnixIdKind::kGid, group->gid};
    }
    return {};
  }
  if (const auto uid = security::UidOfUnixSid(sid)) return {UnixIdKind::kUid, *uid};
  if (const auto gid = security::GidOfUnixSid(sid)) return {UnixIdKind::kGid, *gid};
  if (const auto id = domains_.LearnedId(sid)) return {UnixIdKind::kBoth, *id};
  // Whether a domain SID is a user or a group is not in it; SSSD gives both the same number.
  if (const auto id = SssIdOfSid(sid)) return {UnixIdKind::kBoth, *id};
  return {};
}

Sid IdMapper::ToSid(UnixId id) const {
  const Sid& machine = users_->machine_sid();
  if (id.kind == UnixIdKind::kGid) {
    const auto* group = users_->FindGroupByGid(id.id);
    if (group != nullptr && machine.IsValid()) return *machine.WithRid(group->rid);
    return domains_.SidOfId(id.id).value_or(security::UnixGroupSid(id.id));
  }
  const auto* user = users_->FindUserByUid(id.id);
  if (user != nullptr && machine.IsValid()) return *machine.WithRid(user->rid);
  return domains_.SidOfId(id.id).value_or(security::UnixUserSid(id.id));
}

}  // namespace continuo::auth
