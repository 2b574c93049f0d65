#include <array>

#include <absl/strings/str_format.h>

#include "services/auth-service/kerberos/gss_handles.h"
#include "services/auth-service/kerberos/krb5_handles.h"

namespace continuo::auth::kerberos {

gss_OID KerberosMech() { return const_cast<gss_OID>(gss_mech_krb5); }

std::string Describe(OM_uint32 major, OM_uint32 minor) {
  std::string text;
  for (const auto& [code, kind] : {std::pair{major, GSS_C_GSS_CODE}, {minor, GSS_C_MECH_CODE}}) {
    OM_uint32 more = 0;
    OM_uint32 ignored = 0;
    do {
      GssBuffer message;
      if (GSS_ERROR(gss_display_status(&ignored, code, kind, KerberosMech(), &more,
                                       message.get()))) {
        break;
      }
      if (!text.empty()) text += ": ";
      text += message.ToString();
    } while (more != 0);
  }
  return text;
}

namespace {

// Source: krb5.conf(5), [libdefaults] clockskew.
absl::Duration ConfiguredClockSkew() {
  constexpr int kDefaultSeconds = 300;
  int seconds = kDefaultSeconds;
  const Krb5Context context;
  profile_t profile = nullptr;
  if (context.code() == 0 && krb5_get_profile(context.get(), &profile) == 0) {
    if (profile_get_integer(profile, "libdefaults", "clockskew", nullptr, kDefaultSeconds,
                            &seconds) != 0) {
      seconds = kDefaultSeconds;
    }
    profile_release(profile);
  }
  return absl::Seconds(seconds);
}

}  // namespace

AcceptorCredential::AcceptorCredential(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AcceptorCredential::~AcceptorCredential() = default;

absl::StatusOr<std::shared_ptr<const AcceptorCredential>> AcceptorCredential::Load(
    const std::string& keytab_path) {
  std::array<gss_key_value_element_desc, 1> elements = {{{"keytab", keytab_path.c_str()}}};
  const gss_key_value_set_desc store = {elements.size(), elements.data()};
  gss_OID_set_desc mechs = {1, KerberosMech()};
  auto impl = std::make_unique<Impl>();
  OM_uint32 minor = 0;
  // No name: whichever of the keytab's keys a ticket was made for. A cluster's keytab holds the
  // names of the cluster and of its nodes.
  const OM_uint32 major =
      gss_acquire_cred_from(&minor, GSS_C_NO_NAME, GSS_C_INDEFINITE, &mechs, GSS_C_ACCEPT, &store,
                            &impl->credential, nullptr, nullptr);
  if (GSS_ERROR(major)) {
    return absl::FailedPreconditionError(
        absl::StrFormat("keytab %s: %s", keytab_path, Describe(major, minor)));
  }
  impl->clock_skew = ConfiguredClockSkew();
  return std::make_shared<const AcceptorCredential>(std::move(impl));
}

}  // namespace continuo::auth::kerberos
