// A clock and a random source that tests own, an NTLMv2 client, and golden files.
#pragma once

#include <array>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"
#include "common/bytes/utf16.h"
#include "services/auth-service/idmap/domain_directory.h"
#include "services/auth-service/logon/directory.h"
#include "services/auth-service/ntlm/ntlm_crypto.h"
#include "services/auth-service/ntlm/ntlm_messages.h"

namespace continuo::auth::testing {

class FakeClock final : public base::Clock {
 public:
  absl::Time Now() override { return now; }
  absl::Time now = absl::FromUnixSeconds(1'700'000'000);
};

// A directory of a domain, as far as a test fills it.
class FakeDomainDirectory final : public DomainDirectory {
 public:
  std::optional<NamedSid> FindSid(const security::Sid& sid) override {
    for (const NamedSid& named : names) {
      if (named.sid == sid) return named;
    }
    return std::nullopt;
  }
  std::optional<NamedSid> FindName(std::string_view domain, std::string_view name) override {
    for (const NamedSid& named : names) {
      if (named.domain_name == domain && named.name == name) return named;
    }
    return std::nullopt;
  }
  std::optional<uint32_t> IdOfSid(const security::Sid& sid) override {
    ++question_count;
    const auto found = ids.find(sid);
    if (found == ids.end()) return std::nullopt;
    return found->second;
  }
  std::string Problem() const override { return ""; }

  std::vector<NamedSid> names;
  std::map<security::Sid, uint32_t> ids;
  int question_count = 0;
};

// 1, 2, 3, ... at first, as the golden captures were made with; later bytes do not repeat.
class CountingRandom final : public base::RandomSource {
 public:
  void Fill(std::span<uint8_t> out) override {
    for (uint8_t& byte : out) {
      ++count_;
      byte = static_cast<uint8_t>(count_ < 256 ? count_ : generator_());
    }
  }

 private:
  uint64_t count_ = 0;
  std::mt19937_64 generator_{1};
};

inline Bytes FromHex(std::string_view text) {
  Bytes out;
  CONTINUO_CHECK(text.size() % 2 == 0);
  for (size_t i = 0; i < text.size(); i += 2) {
    out.push_back(static_cast<uint8_t>(std::stoul(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

// The lines of tests/golden/auth/<name> that are not comments.
inline std::vector<Bytes> ReadGolden(const std::string& name) {
  std::ifstream in("tests/golden/auth/" + name);
  std::vector<Bytes> out;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line[0] != '#') out.push_back(FromHex(line));
  }
  CONTINUO_CHECK(!out.empty());
  return out;
}

inline std::shared_ptr<Directory> MakeDirectory() {
  auto db = userdb::UserDatabase::Create(security::Sid(5, {21, 1, 2, 3}));
  const auto add = [&](const char* name, const char* password, bool is_disabled) {
    userdb::NewUser user;
    user.name = name;
    user.is_disabled = is_disabled;
    user.nt_hash = *userdb::NtHashOfPassword(password);
    if (std::string_view(name) == "alice") user.groups = {"administrators", "staff"};
    CONTINUO_CHECK(db.AddUser(user).ok());
  };
  add("alice", "Secret-1", false);
  add("dora", "x", true);
  auto directory = std::make_shared<Directory>();
  directory->users = std::make_shared<const userdb::UserDatabase>(std::move(db));
  directory->policy.server_name = "TESTSRV";
  directory->policy.ntlm_names = {"TESTSRV", "TESTSRV", "testsrv", ""};
  return directory;
}

// The client's side of one NTLMv2 logon, field by field; tests break single fields.
struct NtlmClient {
  std::string user = "alice";
  std::string domain = "WORKGROUP";
  std::string password = "Secret-1";
  uint32_t flags = ntlm::kUnicode | ntlm::kSign | ntlm::kSeal | ntlm::kNtlm |
                   ntlm::kAlwaysSign | ntlm::kExtendedSessionSecurity | ntlm::kTargetInfo |
                   ntlm::k128 | ntlm::k56 | ntlm::kKeyExchange;
  bool with_mic = true;
  bool break_mic = false;
  bool break_pairs = false;  // One that claims more bytes than there are.
  ntlm::Key exported_key{0x55, 1, 2, 3};
  Bytes negotiate;

  Bytes Negotiate() {
    bytes::ByteWriter out;
    out.Append(ntlm::kSignature);
    out.U32(1);
    out.U32(flags);
    out.Zeros(16);
    negotiate = std::move(out).Take();
    return negotiate;
  }

  Bytes Authenticate(std::span<const uint8_t> challenge) const {
    const Bytes server_challenge(challenge.begin() + 24, challenge.begin() + 32);
    bytes::ByteWriter temp;
    temp.U8(1);
    temp.U8(1);
    temp.Zeros(6);
    temp.U64(133'000'000'000'000'000);
    temp.U64(0x1122334455667788);
    temp.Zeros(4);
    if (with_mic) {
      temp.U16(ntlm::kAvFlags);
      temp.U16(4);
      temp.U32(ntlm::kAvFlagMicPresent);
    }
    if (break_pairs) {
      temp.U16(ntlm::kAvFlags);
      temp.U16(0xFFFF);
    }
    temp.Zeros(8);
    const Bytes domain16 = *bytes::Utf8ToUtf16Le(domain);
    const ntlm::Key response_key =
        ntlm::NtOwfV2(*userdb::NtHashOfPassword(password), user, domain16);
    const ntlm::Key proof = ntlm::NtProof(response_key, server_challenge, temp.view());
    const ntlm::Key wrapped = ntlm::UnwrapSessionKey(
        ntlm::SessionBaseKey(response_key, proof), std::span<const uint8_t, 16>(exported_key));
    bytes::ByteWriter nt;
    nt.Append(proof);
    nt.Append(temp.view());
    Bytes message = Assemble(nt.view(), domain16, wrapped);
    if (with_mic) {
      const auto mic = ntlm::MessageIntegrityCode(exported_key, negotiate, challenge, message);
      for (size_t i = 0; i < mic.size(); ++i) message[ntlm::kMicOffset + i] = mic[i];
      if (break_mic) message[ntlm::kMicOffset] ^= 1;
    }
    return message;
  }

 private:
  Bytes Assemble(std::span<const uint8_t> nt, std::span<const uint8_t> domain16,
                 std::span<const uint8_t> key) const {
    const Bytes user16 = *bytes::Utf8ToUtf16Le(user);
    const std::array<std::span<const uint8_t>, 6> fields = {
        std::span<const uint8_t>(), nt, domain16, user16, std::span<const uint8_t>(), key};
    bytes::ByteWriter out;
    out.Append(ntlm::kSignature);
    out.U32(3);
    uint32_t offset = 88;
    for (const auto& field : fields) {
      out.U16(static_cast<uint16_t>(field.size()));
      out.U16(static_cast<uint16_t>(field.size()));
      out.U32(offset);
      offset += static_cast<uint32_t>(field.size());
    }
    out.U32(flags);
    out.Zeros(8 + 16);  // Version, MIC.
    for (const auto& field : fields) out.Append(field);
    return std::move(out).Take();
  }
};

}  // namespace continuo::auth::testing
