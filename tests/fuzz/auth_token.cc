// A whole logon fed with hostile tokens: SPNEGO, NTLMSSP and the PAC's logon info.
//
// The input is cut at each 4-byte little-endian length into the legs of one logon; a logon that
// succeeds with such bytes is a finding.
#include "common/base/check.h"
#include "common/bytes/byte_reader.h"
#include "services/auth-service/kerberos/pac_logon_info.h"
#include "services/auth-service/logon/logon_engine.h"

namespace {

using namespace continuo;  // NOLINT: a program of its own.

class FixedRandom final : public base::RandomSource {
 public:
  void Fill(std::span<uint8_t> out) override {
    for (uint8_t& byte : out) byte = ++last_;
  }

 private:
  uint8_t last_ = 0;
};

class FixedClock final : public base::Clock {
 public:
  absl::Time Now() override { return absl::FromUnixSeconds(1'700'000'000); }
};

std::shared_ptr<const auth::Directory> MakeDirectory() {
  auto db = userdb::UserDatabase::Create(security::Sid(5, {21, 1, 2, 3}));
  userdb::NewUser user;
  user.name = "alice";
  user.nt_hash = userdb::NtHash{1, 2, 3};
  CONTINUO_CHECK(db.AddUser(user).ok());
  auto directory = std::make_shared<auth::Directory>();
  directory->users = std::make_shared<const userdb::UserDatabase>(std::move(db));
  directory->policy.server_name = "S";
  directory->policy.ntlm_names = {"S", "S", "s", ""};
  return directory;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::shared_ptr<const auth::Directory> directory = MakeDirectory();
  const std::span<const uint8_t> input(data, size);
  (void)auth::kerberos::DecodePacLogonInfo(input);
  FixedRandom random;
  FixedClock clock;
  auth::LogonEngine engine(random, clock);
  engine.SetDirectory(directory);
  const auto step = [&](uint64_t context_id, std::span<const uint8_t> token) {
    const auto result = engine.Step({.context_id = context_id,
                                     .token = token,
                                     .client_address = "",
                                     .connection_key = 1});
    CONTINUO_CHECK(!result.status.ok());
    return result.context_id;
  };
  step(0, input);
  bytes::ByteReader in(input);
  uint64_t context_id = 0;
  for (int leg = 0; leg < 4 && in.remaining() > 4; ++leg) {
    const size_t leg_size = in.U32() % (in.remaining() + 1);
    context_id = step(context_id, in.Span(leg_size));
    if (context_id == 0) break;
  }
  return 0;
}
