// The identity of a cluster: its text, and what makes a node another one. Pure.
#include <catch2/catch.hpp>

#include <absl/strings/match.h>

#include "common/identity/config_facts.h"
#include "common/identity/identity.h"

namespace continuo::identity {
namespace {

using security::Sid;

Facts FullFacts() {
  return {.server_name = "cluster",
          .ca_path = "/mnt/shared/_ca",
          .machine_sid = Sid(5, {21, 1, 2, 3}),
          .sealing_key_id = "0123456789abcdef",
          .next_rid = 1005,
          .keytab = std::map<std::string, uint32_t>{{"cifs/cluster.corp.test@CORP.TEST", 3},
                                                    {"cluster$@CORP.TEST", 2}}};
}

Identity FullIdentity() {
  Identity identity;
  identity.server_guid = {1, 2, 3, 4, 5, 6, 7, 0x48, 0x89, 10, 11, 12, 13, 14, 15, 16};
  identity.facts = FullFacts();
  identity.domains = {{"CORP", Sid(5, {21, 4, 5, 6})}, {"TWO WORDS", Sid(5, {21, 7, 8, 9})}};
  return identity;
}

TEST_CASE("identity: the text of version 1 stays readable", "[unit][identity]") {
  // Written by hand; the checksum by an independent CRC-32C.
  const std::string text =
      "continuo identity 1\n"
      "server_guid 01020304050607488990aabbccddeeff\n"
      "server_name srv\n"
      "machine_sid S-1-5-21-1-2-3\n"
      "next_rid 1001\n"
      "keytab cifs/srv@CORP.TEST 4\n"
      "checksum ed6242be\n";
  const absl::StatusOr<Identity> identity = Decode(text);
  REQUIRE(identity.ok());
  CHECK(identity->server_guid[15] == 0xFF);
  CHECK(identity->facts.server_name == "srv");
  CHECK(identity->facts.ca_path.empty());
  CHECK(identity->facts.machine_sid == Sid(5, {21, 1, 2, 3}));
  CHECK(identity->facts.next_rid == 1001);
  CHECK(identity->facts.keytab->at("cifs/srv@CORP.TEST") == 4);
  CHECK(Encode(*identity) == text);
}

TEST_CASE("identity: a round trip keeps everything", "[unit][identity]") {
  const absl::StatusOr<Identity> again = Decode(Encode(FullIdentity()));
  REQUIRE(again.ok());
  CHECK(*again == FullIdentity());
}

TEST_CASE("identity: every truncation and every changed byte is refused", "[unit][identity]") {
  const std::string text = Encode(FullIdentity());
  for (size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(Decode(text.substr(0, size)).ok());
  }
  for (size_t i = 0; i < text.size(); ++i) {
    CAPTURE(i);
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    CHECK_FALSE(Decode(damaged).ok());
  }
}

TEST_CASE("identity: a newer version says what to do", "[unit][identity]") {
  std::string text = Encode(FullIdentity());
  text.replace(text.find(" 1\n"), 3, " 2\n");
  // The checksum covers the version, too.
  CHECK(absl::IsDataLoss(Decode(text).status()));
}

TEST_CASE("identity: what a line cannot hold does not become a line", "[unit][identity]") {
  Identity identity = FullIdentity();
  identity.facts.server_name = "evil\nmachine_sid S-1-5-21-9-9-9";
  const absl::StatusOr<Identity> again = Decode(Encode(identity));
  REQUIRE(again.ok());
  CHECK(again->facts.machine_sid == Sid(5, {21, 1, 2, 3}));
  CHECK(again->facts.server_name == "evil?machine_sid S-1-5-21-9-9-9");
}

TEST_CASE("identity: the id of a key is not the key and differs with it", "[unit][identity]") {
  const std::vector<uint8_t> a(32, 1);
  const std::vector<uint8_t> b(32, 2);
  CHECK(SealingKeyId(a).size() == 16);
  CHECK(SealingKeyId(a) == SealingKeyId(a));
  CHECK(SealingKeyId(a) != SealingKeyId(b));
}

TEST_CASE("identity: a node that differs is refused, by what and with what to do",
          "[unit][identity]") {
  struct Case {
    const char* why;
    void (*change)(Facts&);
    const char* says;
  };
  const auto c = GENERATE(values<Case>({
      {"server name", [](Facts& f) { f.server_name = "other"; }, "server_name is other here"},
      {"ca_path", [](Facts& f) { f.ca_path = "/mnt/other"; }, "ca_path is /mnt/other here"},
      {"machine SID", [](Facts& f) { f.machine_sid = Sid(5, {21, 9, 9, 9}); },
       "machine SID of userdb_file is S-1-5-21-9-9-9 here"},
      {"sealing key", [](Facts& f) { f.sealing_key_id = "ffff"; }, "sealing key"},
      {"old users", [](Facts& f) { f.next_rid = 1004; }, "old copy"},
      {"an older key",
       [](Facts& f) { f.keytab->at("cifs/cluster.corp.test@CORP.TEST") = 2; },
       "version 2 of the key of cifs/cluster.corp.test@CORP.TEST, the cluster has 3"},
      {"a missing key", [](Facts& f) { f.keytab->erase("cluster$@CORP.TEST"); },
       "no key of cluster$@CORP.TEST"},
      {"a keytab that cannot be read", [](Facts& f) { f.keytab->clear(); }, "no key of cifs/"},
  }));
  CAPTURE(c.why);
  Facts own = FullFacts();
  c.change(own);
  const absl::Status refused = Reconcile(FullIdentity(), own, OnDifference::kRefuse).status();
  REQUIRE(absl::IsFailedPrecondition(refused));
  const std::string message(refused.message());
  CAPTURE(message);
  CHECK(message.find(c.says) != std::string::npos);
  CHECK(message.find("continuoctl identity accept") != std::string::npos);

  const absl::StatusOr<Identity> accepted =
      Reconcile(FullIdentity(), own, OnDifference::kAccept);
  REQUIRE(accepted.ok());
  CHECK(accepted->server_guid == FullIdentity().server_guid);
  CHECK(accepted->domains == FullIdentity().domains);
}

TEST_CASE("identity: all differences are named at once", "[unit][identity]") {
  Facts own = FullFacts();
  own.server_name = "other";
  own.machine_sid = Sid(5, {21, 9, 9, 9});
  const std::string message(
      Reconcile(FullIdentity(), own, OnDifference::kRefuse).status().message());
  CHECK(message.find("server_name") != std::string::npos);
  CHECK(message.find("machine SID") != std::string::npos);
}

TEST_CASE("identity: what only rises is taken over, and what is unknown is not compared",
          "[unit][identity]") {
  struct Case {
    const char* why;
    void (*change)(Facts&);
  };
  const auto c = GENERATE(values<Case>({
      {"the same", [](Facts&) {}},
      {"another case of the name", [](Facts& f) { f.server_name = "CLUSTER"; }},
      {"users were added while nobody served", [](Facts& f) { f.next_rid = 1006; }},
      {"the key was changed", [](Facts& f) { f.keytab->at("cluster$@CORP.TEST") = 3; }},
      {"a key of the node's own", [](Facts& f) { f.keytab->emplace("host/n2@CORP.TEST", 1); }},
      {"smb-frontend, which sees no keys",
       [](Facts& f) { f = Facts{.server_name = "cluster", .ca_path = "/mnt/shared/_ca"}; }},
  }));
  CAPTURE(c.why);
  Facts own = FullFacts();
  c.change(own);
  const absl::StatusOr<Identity> result = Reconcile(FullIdentity(), own, OnDifference::kRefuse);
  REQUIRE(result.ok());
  CHECK(result->facts.machine_sid == FullFacts().machine_sid);
  CHECK(result->facts.next_rid >= FullFacts().next_rid);
}

TEST_CASE("identity: a first user database and a first keytab are taken over", "[unit][identity]") {
  Identity recorded = FullIdentity();
  recorded.facts = Facts{.server_name = "cluster"};
  const absl::StatusOr<Identity> result =
      Reconcile(recorded, FullFacts(), OnDifference::kRefuse);
  REQUIRE(result.ok());
  CHECK(result->facts == FullFacts());
}

TEST_CASE("identity: only what other nodes may serve is refused", "[unit][identity]") {
  config::Config config;
  config.global.server_name = "srv";
  config.global.ca_path = "/ca";
  CHECK(PolicyOf(config) == OnDifference::kAccept);
  CHECK(FactsOf(config).ca_path.empty());
  config.global.scale_out = true;
  CHECK(PolicyOf(config) == OnDifference::kRefuse);
  config.global.scale_out = false;
  config.shares.emplace_back().ca = true;
  CHECK(PolicyOf(config) == OnDifference::kRefuse);
  CHECK(FactsOf(config).ca_path == "/ca");
}

}  // namespace
}  // namespace continuo::identity
