// Goal: while auth-service does not run, users are changed in the file that tsmb.conf names.
#include <catch2/catch.hpp>

#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "tools/continuoctl/user_backend.h"

namespace continuo::ctl {
namespace {

struct OfflineNode {
  std::string directory = "/tmp/ctlXXXXXX";
  Context context;

  OfflineNode() {
    REQUIRE(mkdtemp(directory.data()) != nullptr);
    context.run_dir = directory;
    context.config_path = directory + "/tsmb.conf";
    Write("[global]\nuserdb_file = " + directory + "/users.db\n[/global]\n");
  }
  ~OfflineNode() { std::filesystem::remove_all(directory); }
  void Write(const std::string& text) const { std::ofstream(context.config_path) << text; }
};

TEST_CASE("users: the file takes additions, changes and deletions", "[unit][continuoctl]") {
  OfflineNode node;
  auto backend = OpenUserBackend(node.context);
  REQUIRE(backend.ok());
  CHECK((*backend)->ListUsers()->users().empty());

  auth_pb::AddUserRequest add;
  add.set_name("alice");
  add.set_password("secret");
  add.set_uid(4711);
  add.add_groups("staff");
  const auto added = (*backend)->AddUser(add);
  REQUIRE(added.ok());
  CHECK(added->error().empty());
  CHECK(added->user().uid() == 4711);
  CHECK((*backend)->AddUser(add)->error() == "user alice already exists");

  auth_pb::UpdateUserRequest disable;
  disable.set_name("ALICE");
  disable.set_is_disabled(true);
  CHECK((*backend)->UpdateUser(disable)->error().empty());
  const auto listed = (*backend)->ListUsers();
  REQUIRE(listed.ok());
  REQUIRE(listed->users_size() == 1);
  CHECK(listed->users(0).is_disabled());
  CHECK(listed->users(0).has_password());
  CHECK(listed->users(0).groups(0) == "staff");
  CHECK(listed->users(0).sid().starts_with("S-1-5-21-"));

  auth_pb::DeleteUserRequest del;
  del.set_name("alice");
  CHECK((*backend)->DeleteUser(del)->error().empty());
  CHECK_FALSE((*backend)->DeleteUser(del)->error().empty());
}

TEST_CASE("users: a bad configuration is no reason to guess a file", "[unit][continuoctl]") {
  OfflineNode node;
  node.Write("[global]\nuserdb_fiel = /x\n[/global]\n");
  CHECK(absl::IsFailedPrecondition(OpenUserBackend(node.context).status()));
  node.Write("[global]\nuserdb_type = ad\ndomain = x\n[/global]\n");
  CHECK(absl::IsFailedPrecondition(OpenUserBackend(node.context).status()));
}

}  // namespace
}  // namespace continuo::ctl
