// Goal: what was written is read back, and nothing damaged is ever read in part.
// Method: round trip, every prefix, every single-byte change, moved hashes.
#include "common/userdb/user_file_codec.h"

#include <catch2/catch.hpp>

#include "common/crypto/random.h"

namespace continuo::userdb {
namespace {

const Bytes kKey(32, 7);

UserDatabase MakeDatabase() {
  UserDatabase db = UserDatabase::Create(security::Sid(5, {21, 1, 2, 3}));
  NewUser user;
  user.name = "Zoë 100%";
  user.full_name = "Zoë of the Ünïcode";
  user.groups = {"staff", "administrators"};
  user.nt_hash = NtHash{1, 2, 3};
  user.last_change = absl::FromUnixSeconds(1'700'000'000);
  CONTINUO_CHECK(db.AddUser(user).ok());
  user = {};
  user.name = "bob";
  user.is_disabled = true;
  user.nt_hash = NtHash{9};
  CONTINUO_CHECK(db.AddUser(user).ok());
  UserChange change;
  change.account_expiry = absl::FromUnixSeconds(1'800'000'000);
  change.password_expiry = absl::FromUnixSeconds(1'790'000'000);
  CONTINUO_CHECK(db.UpdateUser("bob", change).ok());
  return db;
}

std::string Encode(const UserDatabase& db) {
  crypto::SystemRandom random;
  const auto text = EncodeUserFile(db, kKey, random);
  CONTINUO_CHECK(text.ok());
  return *text;
}

TEST_CASE("user file: what was written is read back", "[unit][userdb]") {
  const UserDatabase db = MakeDatabase();
  const auto read = DecodeUserFile(Encode(db), kKey);
  REQUIRE(read.ok());
  CHECK(*read == db);
}

TEST_CASE("user file: no hash appears in clear", "[unit][userdb]") {
  const std::string text = Encode(MakeDatabase());
  CHECK(text.find("01020300") == std::string::npos);
}

TEST_CASE("user file: every truncation is refused", "[unit][userdb]") {
  const std::string text = Encode(MakeDatabase());
  for (size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(DecodeUserFile(text.substr(0, size), kKey).ok());
  }
  CHECK_FALSE(DecodeUserFile(text + "x", kKey).ok());
}

TEST_CASE("user file: every changed byte is refused", "[unit][userdb]") {
  const std::string text = Encode(MakeDatabase());
  for (size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x01);
    CAPTURE(i);
    CHECK_FALSE(DecodeUserFile(damaged, kKey).ok());
  }
}

TEST_CASE("user file: another key is told apart from damage", "[unit][userdb]") {
  const Bytes other(32, 8);
  const auto read = DecodeUserFile(Encode(MakeDatabase()), other);
  CHECK(absl::IsFailedPrecondition(read.status()));
}

TEST_CASE("user file: a newer version is refused with its number", "[unit][userdb]") {
  const auto read = DecodeUserFile("continuo-userdb 2\n", kKey);
  CHECK(absl::IsFailedPrecondition(read.status()));
  CHECK(std::string(read.status().message()).find("version 2") != std::string::npos);
}

}  // namespace
}  // namespace continuo::userdb
