// The typed form of tsmb.conf: what the six daemons and the tools read.
//
//   const config::ParseResult parsed = config::LoadConfigFile("/etc/tsmb.conf", {});
//   if (!parsed.ok()) { std::cerr << parsed.DescribeErrors(); return kExitBadConfig; }
//   Serve(parsed.config.global.listen, parsed.config.shares);
//
// The file is parsed once (parser.h); constructors receive the values they need, nothing reads the
// configuration globally. What each key means, its unit, range, default and whether a reload
// applies it is in one table (key_table.h), which also writes deploy/tsmb.conf.md.
//
// Threading: plain values; share a `const Config` freely.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/time/time.h>

namespace continuo::config {

// Text that no log line, message or dump shows. Reveal() is the one way out.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  const std::string& Reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  std::string value_;
};

enum class UserDbType { kText, kLdap, kAd };
enum class AddressFamily { kIpv4, kIpv6, kRdmaIpv4, kRdmaIpv6 };
enum class ListenProtocol { kDirectTcp, kNbss, kNbns, kNbds, kWsd, kLlmnr, kSmbd };
enum class LogDestination { kConsole, kSyslog, kFile };
enum class IoEngine { kAuto, kIoUring, kEpoll };
// `delegation`: kOn is the normal way; kOff sends every operation through fsa-state-service;
// kRandom recalls delegations at random moments (tests).
enum class DelegationMode { kOn, kOff, kRandom };
// Wire values of [MS-SMB2] 2.2.3.
enum class Dialect : uint16_t {
  kSmb202 = 0x0202,
  kSmb210 = 0x0210,
  kSmb300 = 0x0300,
  kSmb302 = 0x0302,
  kSmb311 = 0x0311,
};

// One `listen` line: interface,address,family,port,protocol[,params].
struct Listen {
  std::string interface = "ANY";  // "ANY": every interface.
  std::string address = "0.0.0.0";
  AddressFamily family = AddressFamily::kIpv4;
  uint16_t port = 445;
  ListenProtocol protocol = ListenProtocol::kDirectTcp;
  std::vector<std::string> params;
  friend bool operator==(const Listen&, const Listen&) = default;
};

// A numeric address with a port. An empty address means: off.
struct HostPort {
  std::string address;
  uint16_t port = 0;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

enum class PermissionWho { kEveryone, kAnonymous, kAuthenticatedUsers, kUser, kGroup, kSid };
enum class PermissionAccess { kNo, kRead, kChange, kFull };
struct PermissionEntry {
  PermissionWho who = PermissionWho::kEveryone;
  std::string name;  // User, group (without '@') or SID text (without '*'); else empty.
  PermissionAccess access = PermissionAccess::kRead;
  friend bool operator==(const PermissionEntry&, const PermissionEntry&) = default;
};

struct VfsSpec {
  std::string backend = "libc";
  std::vector<std::string> options;
  // Every write and metadata change is durable before it is acknowledged (`libc:force_sync`).
  bool force_sync = false;
  friend bool operator==(const VfsSpec&, const VfsSpec&) = default;
};

// `map_acls`: where a security descriptor is looked for; the first that answers wins.
enum class AclMapping { kXattrAny, kXattrRaw, kXattrV3, kXattrV4, kNative, kPosixAcl };

// `map_attributes`: how DOS attributes are kept.
enum class AttributeMappingKind { kXattr, kPosixExec, kFilename };
struct AttributeMapping {
  AttributeMappingKind kind = AttributeMappingKind::kXattr;
  int xattr_version = 0;   // 3, 4 or 5; 0: write the newest, read all.
  std::string attributes;  // Letters out of A, S, H, R (kPosixExec, kFilename).
  std::string pattern;     // Name pattern (kFilename).
  friend bool operator==(const AttributeMapping&, const AttributeMapping&) = default;
};

struct CaParams {
  std::string path;  // Resolved: <ca_path>/<netname> where the file says nothing.
  bool durable = false;
  friend bool operator==(const CaParams&, const CaParams&) = default;
};

enum class SensitiveData { kAllow, kStrip, kHash };
struct AuditParams {
  std::string path;
  uint32_t days = 0;  // 0: kept for ever.
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::string cn;
  SensitiveData sensitive_data = SensitiveData::kAllow;
  friend bool operator==(const AuditParams&, const AuditParams&) = default;
};

// `vss_params`: previous versions. The ${share.…} variables are replaced when the share block ends.
struct VssParams {
  std::string path;
  std::string share_root;
  friend bool operator==(const VssParams&, const VssParams&) = default;
};

struct Ldap {
  std::string uri;
  std::string bind_dn;
  Secret bind_pw;
  std::string base_dn;
  std::string username_attr = "uid";
  std::string nthash_attr = "sambaNTPassword";
  absl::Duration timeout = absl::Seconds(10);
};

// The [global] block. Members carry the names of their keys.
struct Global {
  std::string server_name;  // Empty: the host name up to its first dot.
  std::string domain;
  UserDbType userdb_type = UserDbType::kText;
  std::string userdb_file = "/var/lib/continuo/users.db";
  Ldap ldap;
  std::string privilegedb = "/var/lib/continuo/privileges.db";
  std::string kerberos_keytab;  // Empty: no Kerberos with userdb_type text, else the system keytab.
  std::string runstate_dir = "/var/lib/continuo";

  std::vector<Listen> listen;  // Never empty after parsing.
  std::vector<Dialect> dialects = {Dialect::kSmb202, Dialect::kSmb210, Dialect::kSmb300,
                                   Dialect::kSmb302, Dialect::kSmb311};  // Ascending.
  bool require_message_signing = false;
  bool encrypt_data = false;
  bool reject_unencrypted_access = true;
  bool allow_guest = false;
  bool null_session_access = false;
  bool unix_extensions = false;
  bool enable_oplock = true;
  bool enable_ipc = true;

  bool scale_out = false;
  bool unsafe_no_fencing = false;
  bool ca = false;
  std::string ca_path;
  absl::Duration ca_reclaim_hold = absl::Seconds(10);
  bool tcp_tickle = false;
  std::string tcp_tickle_path;  // From tcp_tickle_params.
  absl::Duration watchdog_interval = absl::Seconds(10);
  absl::Duration watchdog_timeout = absl::Seconds(1);
  absl::Duration drain_timeout = absl::Seconds(10);
  DelegationMode delegation = DelegationMode::kOn;
  absl::Duration delegation_recall_interval = absl::Milliseconds(50);

  absl::Duration durable_v1_timeout = absl::Seconds(960);
  absl::Duration durable_v2_timeout = absl::Seconds(180);
  // Limits; 0: unlimited.
  uint32_t connections_max = 1024;
  uint32_t sessions_max = 0;
  uint32_t open_files_max = 0;
  uint32_t sess_open_files_max = 0;
  uint32_t smb2_trans_max = 8388608;  // Bytes.
  uint32_t smb2_read_max = 8388608;   // Bytes.
  uint32_t smb2_write_max = 8388608;  // Bytes.

  IoEngine io_engine = IoEngine::kAuto;
  uint32_t event_loops = 0;  // 0: one for each core.
  uint32_t vfs_metadata_threads = 0;
  uint32_t vfs_data_threads = 0;
  uint32_t transport_rx_threads = 0;
  uint32_t transport_tx_threads = 0;

  bool audit_enable = false;
  AuditParams audit_params;
  LogDestination log_destination = LogDestination::kConsole;
  uint32_t log_level = 3;  // 0 off, 1 error, 2 warning, 3 info, 4 debug, 5 trace.
  std::string log_path;    // From log_params.
  HostPort metrics_listen = {"127.0.0.1", 9445};  // Base port: see MetricsAddressOf.
  HostPort health_listen;                         // Of watchdog-supervisor; empty: off.

  bool access_based_share_enumeration = false;
  bool apple_extensions = true;
  bool apple_server_side_copy = false;
  bool server_side_copy = true;
  bool authz_require_posix = false;
};

// One [share] block.
struct Share {
  std::string netname;
  std::string path;
  std::string remark;
  VfsSpec vfs;
  std::vector<PermissionEntry> permissions = {PermissionEntry{}};  // everyone:read
  std::string security_descriptor;  // SDDL; when not empty it decides and `permissions` is empty.
  bool encrypt_data = false;        // Starts as the global value.
  bool ca = false;                  // Starts as the global value.
  CaParams ca_params;
  bool ca_write_through = true;
  uint32_t audit_level = 0;
  std::vector<AclMapping> map_acls = {AclMapping::kXattrAny};
  std::vector<AttributeMapping> map_attributes = {AttributeMapping{}};
  bool named_streams = true;
  bool vss = false;
  VssParams vss_params;
  bool access_based_enumeration = false;
  bool administrative = false;
  bool case_insensitive = true;
  bool hide_dot_files = true;
  uint32_t force_create_mode = 0;     // Mode bits that every new file gets.
  uint32_t force_directory_mode = 0;  // Mode bits that every new directory gets.
};

struct Config {
  Global global;
  std::vector<Share> shares;
};

// Equal by case-insensitive netname, as clients ask for it; nullptr if there is none.
const Share* FindShare(const Config& config, std::string_view netname);

// "127.0.0.1:9445" or "[::1]:9445"; empty when there is no address.
std::string ToText(const HostPort& address);

// Where the named daemon serves its metrics: metrics_listen with the port raised by the daemon's
// fixed place (smb-frontend 0, auth-service 1, fsa-state-service 2, ca-store-service 3,
// tickle-service 4, watchdog-supervisor 5). Nothing when metrics are off or the daemon is unknown.
std::optional<HostPort> MetricsAddressOf(const Config& config, std::string_view daemon_name);

}  // namespace continuo::config
