#include "services/auth-service/kerberos/kdc_probe.h"

#include <pthread.h>

#include <algorithm>
#include <map>
#include <thread>

#include <absl/base/thread_annotations.h>
#include <absl/strings/str_format.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>

#include "common/logging/log.h"
#include "services/auth-service/kerberos/keytab_keys.h"
#include "services/auth-service/kerberos/krb5_handles.h"

namespace continuo::auth::kerberos {
namespace {

// A KDC knows accounts as clients, and an account of a machine ends in '$'; service names are none.
std::string ClientOf(const std::map<std::string, uint32_t>& keys) {
  for (const auto& [principal, version] : keys) {
    const size_t at = principal.find('@');
    if (at != std::string::npos && at > 0 && principal[at - 1] == '$') return principal;
  }
  return keys.empty() ? "" : keys.begin()->first;
}

// Empty: a KDC has answered, and not that the key is wrong.
std::string ProblemOf(const Krb5Context& context, krb5_error_code code) {
  switch (code) {
    case 0:
    case KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN:
    case KRB5KDC_ERR_CLIENT_REVOKED:
    case KRB5KDC_ERR_POLICY:
      return "";
    case KRB5KDC_ERR_PREAUTH_FAILED:
    case KRB5_KT_KVNONOTFOUND:
    case KRB5KRB_AP_ERR_BAD_INTEGRITY:
      return absl::StrFormat("the domain has another key than the keytab: %s",
                             context.Message(code));
    case KRB5_KDC_UNREACH:
    case KRB5_REALM_CANT_RESOLVE:
    case KRB5_REALM_UNKNOWN:
      return absl::StrFormat("no KDC answers: %s", context.Message(code));
    default:
      return absl::StrFormat("the KDC gives no ticket: %s", context.Message(code));
  }
}

std::string AskOnce(const std::string& keytab_path) {
  const auto keys = ReadKeytabKeys(keytab_path);
  if (!keys.ok()) return "";  // Said elsewhere.
  const std::string client = ClientOf(*keys);
  if (client.empty()) return "";
  const Krb5Context context;
  if (context.code() != 0) return context.Message(context.code());
  const Keytab keytab(context, keytab_path);
  if (keytab.code() != 0) return "";
  const Principal principal(context, client);
  if (principal.code() != 0) return context.Message(principal.code());
  krb5_creds credentials{};
  const krb5_error_code code =
      krb5_get_init_creds_keytab(context.get(), &credentials, principal.get(), keytab.get(), 0,
                                 nullptr, nullptr);
  if (code == 0) krb5_free_cred_contents(context.get(), &credentials);
  return ProblemOf(context, code);
}

}  // namespace

struct KdcProbe::State {
  explicit State(std::string path) : keytab_path(std::move(path)) {}
  void Run();

  const std::string keytab_path;
  mutable absl::Mutex mutex;
  bool is_stopping ABSL_GUARDED_BY(mutex) = false;
  absl::Time asked ABSL_GUARDED_BY(mutex) = absl::InfiniteFuture();  // InfiniteFuture: answered.
  std::string problem ABSL_GUARDED_BY(mutex);
};

void KdcProbe::State::Run() {
  pthread_setname_np(pthread_self(), "auth-kdc");
  for (;;) {
    {
      absl::MutexLock lock(&mutex);
      asked = absl::Now();
    }
    std::string found = AskOnce(keytab_path);
    bool is_news = false;
    {
      absl::MutexLock lock(&mutex);
      asked = absl::InfiniteFuture();
      is_news = found.empty() != problem.empty();
      problem = found;
    }
    if (is_news && !found.empty()) logging::Warning("kdc.degraded", {{"reason", found}});
    if (is_news && found.empty()) logging::Info("kdc.answers");
    absl::MutexLock lock(&mutex);
    mutex.AwaitWithTimeout(absl::Condition(&is_stopping), kProbeInterval);
    if (is_stopping) return;
  }
}

KdcProbe::KdcProbe(const std::string& keytab_path)
    : state_(std::make_shared<State>(keytab_path)) {
  std::thread([state = state_] { state->Run(); }).detach();
}

KdcProbe::~KdcProbe() {
  absl::MutexLock lock(&state_->mutex);
  state_->is_stopping = true;
}

std::string KdcProbe::Problem() const {
  absl::MutexLock lock(&state_->mutex);
  if (!state_->problem.empty()) return state_->problem;
  const absl::Duration waited = absl::Now() - state_->asked;
  if (waited < kAnswerMax) return "";
  return absl::StrFormat("no KDC answers for %d s", absl::ToInt64Seconds(waited));
}

}  // namespace continuo::auth::kerberos
