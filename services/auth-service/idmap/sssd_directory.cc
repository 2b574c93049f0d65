#include "services/auth-service/idmap/sssd_directory.h"

#include <grp.h>
#include <pwd.h>

// The header is for C, and has the calls with a time-out under this name only.
#define IPA_389DS_PLUGIN_HELPER_CALLS 1
extern "C" {
#include <sss_nss_idmap.h>
}

#include <cerrno>
#include <cstdlib>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>

#include "common/logging/log.h"

namespace continuo::auth {
namespace {

// What the library hands out with malloc.
class LibraryText {
 public:
  LibraryText() = default;
  ~LibraryText() { std::free(text_); }
  LibraryText(const LibraryText&) = delete;
  LibraryText& operator=(const LibraryText&) = delete;
  char** out() { return &text_; }
  std::string ToString() const { return text_ == nullptr ? "" : text_; }

 private:
  char* text_ = nullptr;
};

NameKind KindOf(sss_id_type type) {
  return type == SSS_ID_TYPE_GID ? NameKind::kGroup : NameKind::kUser;
}

class SssdDirectory final : public DomainDirectory {
 public:
  std::optional<NamedSid> FindSid(const security::Sid& sid) override {
    if (IsSilent()) return std::nullopt;
    LibraryText name;
    sss_id_type type = SSS_ID_TYPE_NOT_SPECIFIED;
    if (!Answered(sss_nss_getnamebysid_timeout(sid.ToString().c_str(), timeout_ms_, name.out(),
                                               &type))) {
      return std::nullopt;
    }
    const std::string text = name.ToString();
    const size_t at = text.rfind('@');
    if (at == std::string::npos) return NamedSid{sid, "", text, KindOf(type)};
    return NamedSid{sid, text.substr(at + 1), text.substr(0, at), KindOf(type)};
  }

  std::optional<NamedSid> FindName(std::string_view domain, std::string_view name) override {
    if (domain.empty() || IsSilent()) return std::nullopt;
    const std::string full = std::string(name) + "@" + std::string(domain);
    LibraryText text;
    sss_id_type type = SSS_ID_TYPE_NOT_SPECIFIED;
    if (!Answered(sss_nss_getsidbyname_timeout(full.c_str(), timeout_ms_, text.out(), &type))) {
      return std::nullopt;
    }
    const auto sid = security::Sid::Parse(text.ToString());
    if (!sid) return std::nullopt;
    return NamedSid{*sid, std::string(domain), std::string(name), KindOf(type)};
  }

  std::optional<uint32_t> IdOfSid(const security::Sid& sid) override {
    if (IsSilent()) return std::nullopt;
    uint32_t id = 0;
    sss_id_type type = SSS_ID_TYPE_NOT_SPECIFIED;
    if (!Answered(
            sss_nss_getidbysid_timeout(sid.ToString().c_str(), timeout_ms_, &id, &type)) ||
        id == 0) {
      return std::nullopt;
    }
    return id;
  }

  std::string Problem() const override {
    const absl::MutexLock lock(&mutex_);
    return silent_until_ > absl::InfinitePast() ? "SSSD does not answer" : "";
  }

 private:
  const unsigned timeout_ms_ = static_cast<unsigned>(absl::ToInt64Milliseconds(kAnswerMax));

  bool IsSilent() const {
    const absl::MutexLock lock(&mutex_);
    return absl::Now() < silent_until_;
  }

  // Whether there is an answer to read; an error other than silence is an answer, too.
  bool Answered(int error) {
    const bool is_silent = error == ETIME || error == ETIMEDOUT;
    bool is_news = false;
    {
      const absl::MutexLock lock(&mutex_);
      is_news = is_silent != (silent_until_ > absl::InfinitePast());
      silent_until_ = is_silent ? absl::Now() + kSilence : absl::InfinitePast();
    }
    if (is_news && is_silent) logging::Warning("sssd.silent", {{"answer_max", kAnswerMax}});
    if (is_news && !is_silent) logging::Info("sssd.answers");
    return error == 0;
  }

  mutable absl::Mutex mutex_;
  absl::Time silent_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace

std::unique_ptr<DomainDirectory> MakeSssdDirectory() { return std::make_unique<SssdDirectory>(); }

}  // namespace continuo::auth
