#include "common/rpc/priority.h"

#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace continuo::rpc {

namespace {

// About nine tenths of a core against one busy thread, and a tenth for that one.
constexpr int kFavouredNice = -10;

bool HasIpcLockCapability() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  if (syscall(SYS_capget, &header, data) != 0) return false;
  return (data[0].effective & (1u << CAP_IPC_LOCK)) != 0;
}

bool IsLockedMemoryUnlimited() {
  rlimit limit{};
  return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
}

}  // namespace

bool FavourCurrentThread() {
  sched_param parameters{};
  // SCHED_RESET_ON_FORK: threads that this one starts begin at nice 0.
  if (pthread_setschedparam(pthread_self(), SCHED_OTHER | SCHED_RESET_ON_FORK, &parameters) != 0) {
    return false;
  }
  return setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kFavouredNice) == 0;
}

bool LockMemory() {
  // Under a limit MCL_FUTURE would make later allocations fail instead of merely being swappable.
  if (!IsLockedMemoryUnlimited() && !HasIpcLockCapability()) return false;
  // MCL_ONFAULT: thread stacks and arenas are locked as they are used, not in full.
  return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

}  // namespace continuo::rpc
