#include "services/ca-store-service/store_opener.h"

#include <thread>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>

#include "common/logging/log.h"

namespace continuo::castore {

struct StoreOpener::State {
  explicit State(Options from) : options(std::move(from)) {}

  void Run();
  // False when it is over.
  bool Report(absl::StatusOr<std::unique_ptr<HandleStore>> opened);

  const Options options;
  mutable absl::Mutex mutex;
  bool is_stopping ABSL_GUARDED_BY(mutex) = false;
  bool is_decided ABSL_GUARDED_BY(mutex) = false;
  absl::Status last ABSL_GUARDED_BY(mutex) =
      absl::UnavailableError("ca_path has not answered since the start");
  // Held while a callback runs, so that the destructor can wait for it and for nothing else.
  absl::Mutex callback;
};

void StoreOpener::State::Run() {
  for (;;) {
    absl::StatusOr<std::unique_ptr<HandleStore>> opened = options.open();
    if (!Report(std::move(opened))) return;
    absl::MutexLock lock(&mutex);
    mutex.AwaitWithTimeout(absl::Condition(&is_stopping), kOpenRetryInterval);
    if (is_stopping) return;
  }
}

bool StoreOpener::State::Report(absl::StatusOr<std::unique_ptr<HandleStore>> opened) {
  const absl::Status status = opened.status();
  const bool is_final = status.ok() || IsFinal(status);
  absl::MutexLock calling(&callback);
  {
    absl::MutexLock lock(&mutex);
    if (is_stopping) return false;
    if (!status.ok() && status != last) {
      logging::Error("store.open_failed", {{"status", status}});
    }
  }
  if (status.ok()) options.on_open(std::move(*opened));
  {
    absl::MutexLock lock(&mutex);
    last = status;
    is_decided = is_final;
  }
  if (!status.ok() && is_final) options.on_refused(status);
  return !is_final;
}

StoreOpener::StoreOpener(Options options) : state_(std::make_shared<State>(std::move(options))) {
  std::thread([state = state_] { state->Run(); }).detach();
}

StoreOpener::~StoreOpener() {
  absl::MutexLock calling(&state_->callback);
  absl::MutexLock lock(&state_->mutex);
  state_->is_stopping = true;
}

absl::Status StoreOpener::Last() const {
  absl::MutexLock lock(&state_->mutex);
  return state_->last;
}

absl::Status StoreOpener::WaitFor(absl::Duration time) const {
  absl::MutexLock lock(&state_->mutex);
  if (!state_->mutex.AwaitWithTimeout(absl::Condition(&state_->is_decided), time)) {
    return absl::UnavailableError("ca_path does not answer yet");
  }
  return state_->last;
}

bool StoreOpener::IsFinal(const absl::Status& status) {
  return absl::IsAlreadyExists(status) || absl::IsFailedPrecondition(status) ||
         absl::IsNotFound(status) || absl::IsOutOfRange(status) || absl::IsInvalidArgument(status);
}

}  // namespace continuo::castore
