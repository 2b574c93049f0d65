#include "services/auth-service/kerberos/keytab_keys.h"

#include <algorithm>

#include <absl/strings/str_format.h>

#include "services/auth-service/kerberos/krb5_handles.h"

namespace continuo::auth::kerberos {

absl::StatusOr<std::map<std::string, uint32_t>> ReadKeytabKeys(const std::string& path) {
  const Krb5Context context;
  const auto failed = [&](krb5_error_code code) {
    return absl::FailedPreconditionError(
        absl::StrFormat("keytab %s: %s", path, context.Message(code)));
  };
  if (context.code() != 0) return failed(context.code());
  const Keytab keytab(context, path);
  if (keytab.code() != 0) return failed(keytab.code());
  krb5_kt_cursor cursor = nullptr;
  if (const auto code = krb5_kt_start_seq_get(context.get(), keytab.get(), &cursor); code != 0) {
    return failed(code);
  }
  std::map<std::string, uint32_t> keys;
  krb5_keytab_entry entry{};
  krb5_error_code code = 0;
  while ((code = krb5_kt_next_entry(context.get(), keytab.get(), &entry, &cursor)) == 0) {
    char* name = nullptr;
    if (krb5_unparse_name(context.get(), entry.principal, &name) == 0) {
      uint32_t& version = keys[name];
      version = std::max(version, static_cast<uint32_t>(entry.vno));
      krb5_free_unparsed_name(context.get(), name);
    }
    krb5_free_keytab_entry_contents(context.get(), &entry);
  }
  krb5_kt_end_seq_get(context.get(), keytab.get(), &cursor);
  if (code != KRB5_KT_END) return failed(code);
  return keys;
}

}  // namespace continuo::auth::kerberos
