// Goal: the files of the database survive refusals, leftovers and foreign hands.
#include "common/userdb/user_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "common/crypto/random.h"

namespace continuo::userdb {
namespace {

namespace fs = std::filesystem;

struct Fixture {
  Fixture() {
    std::string pattern = (fs::temp_directory_path() / "continuo-userdb-XXXXXX").string();
    CONTINUO_CHECK(::mkdtemp(pattern.data()) != nullptr);
    directory = pattern;
  }
  ~Fixture() { fs::remove_all(directory); }
  UserStore Store() { return UserStore(directory / "users.db", random); }
  static unsigned ModeOf(const fs::path& path) {
    struct stat st {};
    CONTINUO_CHECK(::stat(path.c_str(), &st) == 0);
    return st.st_mode & 07777u;
  }

  crypto::SystemRandom random;
  fs::path directory;
};

NewUser Named(const std::string& name) {
  NewUser user;
  user.name = name;
  return user;
}

TEST_CASE_METHOD(Fixture, "user store: what was added is there for the next program",
                 "[unit][userdb]") {
  CHECK(absl::IsNotFound(Store().Load().status()));
  const auto added = Store().AddUser(Named("zz-alice"), "Secret-1", absl::FromUnixSeconds(5));
  REQUIRE(added.ok());
  const auto db = Store().Load();
  REQUIRE(db.ok());
  const UserRecord* user = db->FindUser("ZZ-ALICE");
  REQUIRE(user != nullptr);
  CHECK(user->nt_hash == *NtHashOfPassword("Secret-1"));
  CHECK(ModeOf(directory / "users.db") == 0600);
  CHECK(ModeOf(directory / "users.db.key") == 0600);
  CHECK(IsMachineSid(db->machine_sid()));
}

TEST_CASE_METHOD(Fixture, "user store: the machine SID stays through changes", "[unit][userdb]") {
  const auto first = Store().LoadOrCreate();
  REQUIRE(first.ok());
  REQUIRE(Store().AddUser(Named("zz-a"), "x", absl::UnixEpoch()).ok());
  CHECK(Store().Load()->machine_sid() == first->machine_sid());
}

TEST_CASE_METHOD(Fixture, "user store: a refused change does not touch the file",
                 "[unit][userdb]") {
  REQUIRE(Store().AddUser(Named("zz-a"), "x", absl::UnixEpoch()).ok());
  const FileStamp before = Store().Stamp();
  CHECK(absl::IsAlreadyExists(Store().AddUser(Named("zz-A"), "y", absl::UnixEpoch()).status()));
  CHECK(Store().Stamp() == before);
}

TEST_CASE_METHOD(Fixture, "user store: the leftover of a write that was cut off does no harm",
                 "[unit][userdb]") {
  REQUIRE(Store().AddUser(Named("zz-a"), "x", absl::UnixEpoch()).ok());
  std::ofstream(directory / "users.db.new") << "continuo-userdb 1\nhalf a";
  REQUIRE(Store().Load().ok());
  REQUIRE(Store().AddUser(Named("zz-b"), "x", absl::UnixEpoch()).ok());
  CHECK(Store().Load()->users().size() == 2);
}

TEST_CASE_METHOD(Fixture, "user store: a database without its key is refused, never re-keyed",
                 "[unit][userdb]") {
  REQUIRE(Store().AddUser(Named("zz-a"), "x", absl::UnixEpoch()).ok());
  fs::remove(directory / "users.db.key");
  CHECK_FALSE(Store().LoadOrCreate().ok());
  CHECK(absl::IsFailedPrecondition(
      Store().AddUser(Named("zz-b"), "x", absl::UnixEpoch()).status()));
  CHECK_FALSE(fs::exists(directory / "users.db.key"));
}

TEST_CASE_METHOD(Fixture, "user store: a key that others can read is refused", "[unit][userdb]") {
  REQUIRE(Store().AddUser(Named("zz-a"), "x", absl::UnixEpoch()).ok());
  ::chmod((directory / "users.db.key").c_str(), 0644);
  CHECK(absl::IsPermissionDenied(Store().Load().status()));
}

TEST_CASE_METHOD(Fixture, "user store: an import adds and updates in one change",
                 "[unit][userdb]") {
  REQUIRE(Store().AddUser(Named("zz-a"), "old", absl::UnixEpoch()).ok());
  const auto result = Store().ImportSmbpasswd(
      "zz-a:1000:XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX:A4F49C406510BDCAB6824EE7C30FD852:[U          ]:"
      "LCT-5F0A0000:\n"
      "zz-b:88001:XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX:A4F49C406510BDCAB6824EE7C30FD852:[DU         ]:"
      "LCT-00000000:\n");
  REQUIRE(result.ok());
  CHECK(result->added_count == 1);
  CHECK(result->updated_count == 1);
  const auto db = Store().Load();
  CHECK(db->FindUser("zz-a")->nt_hash == *NtHashOfPassword("Password"));
  CHECK(db->FindUser("zz-b")->is_disabled);
  CHECK(db->FindUser("zz-b")->uid == 88001);
}

}  // namespace
}  // namespace continuo::userdb
