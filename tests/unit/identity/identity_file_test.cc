// The identity as a file, in a directory of the test's own.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "common/crypto/random.h"
#include "common/identity/identity_file.h"

namespace continuo::identity {
namespace {

namespace fs = std::filesystem;

struct Fixture {
  Fixture() {
    std::string name = "/tmp/continuo-identity-XXXXXX";
    directory = ::mkdtemp(name.data());
  }
  ~Fixture() { fs::remove_all(directory); }

  absl::StatusOr<Identity> Establish(const Facts& facts,
                                     OnDifference policy = OnDifference::kRefuse) {
    return IdentityFile(directory + "/state").Establish(facts, policy, random);
  }
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(directory + "/state")) {
      names.push_back(entry.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  std::string directory;
  crypto::SystemRandom random;
};

TEST_CASE_METHOD(Fixture, "identity file: the first node makes it, the next one finds it",
                 "[unit][identity]") {
  const auto made = Establish({.server_name = "srv"});
  REQUIRE(made.ok());
  CHECK(made->server_guid != Guid{});
  CHECK((made->server_guid[7] & 0xF0) == 0x40);
  CHECK(Establish({.server_name = "srv"}) == made);
  CHECK(Names() == std::vector<std::string>{"identity", "identity.lock"});
}

TEST_CASE_METHOD(Fixture, "identity file: a server-guid of an earlier version is taken over",
                 "[unit][identity]") {
  fs::create_directories(directory + "/state");
  std::ofstream(directory + "/state/server-guid") << "0123456789abcdef";
  const auto made = Establish({.server_name = "srv"});
  REQUIRE(made.ok());
  CHECK(std::string(made->server_guid.begin(), made->server_guid.end()) == "0123456789abcdef");
}

TEST_CASE_METHOD(Fixture, "identity file: a damaged server-guid is not replaced in silence",
                 "[unit][identity]") {
  fs::create_directories(directory + "/state");
  std::ofstream(directory + "/state/server-guid") << "short";
  CHECK(absl::IsDataLoss(Establish({.server_name = "srv"}).status()));
  CHECK(Names() == std::vector<std::string>{"server-guid"});
}

TEST_CASE_METHOD(Fixture, "identity file: a refusal leaves it as it was", "[unit][identity]") {
  const auto made = Establish({.server_name = "srv"});
  const absl::Status refused = Establish({.server_name = "other"}).status();
  CHECK(absl::IsFailedPrecondition(refused));
  CHECK(std::string(refused.message()).find(directory + "/state/identity") != std::string::npos);
  CHECK(IdentityFile(directory + "/state").Load() == made);
  const auto accepted = Establish({.server_name = "other"}, OnDifference::kAccept);
  REQUIRE(accepted.ok());
  CHECK(accepted->server_guid == made->server_guid);
  CHECK(IdentityFile(directory + "/state").Load()->facts.server_name == "other");
}

TEST_CASE_METHOD(Fixture, "identity file: nodes that start at once agree", "[unit][identity]") {
  std::vector<Guid> guids(8);
  std::vector<std::thread> nodes;
  for (size_t i = 0; i < guids.size(); ++i) {
    nodes.emplace_back([&, i] {
      crypto::SystemRandom own;
      const auto made = IdentityFile(directory + "/state")
                            .Establish({.server_name = "srv"}, OnDifference::kRefuse, own);
      if (made.ok()) guids[i] = made->server_guid;
    });
  }
  for (std::thread& node : nodes) node.join();
  CHECK(guids.front() != Guid{});
  for (const Guid& guid : guids) CHECK(guid == guids.front());
  CHECK(Names() == std::vector<std::string>{"identity", "identity.lock"});
}

TEST_CASE_METHOD(Fixture, "identity file: a damaged one is refused, not made anew",
                 "[unit][identity]") {
  REQUIRE(Establish({.server_name = "srv"}).ok());
  std::ofstream(directory + "/state/identity", std::ios::app) << "x";
  CHECK(absl::IsDataLoss(Establish({.server_name = "srv"}).status()));
}

}  // namespace
}  // namespace continuo::identity
