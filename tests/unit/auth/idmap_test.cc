// Goal: every kind of SID, name and id maps as the table of id_mapper.h says.
#include "services/auth-service/idmap/id_mapper.h"

#include <catch2/catch.hpp>

#include "services/auth-service/idmap/domain_ids.h"
#include "services/auth-service/idmap/sss_idmap.h"
#include "tests/unit/auth/auth_test_support.h"

namespace continuo::auth {
namespace {

using security::Sid;

class FakeNames final : public UnixNames {
 public:
  std::optional<std::string> UserName(uint32_t uid) const override {
    return uid == 33 ? std::optional<std::string>("www-data") : std::nullopt;
  }
  std::optional<std::string> GroupName(uint32_t gid) const override {
    return gid == 100 ? std::optional<std::string>("users") : std::nullopt;
  }
  std::optional<uint32_t> Uid(const std::string& name) const override {
    return name == "www-data" ? std::optional<uint32_t>(33) : std::nullopt;
  }
  std::optional<uint32_t> Gid(const std::string& name) const override {
    return name == "users" ? std::optional<uint32_t>(100) : std::nullopt;
  }
};

struct Fixture {
  FakeNames names;
  KnownDomains domains;
  testing::FakeDomainDirectory directory;
  IdMapper mapper{testing::MakeDirectory()->users, "TESTSRV", {names, domains, directory}};
  const Sid alice{5, {21, 1, 2, 3, 1000}};
};

TEST_CASE_METHOD(Fixture, "id map: a local user maps by name, SID and uid", "[unit][auth]") {
  CHECK(mapper.LookupName("ALICE").sid == alice);
  CHECK(mapper.LookupName("testsrv\\alice").sid == alice);
  CHECK(mapper.LookupName("alice@TESTSRV").sid == alice);
  CHECK_FALSE(mapper.LookupName("OTHER\\alice").sid.IsValid());
  const NamedSid named = mapper.LookupSid(alice);
  CHECK(named.name == "alice");
  CHECK(named.domain_name == "TESTSRV");
  CHECK(named.kind == NameKind::kUser);
  const UnixId id = mapper.ToUnixId(alice);
  CHECK(id.kind == UnixIdKind::kUid);
  CHECK(mapper.ToSid(id) == alice);
}

TEST_CASE_METHOD(Fixture, "id map: ids nobody owns have S-1-22 SIDs and back", "[unit][auth]") {
  CHECK(mapper.ToSid({UnixIdKind::kUid, 33}) == Sid(22, {1, 33}));
  CHECK(mapper.ToSid({UnixIdKind::kGid, 100}) == Sid(22, {2, 100}));
  CHECK(mapper.ToUnixId(Sid(22, {2, 100})) == UnixId{UnixIdKind::kGid, 100});
  CHECK(mapper.LookupSid(Sid(22, {1, 33})).name == "www-data");
  CHECK(mapper.LookupSid(Sid(22, {1, 4242})).name == "4242");
  CHECK(mapper.LookupName("www-data").sid == Sid(22, {1, 33}));
}

TEST_CASE_METHOD(Fixture, "id map: well-known names and SIDs", "[unit][auth][MS-DTYP:2.4.2.4]") {
  CHECK(mapper.LookupName("BUILTIN\\administrators").sid == security::kBuiltinAdministratorsSid);
  CHECK(mapper.LookupName("Everyone").sid == security::kEveryoneSid);
  CHECK(mapper.LookupSid(security::kSystemSid).name == "SYSTEM");
  CHECK(mapper.ToUnixId(security::kEveryoneSid).kind == UnixIdKind::kNone);
}

TEST_CASE_METHOD(Fixture, "id map: what nobody knows is an answer", "[unit][auth]") {
  CHECK(mapper.LookupSid(Sid(5, {21, 1, 2, 3, 9999})).kind == NameKind::kUnknown);
  CHECK(mapper.LookupSid(Sid(5, {21, 9, 9, 9, 1})).kind == NameKind::kUnknown);
  CHECK(mapper.LookupName("nobody-here").kind == NameKind::kUnknown);
}

TEST_CASE_METHOD(Fixture, "id map: a domain that a KDC named gives its ids their SIDs",
                 "[unit][auth]") {
  const Sid domain(5, {21, 111, 222, 333});
  const Sid domain_alice = *domain.WithRid(1105);
  const uint32_t id = *SssIdOfSid(domain_alice);
  CHECK(mapper.ToSid({UnixIdKind::kUid, id}) == security::UnixUserSid(id));
  domains.LearnUser("CORP", "Alice", domain_alice);
  CHECK(mapper.ToSid({UnixIdKind::kUid, id}) == domain_alice);
  CHECK(mapper.ToSid({UnixIdKind::kGid, id + 1}) == *domain.WithRid(1106));
  CHECK(mapper.LookupSid(domain_alice).name == "Alice");
  CHECK(mapper.LookupSid(domain_alice).domain_name == "CORP");
  CHECK(mapper.LookupName("corp\\ALICE").sid == domain_alice);
  CHECK(mapper.LookupName("alice@corp").sid == domain_alice);
  // Nobody of that RID has logged on.
  CHECK(mapper.LookupSid(*domain.WithRid(1106)).kind == NameKind::kUnknown);
  CHECK(mapper.LookupSid(domain).kind == NameKind::kDomain);
}

TEST_CASE("known domains: the first domain of a slice keeps it, and a PAC of another form teaches none",
          "[unit][auth]") {
  KnownDomains domains;
  domains.LearnUser("CORP", "a", Sid(5, {21, 1, 2, 3, 1000}));
  CHECK(domains.revision() == 1);
  domains.LearnUser("CORP", "b", Sid(5, {21, 1, 2, 3, 1001}));
  domains.LearnUser("OTHER", "b", Sid(5, {32, 544}));
  domains.LearnUser("OTHER", "c", security::kSystemSid);
  CHECK(domains.revision() == 1);
  CHECK(domains.domains().size() == 1);
  // Another domain under a name that is taken does not replace it.
  domains.LearnDomain("corp", Sid(5, {21, 7, 8, 9}));
  CHECK(domains.domains().at("CORP") == Sid(5, {21, 1, 2, 3}));
}

TEST_CASE("known domains: a user who was renamed is found by the new name only", "[unit][auth]") {
  KnownDomains domains;
  const Sid sid(5, {21, 1, 2, 3, 1000});
  domains.LearnUser("CORP", "old", sid);
  domains.LearnUser("CORP", "new", sid);
  CHECK_FALSE(domains.FindName("CORP", "old"));
  CHECK(domains.FindName("CORP", "new")->sid == sid);
  CHECK(domains.FindSid(sid)->name == "new");
}

TEST_CASE_METHOD(Fixture, "id map: SSSD knows the names of those who have not logged on",
                 "[unit][auth]") {
  const Sid staff(5, {21, 111, 222, 333, 1200});
  directory.names = {{staff, "corp.test", "helpdesk", NameKind::kGroup}};
  CHECK(mapper.LookupSid(staff).name == "helpdesk");
  CHECK(mapper.LookupName("helpdesk@corp.test").sid == staff);
  CHECK(mapper.LookupName("corp.test\\helpdesk").kind == NameKind::kGroup);
  // Without its domain a name is this server's own, or nobody's.
  CHECK(mapper.LookupName("helpdesk").kind == NameKind::kUnknown);
  CHECK(mapper.LookupSid(security::kEveryoneSid).name == "Everyone");
}

TEST_CASE_METHOD(Fixture, "domain ids: one answer like the algorithm's stands for the domain",
                 "[unit][auth]") {
  const Sid user(5, {21, 111, 222, 333, 1105});
  const Sid group(5, {21, 111, 222, 333, 1200});
  directory.ids = {{user, *SssIdOfSid(user)}};
  DomainIds ids(directory, domains, user);
  CHECK(ids.IdOf(user) == SssIdOfSid(user));
  CHECK(ids.IdOf(group) == SssIdOfSid(group));
  CHECK(directory.question_count == 1);
}

TEST_CASE_METHOD(Fixture, "domain ids: where SSSD maps otherwise its word counts, and is known both ways",
                 "[unit][auth]") {
  const Sid user(5, {21, 111, 222, 333, 1105});
  const Sid group(5, {21, 111, 222, 333, 1200});
  const Sid unknown(5, {21, 111, 222, 333, 1300});
  directory.ids = {{user, 5001}, {group, 6001}};
  DomainIds ids(directory, domains, user);
  CHECK(ids.IdOf(user) == 5001);
  CHECK(ids.IdOf(group) == 6001);
  CHECK(ids.IdOf(unknown) == SssIdOfSid(unknown));
  CHECK(mapper.ToSid({UnixIdKind::kUid, 5001}) == user);
  CHECK(mapper.ToUnixId(group) == UnixId{UnixIdKind::kBoth, 6001});
  // The id moves to another account.
  domains.LearnId(group, 5001);
  CHECK(mapper.ToSid({UnixIdKind::kUid, 5001}) == group);
  CHECK(mapper.ToUnixId(user) == UnixId{UnixIdKind::kBoth, *SssIdOfSid(user)});
}

TEST_CASE_METHOD(Fixture, "domain ids: without SSSD the algorithm decides", "[unit][auth]") {
  const Sid user(5, {21, 111, 222, 333, 1105});
  DomainIds ids(directory, domains, user);
  CHECK(ids.IdOf(user) == SssIdOfSid(user));
  CHECK_FALSE(ids.IdOf(security::kBuiltinUsersSid));
}

TEST_CASE("id map: MurmurHash3 agrees with the author's vectors", "[unit][auth]") {
  CHECK(MurmurHash3({}, 0) == 0);
  CHECK(MurmurHash3({}, 1) == 0x514E28B7);
  const Bytes text = {'H', 'e', 'l', 'l', 'o', ',', ' ', 'w', 'o', 'r', 'l', 'd', '!'};
  CHECK(MurmurHash3(text, 1234) == 0xFAF6CDB3);
}

TEST_CASE("id map: a domain SID gets an id in its slice and back", "[unit][auth]") {
  const Sid domain(5, {21, 111, 222, 333});
  const auto id = SssIdOfSid(*domain.WithRid(1105));
  REQUIRE(id);
  CHECK(*id % kSssSliceSize == 1105);
  CHECK(SssSidOfId(domain, *id) == domain.WithRid(1105));
  CHECK_FALSE(SssIdOfSid(*domain.WithRid(kSssSliceSize)));
  CHECK_FALSE(SssIdOfSid(security::kBuiltinUsersSid));
}

}  // namespace
}  // namespace continuo::auth
