#include "services/ca-store-service/path_probe.h"

#include <errno.h>
#include <sys/stat.h>

#include <thread>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/strings/str_format.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>

#include "common/logging/log.h"

namespace continuo::castore {

struct PathProbe::State {
  explicit State(std::string probed_path) : path(std::move(probed_path)) {}

  const std::string path;
  absl::Mutex mutex;
  bool is_stopping ABSL_GUARDED_BY(mutex) = false;
  absl::Time asked_at ABSL_GUARDED_BY(mutex) = absl::Now();
  bool is_answered ABSL_GUARDED_BY(mutex) = false;
  absl::Status answer ABSL_GUARDED_BY(mutex);
};

namespace {

absl::Status AskOnce(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrFormat("ca_path %s", path));
  }
  if (!S_ISDIR(status.st_mode)) {
    return absl::FailedPreconditionError(absl::StrFormat("ca_path %s: not a directory", path));
  }
  return absl::OkStatus();
}

}  // namespace

PathProbe::PathProbe(std::string path) : state_(std::make_shared<State>(std::move(path))) {
  std::thread([state = state_] {
    absl::Status before;
    for (;;) {
      {
        absl::MutexLock lock(&state->mutex);
        if (state->is_stopping) return;
        state->asked_at = absl::Now();
        state->is_answered = false;
      }
      const absl::Status answer = AskOnce(state->path);
      if (answer != before) {
        logging::Log(answer.ok() ? logging::Severity::kInfo : logging::Severity::kWarning,
                     "store.path_changed", {{"path", state->path}, {"status", answer}});
        before = answer;
      }
      absl::MutexLock lock(&state->mutex);
      state->is_answered = true;
      state->answer = answer;
      state->mutex.AwaitWithTimeout(absl::Condition(&state->is_stopping), kProbeInterval);
    }
  }).detach();
}

PathProbe::~PathProbe() {
  absl::MutexLock lock(&state_->mutex);
  state_->is_stopping = true;
}

absl::Status PathProbe::Last() const {
  absl::MutexLock lock(&state_->mutex);
  if (state_->is_answered || absl::Now() - state_->asked_at < kProbeAnswerMax) {
    return state_->answer;
  }
  return absl::DeadlineExceededError(
      absl::StrFormat("ca_path %s: no answer for %s", state_->path,
                      absl::FormatDuration(absl::Now() - state_->asked_at)));
}

}  // namespace continuo::castore
