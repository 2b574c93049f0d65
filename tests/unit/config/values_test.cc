// Goal: each kind of value takes what the page says and nothing else, and what is shown is read
// back as the same value. Method: one table over key, text and the canonical form (or refusal).
#include <catch2/catch.hpp>

#include "common/config/key_table.h"

namespace continuo::config {
namespace {

struct Case {
  const char* key;
  const char* text;
  const char* shown;  // nullptr: refused.
};

TEST_CASE("tsmb.conf values: what is taken and what is refused", "[unit][config]") {
  const auto c = GENERATE(values<Case>({
      {"watchdog_interval", "10", "10s"},
      {"watchdog_interval", "200ms", "200ms"},
      {"watchdog_interval", "2 m", "120s"},
      {"watchdog_interval", "99ms", nullptr},
      {"watchdog_interval", "11m", nullptr},
      {"watchdog_interval", "-1", nullptr},
      {"watchdog_interval", "1.5s", nullptr},
      {"watchdog_interval", "ms", nullptr},
      {"watchdog_interval", "10 sec", nullptr},
      {"watchdog_interval", "99999999999999999999", nullptr},
      {"watchdog_timeout", "200", "200ms"},
      {"watchdog_timeout", "1000", "1s"},
      {"durable_v2_timeout", "24h", "86400s"},
      {"durable_v2_timeout", "1d", "86400s"},
      {"connections_max", "0", "0"},
      {"connections_max", "4294967296", nullptr},
      {"connections_max", "0x10", nullptr},
      {"smb2_read_max", "1M", "1048576"},
      {"smb2_read_max", "8388608", "8388608"},
      {"smb2_read_max", "9M", nullptr},
      {"smb2_read_max", "4294967295G", nullptr},
      {"smb2_read_max", "64k", "65536"},
      {"smb2_read_max", "1T", nullptr},
      {"listen", "ANY,0.0.0.0,IPv4,445,DIRECT_TCP", "ANY,0.0.0.0,IPv4,445,DIRECT_TCP"},
      {"listen", "eth0, fe80::1 ,ipv6, 445, direct_tcp", "eth0,fe80::1,IPv6,445,DIRECT_TCP"},
      {"listen", "ib0,10.0.0.1,RDMA_IPv4,445,SMBD,a=1,b", "ib0,10.0.0.1,RDMA_IPv4,445,SMBD,a=1,b"},
      {"listen", "ANY,0.0.0.0,IPv6,445,DIRECT_TCP", nullptr},
      {"listen", "ANY,0.0.0.0,IPv4,0,DIRECT_TCP", nullptr},
      {"listen", "ANY,0.0.0.0,IPv4,65536,DIRECT_TCP", nullptr},
      {"listen", "ANY,0.0.0.0,IPv4,445", nullptr},
      {"listen", ",0.0.0.0,IPv4,445,DIRECT_TCP", nullptr},
      {"listen", "ANY,0.0.0.0,IPv4,445,TCP", nullptr},
      {"listen", "ANY,host.example,IPv4,445,DIRECT_TCP", nullptr},
      {"dialects", "SMB3.1.1 SMB2.002", "SMB2.002 SMB3.1.1"},
      {"dialects", "smb3.0  SMB3.0", "SMB3.0"},
      {"dialects", "SMB1", nullptr},
      {"dialects", "", nullptr},
      {"metrics_listen", "off", "off"},
      {"metrics_listen", "127.0.0.2:1", "127.0.0.2:1"},
      {"metrics_listen", "[::1]:9445", "[::1]:9445"},
      {"metrics_listen", "0.0.0.0:9445", nullptr},
      {"metrics_listen", "127.0.0.1", nullptr},
      {"health_listen", "off", "off"},
      {"health_listen", "0.0.0.0:9450", "0.0.0.0:9450"},
      {"health_listen", "[::]:9450", "[::]:9450"},
      {"health_listen", "*:9450", nullptr},
      {"health_listen", "0.0.0.0:0", nullptr},
      {"tcp_tickle_params", "path=/mnt/_recovery", "path=/mnt/_recovery"},
      {"tcp_tickle_params", "/mnt/_recovery", nullptr},
      {"tcp_tickle_params", "path=relative", nullptr},
      {"ca_path", "/mnt/_ca/", "/mnt/_ca"},
      {"ca_path", "mnt", nullptr},
      {"userdb_type", "AD", "ad"},
      {"userdb_type", "sam", nullptr},
      {"delegation", "random", "random"},
      {"io_engine", "epoll", "epoll"},
      {"log_level", "6", nullptr},
      {"audit_params", "path=/a,days=7,uid=0,gid=4,cn=x,sensitive_data=hash",
       "path=/a,days=7,uid=0,gid=4,cn=x,sensitive_data=hash"},
      {"audit_params", "days=7", nullptr},
      {"audit_params", "path=/a,days=x", nullptr},
      {"audit_params", "path=/a,colour=red", nullptr},
      {"ca_params", "durable", "durable"},
      {"ca_params", "path=/x,durable", "path=/x,durable"},
      {"ca_params", "duration", nullptr},
      {"vfs", "libc", "libc"},
      {"vfs", "libc:force_sync", "libc:force_sync"},
      {"vfs", "libc:", nullptr},
      {"vfs", "gluster", nullptr},
      {"permissions", "everyone:full", "everyone:full"},
      {"permissions", "Everyone:READ , @domain admins:change,*S-1-5-32-544:full,DOM\\bob:no",
       "everyone:read, @domain admins:change, *S-1-5-32-544:full, DOM\\bob:no"},
      {"permissions", "anonymous:no, authenticatedusers:change",
       "anonymous:no, authenticatedusers:change"},
      {"permissions", "everyone", nullptr},
      {"permissions", "everyone:write", nullptr},
      {"permissions", ":full", nullptr},
      {"permissions", "@:full", nullptr},
      {"permissions", "*S-1-5-:full", nullptr},
      {"permissions", "everyone:full,", nullptr},
      {"map_acls", "xattr:v4, native,posix-acl", "xattr:v4, native, posix-acl"},
      {"map_acls", "xattr:v5", nullptr},
      {"map_attributes", "xattr:v5, posix-exec:AH, filename:H:.*",
       "xattr:v5, posix-exec:AH, filename:H:.*"},
      {"map_attributes", "filename:HS:a:b*", "filename:HS:a:b*"},
      {"map_attributes", "xattr:v2", nullptr},
      {"map_attributes", "posix-exec:R", nullptr},
      {"map_attributes", "posix-exec:", nullptr},
      {"map_attributes", "filename:H:", nullptr},
      {"vss_params", "path=/s,share_root=r", "path=/s,share_root=r"},
      {"vss_params", "share_root=r", nullptr},
      {"force_create_mode", "0660", "0660"},
      {"force_create_mode", "2770", "2770"},
      {"force_create_mode", "0888", nullptr},
      {"force_create_mode", "17777", nullptr},
      {"netname", "Data files", "Data files"},
      {"netname", "", nullptr},
      {"netname", "a/b", nullptr},
      {"netname", "ipc$", nullptr},
      {"netname", "C$", "C$"},
  }));
  CAPTURE(c.key, c.text);
  const KeyInfo* key = FindKey(c.key);
  REQUIRE(key != nullptr);
  Global global;
  Share share;
  const std::string before = key->IsInGlobal() ? key->show_global(global) : key->show_share(share);
  const absl::Status status =
      key->IsInGlobal() ? key->set_global(global, c.text) : key->set_share(share, c.text);
  const std::string after = key->IsInGlobal() ? key->show_global(global) : key->show_share(share);
  CHECK(status.ok() == (c.shown != nullptr));
  if (!status.ok()) CHECK(std::string(status.message()).starts_with("expected"));
  CHECK(after == (c.shown == nullptr ? before : c.shown));
}

TEST_CASE("tsmb.conf values: a share name has at most 80 characters", "[unit][config]") {
  Share share;
  CHECK(FindKey("netname")->set_share(share, std::string(80, 'x')).ok());
  CHECK_FALSE(FindKey("netname")->set_share(share, std::string(81, 'x')).ok());
}

TEST_CASE("tsmb.conf keys: each default is a value its key takes", "[unit][config]") {
  for (const KeyInfo& key : KeyTable()) {
    CAPTURE(key.name);
    CHECK_FALSE(key.meaning.empty());
    CHECK_FALSE(key.syntax.empty());
    CHECK((key.IsInGlobal() || key.IsInShare()));
    const std::string standard = key.Default();
    if (standard.empty()) continue;
    Global global;
    Share share;
    CHECK((key.IsInGlobal() ? key.set_global(global, standard) : key.set_share(share, standard))
              .ok());
    CHECK((key.IsInGlobal() ? key.show_global(global) : key.show_share(share)) == standard);
  }
}

}  // namespace
}  // namespace continuo::config
