// Goal: a ticket of a real KDC logs on through SPNEGO, with the session key that the client has;
// strangers and damaged tickets do not.
// Method: a throw-away MIT realm in a temporary directory on a free loopback port; the client is
// MIT's own initiator. Without the KDC's programs the cases say so and check nothing.
#include <arpa/inet.h>
#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <absl/strings/str_format.h>
#include <absl/time/clock.h>
#include <catch2/catch.hpp>

#include "common/base/check.h"
#include "services/auth-service/kerberos/kerberos_mechanism.h"
#include "services/auth-service/spnego/der.h"
#include "tests/unit/auth/auth_test_support.h"

namespace continuo::auth {
namespace {

namespace fs = std::filesystem;

uint16_t FreePort() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  CONTINUO_CHECK(::bind(fd, generic, size) == 0);
  CONTINUO_CHECK(::getsockname(fd, generic, &size) == 0);
  ::close(fd);
  return ntohs(address.sin_port);
}

int Run(const std::string& command) {
  const int result = std::system((command + " >/dev/null 2>&1").c_str());
  return WIFEXITED(result) ? WEXITSTATUS(result) : -1;
}

// The realm UNIT.TEST with alice, mallory and the service cifs/filesrv.unit.test.
class Realm {
 public:
  Realm() {
    std::string pattern = (fs::temp_directory_path() / "continuo-kdc-XXXXXX").string();
    CONTINUO_CHECK(::mkdtemp(pattern.data()) != nullptr);
    directory_ = pattern;
    WriteConfigs(FreePort());
    ::setenv("KRB5_CONFIG", (directory_ / "krb5.conf").c_str(), 1);
    ::setenv("KRB5_KDC_PROFILE", (directory_ / "kdc.conf").c_str(), 1);
    ::setenv("KRB5RCACHENAME", "none:", 1);
    ::setenv("PATH", (std::string("/usr/sbin:/usr/bin:/sbin:/bin")).c_str(), 1);
    if (Run("command -v krb5kdc") != 0 || Run("kdb5_util create -s -r UNIT.TEST -P master") != 0) {
      return;
    }
    for (const std::string& line :
         {std::string("addprinc -pw secret alice"), std::string("addprinc -pw secret mallory"),
          std::string("addprinc -randkey cifs/filesrv.unit.test"),
          "ktadd -k " + keytab() + " cifs/filesrv.unit.test"}) {
      if (Run("kadmin.local -q '" + line + "'") != 0) return;
    }
    StartKdc();
  }
  ~Realm() {
    if (kdc_ > 0) {
      ::kill(kdc_, SIGTERM);
      ::waitpid(kdc_, nullptr, 0);
    }
    fs::remove_all(directory_);
  }

  bool is_up() const { return is_up_; }
  std::string keytab() const { return directory_ / "keytab"; }

 private:
  void WriteConfigs(uint16_t port) {
    std::ofstream(directory_ / "krb5.conf") << absl::StrFormat(
        "[libdefaults]\n default_realm = UNIT.TEST\n dns_lookup_kdc = false\n"
        " dns_lookup_realm = false\n rdns = false\n dns_canonicalize_hostname = false\n"
        "[realms]\n UNIT.TEST = {\n  kdc = 127.0.0.1:%d\n }\n",
        port);
    std::ofstream(directory_ / "kdc.conf") << absl::StrFormat(
        "[kdcdefaults]\n kdc_listen = 127.0.0.1:%d\n kdc_tcp_listen = 127.0.0.1:%d\n"
        "[realms]\n UNIT.TEST = {\n  database_name = %s/principal\n  key_stash_file = %s/stash\n"
        "  acl_file = %s/acl\n  supported_enctypes = aes256-cts-hmac-sha1-96:normal\n }\n",
        port, port, directory_.string(), directory_.string(), directory_.string());
  }
  void StartKdc() {
    kdc_ = ::fork();
    if (kdc_ == 0) {
      ::execlp("krb5kdc", "krb5kdc", "-n", nullptr);
      ::_exit(127);
    }
    const std::string probe = "echo secret | kinit -c FILE:" + (directory_ / "cc").string() + " alice";
    for (int i = 0; i < 100 && !is_up_; ++i) {
      is_up_ = Run(probe) == 0;
      if (!is_up_) absl::SleepFor(absl::Milliseconds(20));  // Until the KDC listens.
    }
  }

  fs::path directory_;
  pid_t kdc_ = -1;
  bool is_up_ = false;
};

Realm& TheRealm() {
  static Realm realm;
  return realm;
}

gss_buffer_desc Buffer(std::string_view text) {
  return {text.size(), const_cast<char*>(text.data())};
}

Bytes Take(gss_buffer_desc& buffer) {
  const auto* data = static_cast<const uint8_t*>(buffer.value);
  Bytes out(data, data + buffer.length);
  OM_uint32 minor = 0;
  gss_release_buffer(&minor, &buffer);
  return out;
}

// MIT's initiator: its first token and, after the server's answer, its session key.
class Initiator {
 public:
  explicit Initiator(std::string_view user) {
    OM_uint32 minor = 0;
    gss_buffer_desc name = Buffer(user);
    gss_buffer_desc password = Buffer("secret");
    gss_buffer_desc service = Buffer("cifs@filesrv.unit.test");
    gss_name_t user_name = GSS_C_NO_NAME;
    gss_OID_set_desc mechs = {1, const_cast<gss_OID>(gss_mech_krb5)};
    CONTINUO_CHECK(!GSS_ERROR(gss_import_name(&minor, &name, GSS_C_NT_USER_NAME, &user_name)));
    CONTINUO_CHECK(!GSS_ERROR(
        gss_import_name(&minor, &service, GSS_C_NT_HOSTBASED_SERVICE, &service_)));
    CONTINUO_CHECK(!GSS_ERROR(gss_acquire_cred_with_password(
        &minor, user_name, &password, GSS_C_INDEFINITE, &mechs, GSS_C_INITIATE, &credential_,
        nullptr, nullptr)));
    gss_release_name(&minor, &user_name);
  }
  ~Initiator() {
    OM_uint32 minor = 0;
    gss_delete_sec_context(&minor, &context_, GSS_C_NO_BUFFER);
    gss_release_cred(&minor, &credential_);
    gss_release_name(&minor, &service_);
  }
  Initiator(const Initiator&) = delete;
  Initiator& operator=(const Initiator&) = delete;

  Bytes Step(const Bytes& input) {
    OM_uint32 minor = 0;
    gss_buffer_desc in = {input.size(), const_cast<uint8_t*>(input.data())};
    gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
    const OM_uint32 major = gss_init_sec_context(
        &minor, credential_, &context_, service_, const_cast<gss_OID>(gss_mech_krb5),
        GSS_C_MUTUAL_FLAG | GSS_C_INTEG_FLAG, 0, GSS_C_NO_CHANNEL_BINDINGS, &in, nullptr, &out,
        nullptr, nullptr);
    CONTINUO_CHECK(!GSS_ERROR(major));
    is_done_ = major == GSS_S_COMPLETE;
    return Take(out);
  }
  bool is_done() const { return is_done_; }
  Bytes SessionKey() {
    OM_uint32 minor = 0;
    gss_buffer_set_t keys = GSS_C_NO_BUFFER_SET;
    CONTINUO_CHECK(!GSS_ERROR(gss_inquire_sec_context_by_oid(
        &minor, context_, const_cast<gss_OID>(GSS_C_INQ_SSPI_SESSION_KEY), &keys)));
    const auto* data = static_cast<const uint8_t*>(keys->elements[0].value);
    Bytes key(data, data + keys->elements[0].length);
    gss_release_buffer_set(&minor, &keys);
    return key;
  }

 private:
  gss_cred_id_t credential_ = GSS_C_NO_CREDENTIAL;
  gss_name_t service_ = GSS_C_NO_NAME;
  gss_ctx_id_t context_ = GSS_C_NO_CONTEXT;
  bool is_done_ = false;
};

Bytes InSpnego(const Bytes& token) {
  using namespace spnego;
  const auto join = [](Bytes a, const Bytes& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  const Bytes oids = join(Der(kTagOid, kMsKerberosOid), Der(kTagOid, kNtlmsspOid));
  const Bytes fields = join(Der(ContextTag(0), Der(kTagSequence, oids)),
                            Der(ContextTag(2), Der(kTagOctetString, token)));
  return Der(kTagApplication0,
             join(Der(kTagOid, kSpnegoOid), Der(ContextTag(0), Der(kTagSequence, fields))));
}

struct Fixture {
  Fixture() {
    engine.SetDirectory(testing::MakeDirectory());
    if (!TheRealm().is_up()) return;
    auto credential = kerberos::AcceptorCredential::Load(TheRealm().keytab());
    CONTINUO_CHECK(credential.ok());
    engine.SetKerberos(kerberos::MakeFactory(*credential, domains, domain_directory));
    is_ready = true;
  }
  LogonResult Step(const Bytes& token) {
    return engine.Step(
        {.context_id = 0, .token = token, .client_address = "", .connection_key = 1});
  }

  testing::CountingRandom random;
  testing::FakeClock clock;
  KnownDomains domains;
  testing::FakeDomainDirectory domain_directory;
  LogonEngine engine{random, clock};
  bool is_ready = false;
};

#define REQUIRE_KDC() \
  if (!is_ready) {    \
    WARN("not checked: krb5-kdc is not installed"); \
    return;           \
  }

TEST_CASE_METHOD(Fixture, "Kerberos: a ticket logs on the local user of that name",
                 "[unit][auth][kerberos]") {
  REQUIRE_KDC();
  Initiator client("alice");
  const bool is_raw = GENERATE(false, true);
  const Bytes token = client.Step({});
  CHECK(engine.MayBlock(token));
  const LogonResult result = Step(is_raw ? token : InSpnego(token));
  REQUIRE(result.status.ok());
  CHECK(result.outcome.identity.user_name == "alice");
  CHECK(result.outcome.identity.expiry < absl::InfiniteFuture());
  if (is_raw) {
    client.Step(result.token);
  } else {
    const auto answer = spnego::DecodeNegTokenResp(result.token);
    REQUIRE(answer);
    CHECK(answer->supported_mech == spnego::Mech::kMsKerberos);
    client.Step(*answer->response_token);
  }
  CHECK(client.is_done());
  CHECK(result.outcome.session_key.size() == 32);
  CHECK(result.outcome.session_key == client.SessionKey());
}

TEST_CASE_METHOD(Fixture, "Kerberos: a principal without a local user is refused",
                 "[unit][auth][kerberos]") {
  REQUIRE_KDC();
  Initiator client("mallory");
  CHECK(Step(InSpnego(client.Step({}))).status == NtStatus::kLogonFailure);
}

TEST_CASE_METHOD(Fixture, "Kerberos: damaged and cut tickets are refused",
                 "[unit][auth][kerberos][hostile-9]") {
  REQUIRE_KDC();
  Initiator client("alice");
  const Bytes token = client.Step({});
  for (size_t i = 20; i < token.size(); i += 37) {
    CAPTURE(i);
    Bytes damaged = token;
    damaged[i] ^= 0x40;
    // A bit that no key covers may change nothing; a crash or another user would show.
    const LogonResult result = Step(damaged);
    if (result.status.ok()) CHECK(result.outcome.identity.user_name == "alice");
    CHECK_FALSE(Step(Bytes(token.begin(), token.begin() + static_cast<ptrdiff_t>(i))).status.ok());
  }
}

TEST_CASE("Kerberos: a keytab that is not there is said by name", "[unit][auth][kerberos]") {
  const auto credential = kerberos::AcceptorCredential::Load("/nowhere/keytab");
  REQUIRE_FALSE(credential.ok());
  CHECK(std::string(credential.status().message()).find("/nowhere/keytab") != std::string::npos);
}

}  // namespace
}  // namespace continuo::auth
