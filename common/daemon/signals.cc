#include "common/daemon/signals.h"

#include <errno.h>
#include <signal.h>

#include <algorithm>

#include <absl/time/clock.h>

#include "common/base/check.h"

namespace continuo::daemon {

namespace {

sigset_t HandledSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void BlockHandledSignals() {
  const sigset_t set = HandledSignals();
  CONTINUO_CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  CONTINUO_CHECK(sigaction(SIGPIPE, &ignore, nullptr) == 0);
}

void UnblockHandledSignals() {
  const sigset_t set = HandledSignals();
  sigprocmask(SIG_UNBLOCK, &set, nullptr);
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  sigaction(SIGPIPE, &standard, nullptr);
}

int WaitForSignal() {
  const sigset_t set = HandledSignals();
  for (;;) {
    int signal_number = 0;
    if (sigwait(&set, &signal_number) == 0) return signal_number;
  }
}

bool IsStopPending() {
  sigset_t pending;
  sigemptyset(&pending);
  return sigpending(&pending) == 0 &&
         (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

int WaitForSignalUntil(absl::Time deadline) {
  const sigset_t set = HandledSignals();
  for (;;) {
    const absl::Duration left = deadline - absl::Now();
    const timespec wait = absl::ToTimespec(std::max(left, absl::ZeroDuration()));
    const int signal_number = sigtimedwait(&set, nullptr, &wait);
    if (signal_number == SIGTERM || signal_number == SIGINT) return signal_number;
    if (signal_number < 0 && errno == EAGAIN) return 0;
  }
}

}  // namespace continuo::daemon
