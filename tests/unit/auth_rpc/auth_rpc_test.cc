// Goal: the frontend's client and the service agree over a real socket: logon, lookups, verbs.
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <future>

#include <catch2/catch.hpp>

#include "common/crypto/random.h"
#include "common/rpc/channel.h"
#include "common/rpc/server.h"
#include "services/auth-service/rpc/auth_admin_rpc_service.h"
#include "services/auth-service/rpc/auth_rpc_service.h"
#include "services/smb-frontend/clients/auth_client.h"
#include "tests/unit/auth/auth_test_support.h"

namespace continuo::auth {
namespace {

namespace fs = std::filesystem;

struct Fixture {
  Fixture() {
    std::string pattern = (fs::temp_directory_path() / "continuo-auth-XXXXXX").string();
    CONTINUO_CHECK(::mkdtemp(pattern.data()) != nullptr);
    directory = pattern;
    store = std::make_unique<userdb::UserStore>(directory / "users.db", random);
    engine.SetDirectory(testing::MakeDirectory());
    admin = std::make_unique<AuthAdminRpcService>(
        engine, workers, clock,
        AuthAdminRpcService::Options{.store = store.get(),
                                     .reload = [this] { return Publish(); },
                                     .degraded = [] { return std::vector<std::string>{"a word"}; }});
    rpc::ServerOptions options;
    options.daemon_name = "auth-service";
    options.run_dir = directory;
    options.services = {rpc::Mount<v1::AuthService>(&service),
                        rpc::Mount<v1::AuthAdminService>(admin.get())};
    options.rules = {{"/continuo.auth.v1.AuthService/*", {rpc::Role::kDaemon}},
                     {"/continuo.auth.v1.AuthAdminService/*", {rpc::Role::kAdmin}}};
    auto started = rpc::UnixServer::Start(std::move(options));
    CONTINUO_CHECK(started.ok());
    server = *std::move(started);
    server->SetServing(rpc::Serving::kYes);
    client = clients::AuthClient::Create(server->socket_path());
    admin_stub = v1::AuthAdminService::NewStub(rpc::MakeUnixChannel(server->socket_path()));
  }
  ~Fixture() {
    client.reset();
    server->Shutdown(absl::Now() + absl::Seconds(2));
    fs::remove_all(directory);
  }

  absl::Status Publish() {
    auto db = store->Load();
    if (!db.ok()) return db.status();
    auto fresh = testing::MakeDirectory();
    fresh->users = std::make_shared<const userdb::UserDatabase>(*std::move(db));
    engine.SetDirectory(fresh);
    return absl::OkStatus();
  }
  static absl::Time Deadline() { return absl::Now() + absl::Seconds(10); }

  // Runs one call of the asynchronous client to its end.
  template <typename T, typename Call>
  absl::StatusOr<T> Wait(Call call) {
    std::promise<absl::StatusOr<T>> promise;
    call([&promise](absl::StatusOr<T> result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  }
  absl::StatusOr<clients::LogonOutcome> Leg(uint64_t context_id, Bytes token) {
    return Wait<clients::LogonOutcome>([&](auto done) {
      client->Logon({.context_id = context_id,
                     .token = std::move(token),
                     .client_address = "192.0.2.9",
                     .connection_key = 3},
                    Deadline(), std::move(done));
    });
  }
  absl::StatusOr<clients::LogonOutcome> Logon(testing::NtlmClient ntlm) {
    const auto first = Leg(0, ntlm.Negotiate());
    if (!first.ok()) return first;
    const auto& more = std::get<clients::LogonContinue>(*first);
    return Leg(more.context_id, ntlm.Authenticate(more.token));
  }

  crypto::SystemRandom random;
  testing::FakeClock clock;
  fs::path directory;
  std::unique_ptr<userdb::UserStore> store;
  LogonEngine engine{random, clock};
  std::unique_ptr<UnixNames> names = MakeNssUnixNames();
  KnownDomains domains;
  testing::FakeDomainDirectory domain_directory;
  WorkerPool workers{"test", 2};
  AuthRpcService service{engine, {*names, domains, domain_directory}, {workers, workers}, nullptr};
  std::unique_ptr<AuthAdminRpcService> admin;
  std::unique_ptr<rpc::UnixServer> server;
  std::unique_ptr<clients::AuthClient> client;
  std::unique_ptr<v1::AuthAdminService::Stub> admin_stub;
};

TEST_CASE_METHOD(Fixture, "auth client: a logon yields identity and key", "[unit][auth]") {
  const testing::NtlmClient ntlm;
  const auto outcome = Logon(ntlm);
  REQUIRE(outcome.ok());
  const auto* done = std::get_if<clients::LogonDone>(&*outcome);
  REQUIRE(done != nullptr);
  CHECK(done->session_key == Bytes(ntlm.exported_key.begin(), ntlm.exported_key.end()));
  CHECK(done->identity.user_sid == security::Sid(5, {21, 1, 2, 3, 1000}));
  CHECK(done->identity.expiry == absl::InfiniteFuture());
}

TEST_CASE_METHOD(Fixture, "auth client: a refusal is an outcome with its status", "[unit][auth]") {
  testing::NtlmClient ntlm;
  ntlm.user = "dora";
  ntlm.password = "x";
  const auto outcome = Logon(ntlm);
  REQUIRE(outcome.ok());
  CHECK(std::get<clients::LogonRefused>(*outcome).nt_status == NtStatus::kAccountDisabled);
}

TEST_CASE_METHOD(Fixture, "auth client: the first token and abandoned logons", "[unit][auth]") {
  const auto token = Wait<Bytes>(
      [&](auto done) { client->InitialToken(Deadline(), std::move(done)); });
  REQUIRE(token.ok());
  CHECK(*token == engine.InitialToken());
  testing::NtlmClient ntlm;
  const auto first = Leg(0, ntlm.Negotiate());
  REQUIRE(first.ok());
  CHECK(engine.pending().size() == 1);
  client->AbandonLogon(std::get<clients::LogonContinue>(*first).context_id);
  client.reset();  // Waits for the call, or cancels it: the context then ages out.
  CHECK(engine.pending().size() <= 1);
}

// A connection attempt that failed or takes long, as under load, must not fail an honest logon.
TEST_CASE_METHOD(Fixture, "auth client: logons wait for a connection that is not there yet",
                 "[unit][auth]") {
  const fs::path socket = server->socket_path();
  const fs::path aside = socket.string() + ".aside";
  fs::rename(socket, aside);  // Connecting fails until it is back.
  client = clients::AuthClient::Create(socket);
  std::vector<std::future<absl::StatusOr<Bytes>>> tokens;
  for (int call = 0; call < 16; ++call) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<Bytes>>>();
    tokens.push_back(promise->get_future());
    client->InitialToken(Deadline(), [promise](absl::StatusOr<Bytes> token) {
      promise->set_value(std::move(token));
    });
  }
  CHECK(tokens.front().wait_for(std::chrono::milliseconds(300)) == std::future_status::timeout);
  fs::rename(aside, socket);
  for (auto& token : tokens) CHECK(token.get().ok());
}

TEST_CASE_METHOD(Fixture, "auth client: lookups answer in the order asked", "[unit][auth]") {
  const auto named = Wait<std::vector<clients::NamedSid>>([&](auto done) {
    client->LookupNames({"alice", "nobody-at-all", "Everyone"}, Deadline(), std::move(done));
  });
  REQUIRE(named.ok());
  CHECK((*named)[0].kind == clients::NameKind::kUser);
  CHECK_FALSE((*named)[1].sid);
  CHECK((*named)[2].sid == security::kEveryoneSid);
  const auto ids = Wait<std::vector<clients::UnixId>>([&](auto done) {
    client->MapSidsToUnixIds({*(*named)[0].sid, security::kEveryoneSid}, Deadline(),
                             std::move(done));
  });
  REQUIRE(ids.ok());
  CHECK((*ids)[0].id == userdb::kFirstUnixId);
  CHECK((*ids)[1].kind == clients::UnixIdKind::kNone);
  const auto sids = Wait<std::vector<security::Sid>>([&](auto done) {
    client->MapUnixIdsToSids({(*ids)[0], {clients::UnixIdKind::kGid, 4242}}, Deadline(),
                             std::move(done));
  });
  REQUIRE(sids.ok());
  CHECK(*sids == std::vector<security::Sid>{*(*named)[0].sid, security::UnixGroupSid(4242)});
}

TEST_CASE_METHOD(Fixture, "auth admin: an added user logs on, a disabled one does not",
                 "[unit][auth]") {
  v1::AddUserRequest add;
  add.set_name("zz-new");
  add.set_password("Fresh-1");
  v1::AddUserResponse added;
  grpc::ClientContext first;
  REQUIRE(admin_stub->AddUser(&first, add, &added).ok());
  CHECK(added.error().empty());
  CHECK(added.user().uid() == userdb::kFirstUnixId);
  testing::NtlmClient ntlm;
  ntlm.user = "ZZ-NEW";
  ntlm.password = "Fresh-1";
  CHECK(std::holds_alternative<clients::LogonDone>(*Logon(ntlm)));

  grpc::ClientContext second;
  REQUIRE(admin_stub->AddUser(&second, add, &added).ok());
  CHECK(added.error() == "user zz-new already exists");

  v1::UpdateUserRequest update;
  update.set_name("zz-new");
  update.set_is_disabled(true);
  v1::UpdateUserResponse updated;
  grpc::ClientContext third;
  REQUIRE(admin_stub->UpdateUser(&third, update, &updated).ok());
  CHECK(updated.error().empty());
  CHECK(std::get<clients::LogonRefused>(*Logon(ntlm)).nt_status == NtStatus::kAccountDisabled);

  v1::GetStatusResponse status;
  grpc::ClientContext fourth;
  REQUIRE(admin_stub->GetStatus(&fourth, {}, &status).ok());
  CHECK(status.logons_succeeded() == 1);
  CHECK(status.logons_refused() == 1);
  CHECK(status.degraded(0) == "a word");
}

}  // namespace
}  // namespace continuo::auth
