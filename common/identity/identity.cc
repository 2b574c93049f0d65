#include "common/identity/identity.h"

#include <algorithm>

#include <absl/strings/ascii.h>
#include <absl/strings/escaping.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_join.h>
#include <absl/strings/str_split.h>

#include "common/base/check.h"
#include "common/bytes/crc32c.h"
#include "common/crypto/hash.h"

namespace continuo::identity {
namespace {

constexpr std::string_view kTitle = "continuo identity ";
constexpr uint32_t kVersion = 1;
constexpr std::string_view kChecksum = "checksum ";
constexpr size_t kKeyIdBytes = 8;

using KeyVersions = std::map<std::string, uint32_t>;

uint32_t ChecksumOf(std::string_view text) {
  const std::vector<uint8_t> data(text.begin(), text.end());
  return bytes::Crc32c(data);
}

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(absl::StrFormat("the identity file: %s", what));
}

// One line per value: what could end a line does not come in.
std::string OneLine(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
  return text;
}

// The lines above a checksum that is right.
absl::StatusOr<std::vector<std::string>> CheckedLines(std::string_view text) {
  const size_t last = text.rfind(kChecksum);
  if (last == std::string_view::npos || (last != 0 && text[last - 1] != '\n')) {
    return Damaged("it ends without its checksum");
  }
  const std::string wanted = absl::StrFormat("%08x\n", ChecksumOf(text.substr(0, last)));
  if (text.substr(last + kChecksum.size()) != wanted) return Damaged("its checksum is wrong");
  std::vector<std::string> lines = absl::StrSplit(std::string(text.substr(0, last)), '\n');
  lines.pop_back();  // Behind the last line's end.
  return lines;
}

absl::Status CheckVersion(const std::vector<std::string>& lines) {
  uint32_t version = 0;
  if (lines.empty() || lines.front().rfind(kTitle, 0) != 0 ||
      !absl::SimpleAtoi(lines.front().substr(kTitle.size()), &version) || version == 0) {
    return Damaged("its first line is not \"continuo identity N\"");
  }
  if (version <= kVersion) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrFormat(
      "the identity file has version %d, this program reads %d: a newer Continuo has served here; "
      "install that version on this node",
      version, kVersion));
}

// "NAME NUMBER" or "NAME SID": the last blank divides, as names may have some.
bool SplitLast(std::string_view text, std::string* name, std::string* value) {
  const size_t blank = text.rfind(' ');
  if (blank == std::string_view::npos || blank == 0) return false;
  *name = std::string(text.substr(0, blank));
  *value = std::string(text.substr(blank + 1));
  return true;
}

bool SetGuid(const std::string& value, Guid* guid) {
  if (value.size() != guid->size() * 2 ||
      !std::all_of(value.begin(), value.end(), [](char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); })) {
    return false;
  }
  const std::string raw = absl::HexStringToBytes(value);
  std::copy(raw.begin(), raw.end(), guid->begin());
  return true;
}

bool SetKey(const std::string& value, Facts* facts) {
  std::string principal;
  std::string number;
  uint32_t version = 0;
  if (!SplitLast(value, &principal, &number) || !absl::SimpleAtoi(number, &version)) return false;
  if (!facts->keytab) facts->keytab.emplace();
  return facts->keytab->size() < kKeytabPrincipalsMax &&
         facts->keytab->emplace(principal, version).second;
}

bool SetDomain(const std::string& value, std::map<std::string, security::Sid>* domains) {
  std::string name;
  std::string text;
  if (!SplitLast(value, &name, &text)) return false;
  const auto sid = security::Sid::Parse(text);
  return sid && domains->size() < kDomainsMax && domains->emplace(name, *sid).second;
}

bool SetSid(const std::string& value, std::optional<security::Sid>* sid) {
  *sid = security::Sid::Parse(value);
  return sid->has_value();
}

// Unknown keys of this version are none: what a later one adds raises the version.
bool SetField(const std::string& key, const std::string& value, Identity* out) {
  Facts& facts = out->facts;
  if (key == "server_guid") return SetGuid(value, &out->server_guid);
  if (key == "server_name") return !(facts.server_name = value).empty();
  if (key == "ca_path") return !(facts.ca_path = value).empty();
  if (key == "machine_sid") return SetSid(value, &facts.machine_sid);
  if (key == "sealing_key") return !(facts.sealing_key_id = value).empty();
  if (key == "next_rid") return absl::SimpleAtoi(value, &facts.next_rid);
  if (key == "keytab") return SetKey(value, &facts);
  if (key == "domain") return SetDomain(value, &out->domains);
  return false;
}

// Compares one node with what is recorded; collects what differs.
class Comparison {
 public:
  Comparison(const Identity& recorded, const Facts& own) : result_(recorded), own_(own) {}

  void CompareAll() {
    const Facts before = result_.facts;
    Facts& now = result_.facts;
    if (!own_.server_name.empty()) {
      if (!absl::EqualsIgnoreCase(before.server_name, own_.server_name)) {
        Text("server_name", before.server_name, own_.server_name,
             "give server_name the same value in tsmb.conf on every node");
      }
      now.server_name = own_.server_name;
    }
    if (!own_.ca_path.empty()) {
      Text("ca_path", before.ca_path, own_.ca_path,
           "persistent handles of the cluster are kept there: mount and configure the same directory "
           "on every node");
      now.ca_path = own_.ca_path;
    }
    if (own_.machine_sid) {
      Text("the machine SID of userdb_file",
           before.machine_sid ? before.machine_sid->ToString() : "", own_.machine_sid->ToString(),
           "this node has a user database of its own: keep userdb_file on shared storage, or copy it "
           "with its .key from the node that served last");
      now.machine_sid = own_.machine_sid;
    }
    if (!own_.sealing_key_id.empty()) {
      Text("the sealing key beside userdb_file", before.sealing_key_id, own_.sealing_key_id,
           "copy userdb_file and its .key from the node that served last");
      now.sealing_key_id = own_.sealing_key_id;
    }
    CompareUsers(before);
    CompareKeytab(before);
  }

  absl::Status Verdict() const {
    if (differences_.empty()) return absl::OkStatus();
    return absl::FailedPreconditionError(
        "this node is not the cluster's: " + absl::StrJoin(differences_, "; ") +
        ". If this node is the right one and the cluster was changed on purpose: "
        "continuoctl identity accept");
  }
  const Identity& result() const { return result_; }

 private:
  void Text(std::string_view what, const std::string& recorded, const std::string& own,
            std::string_view advice) {
    if (recorded.empty() || recorded == own) return;
    differences_.push_back(absl::StrFormat("%s is %s here and %s in the cluster (%s)", what, own,
                                           recorded, advice));
  }

  void CompareUsers(const Facts& before) {
    if (own_.next_rid == 0) return;
    const bool is_same_database = before.machine_sid == own_.machine_sid;
    if (is_same_database && own_.next_rid < before.next_rid) {
      differences_.push_back(absl::StrFormat(
          "userdb_file is an old copy: its next RID is %d here and %d in the cluster (keep it on "
          "shared storage, or copy it from the node that served last)",
          own_.next_rid, before.next_rid));
    }
    result_.facts.next_rid = own_.next_rid;
  }

  void CompareKeytab(const Facts& before) {
    if (!own_.keytab) return;
    for (const auto& [principal, version] : before.keytab.value_or(KeyVersions())) {
      const auto found = own_.keytab->find(principal);
      if (found == own_.keytab->end()) {
        differences_.push_back(absl::StrFormat(
            "the keytab has no key of %s, which the cluster serves with (copy the cluster's keytab "
            "here)",
            principal));
      } else if (found->second < version) {
        differences_.push_back(absl::StrFormat(
            "the keytab has version %d of the key of %s, the cluster has %d (copy the cluster's "
            "keytab here)",
            found->second, principal, version));
      }
    }
    if (!own_.keytab->empty()) result_.facts.keytab = own_.keytab;
  }

  Identity result_;
  const Facts& own_;
  std::vector<std::string> differences_;
};

}  // namespace

std::string Encode(const Identity& identity) {
  const Facts& facts = identity.facts;
  std::string text = absl::StrFormat("%s%d\n", kTitle, kVersion);
  const auto add = [&text](std::string_view key, const std::string& value) {
    if (!value.empty()) absl::StrAppendFormat(&text, "%s %s\n", key, OneLine(value));
  };
  add("server_guid", absl::BytesToHexString(absl::string_view(
                         std::string(identity.server_guid.begin(), identity.server_guid.end()))));
  add("server_name", facts.server_name);
  add("ca_path", facts.ca_path);
  if (facts.machine_sid) add("machine_sid", facts.machine_sid->ToString());
  add("sealing_key", facts.sealing_key_id);
  if (facts.next_rid != 0) add("next_rid", absl::StrFormat("%d", facts.next_rid));
  for (const auto& [principal, version] : facts.keytab.value_or(KeyVersions())) {
    add("keytab", absl::StrFormat("%s %d", principal, version));
  }
  for (const auto& [name, sid] : identity.domains) {
    add("domain", absl::StrFormat("%s %s", name, sid.ToString()));
  }
  return text + absl::StrFormat("%s%08x\n", kChecksum, ChecksumOf(text));
}

absl::StatusOr<Identity> Decode(std::string_view text) {
  CONTINUO_ASSIGN_OR_RETURN(const std::vector<std::string> lines, CheckedLines(text));
  CONTINUO_RETURN_IF_ERROR(CheckVersion(lines));
  Identity identity;
  for (size_t i = 1; i < lines.size(); ++i) {
    const size_t blank = lines[i].find(' ');
    if (blank == std::string::npos ||
        !SetField(lines[i].substr(0, blank), lines[i].substr(blank + 1), &identity)) {
      return Damaged(absl::StrFormat("line %d is none that this version knows", i + 1));
    }
  }
  if (identity.server_guid == Guid{}) return Damaged("it has no server_guid");
  return identity;
}

std::string SealingKeyId(std::span<const uint8_t> key) {
  // A label of its own, so that the id is no digest that anything else makes of the key.
  static constexpr std::string_view kLabel = "continuo sealing key id v1";
  const std::vector<uint8_t> label(kLabel.begin(), kLabel.end());
  const crypto::Sha256Digest digest = crypto::HmacSha256(key, {label});
  return absl::BytesToHexString(std::string(digest.begin(), digest.begin() + kKeyIdBytes));
}

absl::StatusOr<Identity> Reconcile(const Identity& recorded, const Facts& own,
                                   OnDifference policy) {
  Comparison comparison(recorded, own);
  comparison.CompareAll();
  if (policy == OnDifference::kRefuse) CONTINUO_RETURN_IF_ERROR(comparison.Verdict());
  return comparison.result();
}

}  // namespace continuo::identity
