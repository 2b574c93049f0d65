#include "services/auth-service/app/directory_loader.h"

#include <pthread.h>
#include <unistd.h>

#include <array>

#include <absl/strings/ascii.h>

#include "common/base/check.h"
#include "common/logging/log.h"

namespace continuo::auth {

namespace {

constexpr absl::Duration kWatchInterval = absl::Seconds(1);
constexpr size_t kNetbiosNameMax = 15;

std::string HostName() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return name.data();
}

std::string NetbiosName(const std::string& name) {
  return absl::AsciiStrToUpper(name.substr(0, name.find('.')).substr(0, kNetbiosNameMax));
}

}  // namespace

LogonPolicy PolicyOf(const config::Config& config, const std::string& host_name) {
  const config::Global& global = config.global;
  const std::string server = global.server_name.empty() ? host_name : global.server_name;
  LogonPolicy policy;
  policy.allow_guest = global.allow_guest;
  if (global.null_session_access) {
    policy.anonymous = AnonymousPolicy::kAnonymous;
  } else if (global.allow_guest) {
    policy.anonymous = AnonymousPolicy::kAsGuest;
  }
  policy.server_name = NetbiosName(server);
  ntlm::NtlmNames& names = policy.ntlm_names;
  names.nb_computer_name = policy.server_name;
  names.dns_computer_name = absl::AsciiStrToLower(server);
  // A server of its own is its own domain.
  names.nb_domain_name = policy.server_name;
  if (global.domain.find('.') != std::string::npos) {
    names.dns_domain_name = absl::AsciiStrToLower(global.domain);
    if (server.find('.') == std::string::npos) {
      names.dns_computer_name += "." + names.dns_domain_name;
    }
  } else if (!global.domain.empty()) {
    names.nb_domain_name = NetbiosName(global.domain);
  }
  return policy;
}

DirectoryLoader::DirectoryLoader(const userdb::UserStore& store, LogonEngine& engine,
                                 IdentityKeeper& identity)
    : store_(store), engine_(engine), identity_(identity) {}

DirectoryLoader::~DirectoryLoader() { Stop(); }

absl::Status DirectoryLoader::LoadLocked() {
  stamps_ = StampsLocked();
  CONTINUO_ASSIGN_OR_RETURN(userdb::UserDatabase users, store_.LoadOrCreate());
  CONTINUO_ASSIGN_OR_RETURN(PrivilegeDatabase privileges,
                            PrivilegeDatabase::Load(config_->global.privilegedb));
  CONTINUO_RETURN_IF_ERROR(identity_.Check(*config_, users));
  auto directory = std::make_shared<Directory>();
  directory->users = std::make_shared<const userdb::UserDatabase>(std::move(users));
  directory->privileges = std::move(privileges);
  directory->policy = PolicyOf(*config_, HostName());
  engine_.SetDirectory(std::move(directory));
  return absl::OkStatus();
}

absl::Status DirectoryLoader::Start(std::shared_ptr<const config::Config> config) {
  {
    const absl::MutexLock lock(&load_mutex_);
    config_ = std::move(config);
    CONTINUO_RETURN_IF_ERROR(LoadLocked());
    stamps_ = StampsLocked();
  }
  watcher_ = std::thread([this] { Watch(); });
  return absl::OkStatus();
}

absl::Status DirectoryLoader::Reload(std::shared_ptr<const config::Config> config) {
  {
    const absl::MutexLock lock(&load_mutex_);
    config_ = std::move(config);
  }
  return Reload();
}

absl::Status DirectoryLoader::Reload() {
  absl::Status status;
  {
    const absl::MutexLock lock(&load_mutex_);
    status = LoadLocked();
  }
  const absl::MutexLock lock(&degraded_mutex_);
  degraded_ = status.ok() ? "" : "users: " + std::string(status.message());
  return status;
}

bool DirectoryLoader::WaitForNextLook() {
  const absl::Time next = absl::Now() + kWatchInterval;
  const absl::MutexLock lock(&wait_mutex_);
  progress_.LeaveOutside();
  while (!is_stopping_ && absl::Now() < next) {
    wake_.WaitWithDeadline(&wait_mutex_, next);
    progress_.Beat();
  }
  progress_.EnterOutside();  // The files may be on a disk that hangs.
  return !is_stopping_;
}

DirectoryLoader::Stamps DirectoryLoader::StampsLocked() const {
  const std::string keytab = KeytabOf(*config_);
  return {store_.Stamp(), keytab.empty() ? userdb::FileStamp() : userdb::StampOf(keytab)};
}

void DirectoryLoader::KeepDomains() {
  std::shared_ptr<const config::Config> config;
  {
    const absl::MutexLock lock(&load_mutex_);
    config = config_;
  }
  const absl::Status kept = identity_.KeepDomains(*config);
  static logging::RateLimit limit;
  if (!kept.ok()) limit.Log(logging::Severity::kWarning, "domains.not_kept", {{"reason", kept}});
}

void DirectoryLoader::Watch() {
  pthread_setname_np(pthread_self(), "auth-userdb");
  while (WaitForNextLook()) {
    KeepDomains();
    {
      const absl::MutexLock lock(&load_mutex_);
      if (StampsLocked() == stamps_) continue;
    }
    const absl::Status status = Reload();
    if (status.ok()) {
      logging::Info("userdb.reloaded", {{"path", store_.path()}});
    } else {
      logging::Error("userdb.reload_refused", {{"path", store_.path()}, {"reason", status}});
    }
  }
}

void DirectoryLoader::Nudge() {
  // Under the mutex: a thread that is about to wait does wait by then.
  const absl::MutexLock lock(&wait_mutex_);
  wake_.Signal();
}

void DirectoryLoader::Stop() {
  {
    const absl::MutexLock lock(&wait_mutex_);
    is_stopping_ = true;
    wake_.Signal();
  }
  if (watcher_.joinable()) watcher_.join();
}

std::vector<std::string> DirectoryLoader::degraded() const {
  const absl::MutexLock lock(&degraded_mutex_);
  if (degraded_.empty()) return {};
  return {degraded_};
}

}  // namespace continuo::auth
