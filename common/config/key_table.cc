#include "common/config/key_table.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "common/config/values.h"

namespace continuo::config {
namespace {

constexpr auto kReload = Apply::kReload;
constexpr auto kRestart = Apply::kRestart;
constexpr uint32_t kMaxThreads = 1024;
constexpr uint32_t kMaxTransferSizeBytes = 8u << 20;
constexpr uint32_t kMinTransferSizeBytes = 64u << 10;
constexpr uint32_t kMaxLogLevel = 5;
constexpr uint32_t kMaxAuditLevel = 10;

DurationRange Between(absl::Duration min, absl::Duration max) { return {min, max}; }

// `access` is a member pointer or a callable from a block to the field, const or not.
template <typename T, typename Access>
void BindGlobal(KeyInfo& key, const Codec<T>& codec, Access access) {
  key.set_global = [codec, access](Global& global, std::string_view text) {
    return codec.parse(text, std::invoke(access, global));
  };
  key.show_global = [codec, access](const Global& global) {
    return codec.format(std::invoke(access, global));
  };
  key.same_global = [access](const Global& a, const Global& b) {
    return std::invoke(access, a) == std::invoke(access, b);
  };
}

template <typename T, typename Access>
void BindShare(KeyInfo& key, const Codec<T>& codec, Access access) {
  key.set_share = [codec, access](Share& share, std::string_view text) {
    return codec.parse(text, std::invoke(access, share));
  };
  key.show_share = [codec, access](const Share& share) {
    return codec.format(std::invoke(access, share));
  };
  key.same_share = [access](const Share& a, const Share& b) {
    return std::invoke(access, a) == std::invoke(access, b);
  };
}

template <typename T>
KeyInfo BareKey(std::string name, Apply apply, const Codec<T>& codec, std::string meaning) {
  KeyInfo key;
  key.name = std::move(name);
  key.syntax = codec.syntax;
  key.meaning = std::move(meaning);
  key.apply = apply;
  return key;
}

template <typename T, typename Access>
KeyInfo G(std::string name, Access access, Apply apply, const Codec<T>& codec,
          std::string meaning) {
  KeyInfo key = BareKey(std::move(name), apply, codec, std::move(meaning));
  BindGlobal(key, codec, access);
  return key;
}

template <typename T, typename Access>
KeyInfo S(std::string name, Access access, const Codec<T>& codec, std::string meaning) {
  KeyInfo key = BareKey(std::move(name), kReload, codec, std::move(meaning));
  BindShare(key, codec, access);
  return key;
}

// A key of both blocks: a share starts with the global value.
KeyInfo Both(std::string name, bool Global::*in_global, bool Share::*in_share, Apply apply,
             std::string meaning) {
  KeyInfo key = BareKey(std::move(name), apply, BooleanCodec(), std::move(meaning));
  BindGlobal(key, BooleanCodec(), in_global);
  BindShare(key, BooleanCodec(), in_share);
  return key;
}

KeyInfo Secretly(KeyInfo key) {
  key.is_secret = true;
  return key;
}

KeyInfo ListenKey() {
  KeyInfo key = BareKey("listen", kRestart, ListenCodec(),
                        "Where to accept clients; repeats. Interface may be ANY; family IPv4, "
                        "IPv6, RDMA_IPv4 or RDMA_IPv6; protocol DIRECT_TCP, NBSS, NBNS, NBDS, "
                        "WSD, LLMNR or SMBD.");
  key.is_repeatable = true;
  key.set_global = [](Global& global, std::string_view text) {
    Listen listen;
    const absl::Status parsed = ListenCodec().parse(text, listen);
    if (parsed.ok()) global.listen.push_back(std::move(listen));
    return parsed;
  };
  key.show_global = [](const Global& global) {
    if (global.listen.empty()) return ListenCodec().format(Listen{});
    std::vector<std::string> lines;
    for (const Listen& listen : global.listen) lines.push_back(ListenCodec().format(listen));
    return JoinNames(lines, "; ");
  };
  key.same_global = [](const Global& a, const Global& b) { return a.listen == b.listen; };
  return key;
}

void AddIdentity(std::vector<KeyInfo>& t) {
  const EnumNames<UserDbType> types = {
      {"text", UserDbType::kText}, {"ldap", UserDbType::kLdap}, {"ad", UserDbType::kAd}};
  t.push_back(G("server_name", &Global::server_name, kRestart, NameCodec("name"),
                "Name shown to clients; empty: the host name up to its first dot."));
  t.push_back(G("domain", &Global::domain, kRestart, NameCodec("name"),
                "NetBIOS or DNS domain, or Kerberos realm."));
  t.push_back(G("userdb_type", &Global::userdb_type, kRestart, EnumCodec(types),
                "Where users are looked up."));
  t.push_back(G("userdb_file", &Global::userdb_file, kRestart, AbsolutePathCodec(),
                "User database with userdb_type = text."));
  t.push_back(G("kerberos_keytab", &Global::kerberos_keytab, kReload, AbsolutePathCodec(),
                "Keytab with the cifs/ keys of this server; empty: Kerberos is offered only with "
                "userdb_type = ad, from the system's keytab."));
  t.push_back(G("ldap_uri", [](auto& g) -> auto& { return g.ldap.uri; }, kReload,
                TextCodec("ldap://… or ldaps://…"), "LDAP server."));
  t.push_back(G("ldap_bind_dn", [](auto& g) -> auto& { return g.ldap.bind_dn; }, kReload,
                TextCodec("DN"), "Who to bind as; empty: anonymous."));
  t.push_back(Secretly(G("ldap_bind_pw", [](auto& g) -> auto& { return g.ldap.bind_pw; }, kReload,
                         SecretCodec(), "Password of ldap_bind_dn; never shown.")));
  t.push_back(G("ldap_base_dn", [](auto& g) -> auto& { return g.ldap.base_dn; }, kReload,
                TextCodec("DN"), "Where users are searched."));
  t.push_back(G("ldap_username_attr", [](auto& g) -> auto& { return g.ldap.username_attr; },
                kReload, NameCodec("attribute"), "Attribute of the user's name."));
  t.push_back(G("ldap_nthash_attr", [](auto& g) -> auto& { return g.ldap.nthash_attr; }, kReload,
                NameCodec("attribute"), "Attribute of the NT hash."));
  t.push_back(G("ldap_timeout", [](auto& g) -> auto& { return g.ldap.timeout; }, kReload,
                DurationCodec(BareUnit::kSeconds, Between(absl::Seconds(1), absl::Minutes(5))),
                "How long an answer may take."));
  t.push_back(G("privilegedb", &Global::privilegedb, kRestart, AbsolutePathCodec(),
                "Privilege database."));
  t.push_back(G("runstate_dir", &Global::runstate_dir, kRestart, AbsolutePathCodec(),
                "Directory for state shared by the nodes of a cluster: who they are together (`identity`) and "
                "what happened at a failover (`failover/`). With one node, its own."));
}

void AddProtocol(std::vector<KeyInfo>& t) {
  t.push_back(ListenKey());
  t.push_back(G("dialects", &Global::dialects, kReload, DialectsCodec(),
                "Dialects offered to new connections: SMB2.002, SMB2.1, SMB3.0, SMB3.02, "
                "SMB3.1.1."));
  t.push_back(G("require_message_signing", &Global::require_message_signing, kReload,
                BooleanCodec(), "Sessions that do not sign are refused."));
  t.push_back(Both("encrypt_data", &Global::encrypt_data, &Share::encrypt_data, kReload,
                   "Traffic is encrypted; a share starts with the global value."));
  t.push_back(G("reject_unencrypted_access", &Global::reject_unencrypted_access, kReload,
                BooleanCodec(), "Where encryption is on, clients that cannot are refused."));
  t.push_back(G("allow_guest", &Global::allow_guest, kReload, BooleanCodec(),
                "Unknown users become guest."));
  t.push_back(G("null_session_access", &Global::null_session_access, kReload, BooleanCodec(),
                "Anonymous sessions may connect to IPC$ and to shares that permit anonymous."));
  t.push_back(G("unix_extensions", &Global::unix_extensions, kReload, BooleanCodec(),
                "SMB 3.1.1 POSIX extensions."));
  t.push_back(G("enable_oplock", &Global::enable_oplock, kReload, BooleanCodec(),
                "Oplocks and leases are granted."));
  t.push_back(G("enable_ipc", &Global::enable_ipc, kReload, BooleanCodec(),
                "IPC$ and its named pipes, which list shares."));
  t.push_back(G("apple_extensions", &Global::apple_extensions, kReload, BooleanCodec(),
                "The AAPL create context of macOS."));
  t.push_back(G("apple_server_side_copy", &Global::apple_server_side_copy, kReload,
                BooleanCodec(), "Apple clients may copy inside the server."));
  t.push_back(G("server_side_copy", &Global::server_side_copy, kReload, BooleanCodec(),
                "Clients may copy inside the server (FSCTL_SRV_COPYCHUNK)."));
  t.push_back(G("access_based_share_enumeration", &Global::access_based_share_enumeration,
                kReload, BooleanCodec(), "Users see only the shares they may connect to."));
  t.push_back(G("authz_require_posix", &Global::authz_require_posix, kRestart, BooleanCodec(),
                "The POSIX mode bits must also allow what the security descriptor allows."));
}

void AddAvailability(std::vector<KeyInfo>& t) {
  const auto seconds = [](absl::Duration min, absl::Duration max) {
    return DurationCodec(BareUnit::kSeconds, Between(min, max));
  };
  const EnumNames<DelegationMode> modes = {{"on", DelegationMode::kOn},
                                           {"off", DelegationMode::kOff},
                                           {"random", DelegationMode::kRandom}};
  t.push_back(G("scale_out", &Global::scale_out, kRestart, BooleanCodec(),
                "All nodes serve at the same time and share open-file state over Corosync."));
  t.push_back(G("unsafe_no_fencing", &Global::unsafe_no_fencing, kRestart, BooleanCodec(),
                "Lets scale_out start without fencing: two nodes may then both own a file, and "
                "data may be lost."));
  t.push_back(Both("ca", &Global::ca, &Share::ca, kRestart,
                   "Continuous availability: persistent handles; a share starts with the global "
                   "value."));
  t.push_back(G("ca_path", &Global::ca_path, kRestart, AbsolutePathCodec(),
                "Directory on shared storage of the persistent-handle database."));
  t.push_back(S("ca_params", &Share::ca_params, CaParamsCodec(),
                "path is accepted for older files: all persistent handles are kept below ca_path."));
  t.push_back(S("ca_write_through", &Share::ca_write_through, BooleanCodec(),
                "What is changed through a persistent handle (data, size, names, attributes) is "
                "durable before it is acknowledged; false is weaker than the protocol promises."));
  t.push_back(G("ca_reclaim_hold", &Global::ca_reclaim_hold, kReload,
                seconds(absl::ZeroDuration(), absl::Minutes(2)),
                "How long an open waits for the owner of a disconnected persistent handle."));
  t.push_back(G("tcp_tickle", &Global::tcp_tickle, kRestart, BooleanCodec(),
                "Clients of a failed node are told at once to reconnect."));
  t.push_back(G("tcp_tickle_params", &Global::tcp_tickle_path, kRestart, PathParamCodec(),
                "Connection-recovery database on shared storage."));
  t.push_back(G("watchdog_interval", &Global::watchdog_interval, kReload,
                seconds(absl::Milliseconds(100), absl::Minutes(10)),
                "Time between health checks of the daemons."));
  t.push_back(G("watchdog_timeout", &Global::watchdog_timeout, kReload,
                DurationCodec(BareUnit::kMilliseconds,
                              Between(absl::Milliseconds(100), absl::Minutes(10))),
                "How long a daemon may take to answer before it counts as failed."));
  t.push_back(G("drain_timeout", &Global::drain_timeout, kReload,
                seconds(absl::ZeroDuration(), absl::Minutes(10)),
                "How long an orderly stop may take."));
  t.push_back(G("delegation", &Global::delegation, kRestart, EnumCodec(modes),
                "on: smb-frontend decides about files that only it uses; off: every operation "
                "goes through fsa-state-service; random: delegations are recalled at random "
                "moments (tests)."));
  t.push_back(G("delegation_recall_interval", &Global::delegation_recall_interval, kRestart,
                DurationCodec(BareUnit::kMilliseconds,
                              Between(absl::Milliseconds(1), absl::Hours(1))),
                "Mean time between recalls with delegation = random."));
  t.push_back(G("durable_v1_timeout", &Global::durable_v1_timeout, kReload,
                seconds(absl::ZeroDuration(), absl::Hours(24)),
                "How long a durable handle (version 1) waits for its client."));
  t.push_back(G("durable_v2_timeout", &Global::durable_v2_timeout, kReload,
                seconds(absl::ZeroDuration(), absl::Hours(24)),
                "How long a durable handle (version 2) waits when its client names no time."));
}

void AddLimits(std::vector<KeyInfo>& t) {
  const CountRange any;
  const CountRange threads = {0, kMaxThreads};
  const CountRange transfer = {kMinTransferSizeBytes, kMaxTransferSizeBytes};
  const EnumNames<IoEngine> engines = {{"auto", IoEngine::kAuto},
                                       {"io_uring", IoEngine::kIoUring},
                                       {"epoll", IoEngine::kEpoll}};
  t.push_back(G("connections_max", &Global::connections_max, kReload, CountCodec(any),
                "Connections at a time; 0: unlimited."));
  t.push_back(G("sessions_max", &Global::sessions_max, kReload, CountCodec(any),
                "Sessions at a time; 0: unlimited."));
  t.push_back(G("open_files_max", &Global::open_files_max, kReload, CountCodec(any),
                "Opens at a time; 0: unlimited."));
  t.push_back(G("sess_open_files_max", &Global::sess_open_files_max, kReload, CountCodec(any),
                "Opens of one session at a time; 0: unlimited."));
  t.push_back(G("smb2_trans_max", &Global::smb2_trans_max, kReload, SizeCodec(transfer),
                "Largest transaction that clients are offered."));
  t.push_back(G("smb2_read_max", &Global::smb2_read_max, kReload, SizeCodec(transfer),
                "Largest read that clients are offered."));
  t.push_back(G("smb2_write_max", &Global::smb2_write_max, kReload, SizeCodec(transfer),
                "Largest write that clients are offered."));
  t.push_back(G("io_engine", &Global::io_engine, kRestart, EnumCodec(engines),
                "How sockets and files are driven; auto takes io_uring where the kernel has it."));
  t.push_back(G("event_loops", &Global::event_loops, kRestart, CountCodec(threads),
                "Threads that serve connections; 0: one for each core."));
  t.push_back(G("vfs_metadata_threads", &Global::vfs_metadata_threads, kRestart,
                CountCodec(threads), "Threads for blocking name and attribute calls; 0: chosen."));
  t.push_back(G("vfs_data_threads", &Global::vfs_data_threads, kRestart, CountCodec(threads),
                "Threads for blocking reads and writes; 0: chosen."));
  t.push_back(G("transport_rx_threads", &Global::transport_rx_threads, kRestart,
                CountCodec(threads), "Receiving threads; 0: chosen."));
  t.push_back(G("transport_tx_threads", &Global::transport_tx_threads, kRestart,
                CountCodec(threads), "Sending threads; 0: chosen."));
}

void AddObservation(std::vector<KeyInfo>& t) {
  const EnumNames<LogDestination> destinations = {{"console", LogDestination::kConsole},
                                                  {"syslog", LogDestination::kSyslog},
                                                  {"file", LogDestination::kFile}};
  t.push_back(G("log_destination", &Global::log_destination, kRestart, EnumCodec(destinations),
                "Where log lines go."));
  t.push_back(G("log_level", &Global::log_level, kReload, CountCodec({0, kMaxLogLevel}),
                "0 off, 1 error, 2 warning, 3 info, 4 debug, 5 trace."));
  t.push_back(G("log_params", &Global::log_path, kRestart, PathParamCodec(),
                "File, or directory with one file for each daemon, with log_destination = file."));
  t.push_back(G("metrics_listen", &Global::metrics_listen, kRestart, LoopbackAddressCodec(),
                "Prometheus metrics, on loopback only. The port is smb-frontend's; auth-service "
                "has the next one, then fsa-state-service, ca-store-service, tickle-service and "
                "watchdog-supervisor."));
  t.push_back(G("health_listen", &Global::health_listen, kRestart, AddressAndPortCodec(),
                "Where watchdog-supervisor tells the node's overall health over TCP too "
                "(grpc.health.v1 alone, for the probes of Kubernetes); whoever reaches the port may "
                "ask."));
  t.push_back(G("audit_enable", &Global::audit_enable, kRestart, BooleanCodec(),
                "What clients do is written to an audit log."));
  t.push_back(G("audit_params", &Global::audit_params, kRestart, AuditParamsCodec(),
                "Where the audit log is, days it is kept, its owner, and what happens to names."));
  t.push_back(S("audit_level", &Share::audit_level, CountCodec({0, kMaxAuditLevel}),
                "How much of this share is audited; 0: nothing."));
}

void AddShares(std::vector<KeyInfo>& t) {
  t.push_back(S("netname", &Share::netname, NetnameCodec(), "Name that clients connect to."));
  t.push_back(S("path", &Share::path, AbsolutePathCodec(), "Directory that is shared."));
  t.push_back(S("remark", &Share::remark, TextCodec("text"), "Comment in listings."));
  t.push_back(S("vfs", &Share::vfs, VfsCodec(),
                "Backend. libc:force_sync makes every write and metadata change durable before it "
                "is acknowledged. It is needed where clients without persistent handles must lose "
                "nothing that they were told of when a node fails: SMB 2 and macOS clients, mounts "
                "without persistenthandles, directories. Through persistent handles everything is "
                "durable without it. It costs a sync for each change."));
  t.push_back(S("permissions", &Share::permissions, PermissionsCodec(),
                "Who may connect, and to do what: who is everyone, anonymous, "
                "authenticatedusers, a user, @group or *S-1-…; access is no, read, change or "
                "full."));
  t.push_back(S("security_descriptor", &Share::security_descriptor, TextCodec("SDDL"),
                "The same as SDDL; excludes permissions."));
  t.push_back(S("administrative", &Share::administrative, BooleanCodec(),
                "Only administrators connect."));
  t.push_back(S("access_based_enumeration", &Share::access_based_enumeration, BooleanCodec(),
                "Listings show only what the user may open."));
  t.push_back(S("case_insensitive", &Share::case_insensitive, BooleanCodec(),
                "Names are found whatever the case of their letters."));
  t.push_back(S("hide_dot_files", &Share::hide_dot_files, BooleanCodec(),
                "Names that begin with a dot have the hidden attribute."));
  t.push_back(S("named_streams", &Share::named_streams, BooleanCodec(),
                "Files may have named streams."));
  t.push_back(S("map_acls", &Share::map_acls, AclMappingsCodec(),
                "Where security descriptors are kept; with commas between them, the first that "
                "answers wins. v3 and v4 are Samba's security.NTACL formats."));
  t.push_back(S("map_attributes", &Share::map_attributes, AttributeMappingsCodec(),
                "How DOS attributes are kept. v3, v4 and v5 are Samba's user.DOSATTRIB formats."));
  t.push_back(S("force_create_mode", &Share::force_create_mode, OctalModeCodec(),
                "Mode bits that every new file gets."));
  t.push_back(S("force_directory_mode", &Share::force_directory_mode, OctalModeCodec(),
                "Mode bits that every new directory gets."));
  t.push_back(S("vss", &Share::vss, BooleanCodec(), "Previous versions."));
  t.push_back(S("vss_params", &Share::vss_params, VssParamsCodec(),
                "Where the versions are; ${share.netname}, ${share.path.dirname} and "
                "${share.path.basename} are replaced."));
}

std::vector<KeyInfo> MakeTable() {
  std::vector<KeyInfo> table;
  AddIdentity(table);
  AddProtocol(table);
  AddAvailability(table);
  AddLimits(table);
  AddObservation(table);
  AddShares(table);
  return table;
}

// Levenshtein distance; both texts are short.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t substituted = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({substituted, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string KeyInfo::Default() const {
  return IsInGlobal() ? show_global(Global{}) : show_share(Share{});
}

const std::vector<KeyInfo>& KeyTable() {
  static const std::vector<KeyInfo>* const kTable = new std::vector<KeyInfo>(MakeTable());
  return *kTable;
}

const KeyInfo* FindKey(std::string_view name) {
  for (const KeyInfo& key : KeyTable()) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

std::string NearestKey(std::string_view name) {
  constexpr size_t kMaxNameSizeBytes = 64;
  if (name.size() > kMaxNameSizeBytes) return "";
  std::string lower(name);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    if (c == '-' || c == ' ') c = '_';
  }
  const KeyInfo* nearest = nullptr;
  size_t nearest_distance = 1 + std::max<size_t>(2, name.size() / 4);
  for (const KeyInfo& key : KeyTable()) {
    const size_t distance = EditDistance(lower, key.name);
    if (distance < nearest_distance) {
      nearest = &key;
      nearest_distance = distance;
    }
  }
  return nearest == nullptr ? "" : nearest->name;
}

}  // namespace continuo::config
