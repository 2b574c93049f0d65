// Goal: the rules by which users and groups change, each with its refusals.
#include "common/userdb/user_database.h"

#include <catch2/catch.hpp>

namespace continuo::userdb {
namespace {

UserDatabase MakeDatabase() { return UserDatabase::Create(security::Sid(5, {21, 1, 2, 3})); }

NewUser Named(const std::string& name) {
  NewUser user;
  user.name = name;
  return user;
}

TEST_CASE("user database: names are found without regard to case", "[unit][userdb]") {
  UserDatabase db = MakeDatabase();
  REQUIRE(db.AddUser(Named("Alice")).ok());
  REQUIRE(db.FindUser("aLICE") != nullptr);
  CHECK(db.FindUser("alice")->name == "Alice");
  CHECK(absl::IsAlreadyExists(db.AddUser(Named("ALICE")).status()));
}

TEST_CASE("user database: each user gets a RID and a uid of its own", "[unit][userdb]") {
  UserDatabase db = MakeDatabase();
  const auto a = db.AddUser(Named("a"));
  const auto b = db.AddUser(Named("b"));
  REQUIRE(a.ok());
  REQUIRE(b.ok());
  CHECK(a->rid == kFirstRid);
  CHECK(b->rid == kFirstRid + 1);
  CHECK(a->uid == kFirstUnixId);
  CHECK(b->uid == kFirstUnixId + 1);
  CHECK(a->gid == a->uid);
  CHECK(db.FindUserByUid(b->uid)->name == "b");
}

TEST_CASE("user database: a RID is never given twice", "[unit][userdb]") {
  UserDatabase db = MakeDatabase();
  const auto a = db.AddUser(Named("a"));
  REQUIRE(a.ok());
  REQUIRE(db.DeleteUser("A").ok());
  CHECK(db.FindUserByRid(a->rid) == nullptr);
  const auto again = db.AddUser(Named("a"));
  REQUIRE(again.ok());
  CHECK(again->rid > a->rid);
}

TEST_CASE("user database: a refused change leaves everything as it was", "[unit][userdb]") {
  UserDatabase db = MakeDatabase();
  REQUIRE(db.AddUser(Named("a")).ok());
  const UserDatabase before = db;
  NewUser user = Named("b");
  user.groups = {"fresh", "bad/name"};
  CHECK(absl::IsInvalidArgument(db.AddUser(user).status()));
  CHECK(db == before);
  user.groups = {};
  user.uid = kFirstUnixId;
  CHECK(absl::IsAlreadyExists(db.AddUser(user).status()));
  CHECK(db == before);
  UserChange change;
  change.is_disabled = true;
  change.remove_groups = {"nobody-knows"};
  CHECK(absl::IsNotFound(db.UpdateUser("a", change)));
  CHECK(db == before);
}

TEST_CASE("user database: groups are made when first named and left on request",
          "[unit][userdb]") {
  UserDatabase db = MakeDatabase();
  NewUser user = Named("a");
  user.groups = {"staff", "administrators"};
  REQUIRE(db.AddUser(user).ok());
  CHECK(db.GroupNamesOf(*db.FindUser("a")).size() == 2);
  UserChange change;
  change.remove_groups = {"STAFF"};
  REQUIRE(db.UpdateUser("a", change).ok());
  CHECK(db.GroupNamesOf(*db.FindUser("a")) == std::vector<std::string>{"administrators"});
}

TEST_CASE("user database: names that SMB cannot carry are refused", "[unit][userdb]") {
  const std::string name = GENERATE(as<std::string>{}, "", "a/b", "a\\b", "a@b", "tab\t", " lead",
                                    "trail ", "dot.", "\xff\xfe");
  CAPTURE(name);
  CHECK(absl::IsInvalidArgument(CheckAccountName(name)));
}

TEST_CASE("user database: a new password ends an expiry that has passed", "[unit][userdb]") {
  UserDatabase db = MakeDatabase();
  REQUIRE(db.AddUser(Named("a")).ok());
  UserChange change;
  change.password_expiry = absl::FromUnixSeconds(100);
  REQUIRE(db.UpdateUser("a", change).ok());
  REQUIRE(db.SetPassword("a", NtHash{1}, absl::FromUnixSeconds(200)).ok());
  CHECK(db.FindUser("a")->password_expiry == absl::InfiniteFuture());
  CHECK(db.FindUser("a")->last_change == absl::FromUnixSeconds(200));
}

}  // namespace
}  // namespace continuo::userdb
