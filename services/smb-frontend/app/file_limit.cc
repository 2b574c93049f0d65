#include "services/smb-frontend/app/file_limit.h"

#include <sys/resource.h>

#include <fstream>

#include "common/logging/log.h"

namespace continuo::app {

void RaiseFileLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  rlim_t most = limit.rlim_max;
  std::ifstream("/proc/sys/fs/nr_open") >> most;
  rlimit wanted{.rlim_cur = most, .rlim_max = most};
  if (most > limit.rlim_max && ::setrlimit(RLIMIT_NOFILE, &wanted) == 0) limit = wanted;
  wanted = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
  if (limit.rlim_cur < limit.rlim_max && ::setrlimit(RLIMIT_NOFILE, &wanted) == 0) limit = wanted;
  logging::Info("files.limit", {{"count", limit.rlim_cur}});
}

}  // namespace continuo::app
