#include "common/config/not_built.h"

namespace continuo::config {
namespace {

constexpr NotBuilt kNotBuilt[] = {
    {"userdb_type", "ldap", "users are looked up in userdb_file"},
    {"ldap_uri", "", "no LDAP server is asked"},
    {"ldap_bind_dn", "", "no LDAP server is asked"},
    {"ldap_bind_pw", "", "no LDAP server is asked"},
    {"ldap_base_dn", "", "no LDAP server is asked"},
    {"ldap_username_attr", "", "no LDAP server is asked"},
    {"ldap_nthash_attr", "", "no LDAP server is asked"},
    {"ldap_timeout", "", "no LDAP server is asked"},
    {"listen", "NBSS", "nothing listens there"},
    {"listen", "NBNS", "nothing listens there"},
    {"listen", "NBDS", "nothing listens there"},
    {"listen", "WSD", "nothing listens there"},
    {"listen", "LLMNR", "nothing listens there"},
    {"listen", "SMBD", "nothing listens there"},
    {"unix_extensions", "", "clients are not offered SMB 3.1.1 POSIX extensions"},
    {"scale_out", "", "this node serves alone"},
    {"ca_params", "durable", "handles that are not persistent end with the server"},
    {"ca_params", "path=", "all handles are kept below ca_path"},
    {"transport_rx_threads", "", "event_loops says how many threads receive and send"},
    {"transport_tx_threads", "", "event_loops says how many threads receive and send"},
    {"authz_require_posix", "", "the security descriptor alone decides; mode bits are not asked"},
    {"access_based_enumeration", "", "listings show files that the caller may not read, too"},
    {"hide_dot_files", "", "files with a leading dot are not shown as hidden"},
    {"apple_extensions", "", "Apple clients are not offered their extensions"},
    {"server_side_copy", "", "server-side copy is always offered"},
    {"vfs_data_threads", "", "io_engine and vfs_metadata_threads decide about file I/O"},
    {"audit_enable", "", "nothing is audited"},
    {"audit_level", "", "nothing is audited"},
    {"apple_server_side_copy", "", "Apple clients copy through the network"},
    {"map_acls", "native", "that mapping is passed over"},
    {"map_attributes", "posix-exec", "that mapping is passed over"},
    {"map_attributes", "filename", "that mapping is passed over"},
    {"vss", "", "clients see no previous versions"},
};

}  // namespace

std::span<const NotBuilt> NotBuiltKeys() { return kNotBuilt; }

const NotBuilt* FindNotBuilt(std::string_view key, std::string_view value, bool is_default) {
  for (const NotBuilt& entry : kNotBuilt) {
    if (entry.key != key) continue;
    if (entry.value_part.empty() ? !is_default
                                 : value.find(entry.value_part) != std::string_view::npos) {
      return &entry;
    }
  }
  return nullptr;
}

}  // namespace continuo::config
