// Preloaded into one daemon: counts what it syncs, and makes each sync last at least so long.
//
//   LD_PRELOAD=slow_sync.so SLOW_SYNC_PROGRAM=ca-store-service SLOW_SYNC_FILE=FILE
//
// FILE holds two 64-bit integers of this machine's byte order: the delay of each sync in nanoseconds,
// which may be changed at any time, and the syncs so far. Every other program is left as it is.
//
// Threading: the C library's functions, so any thread.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace {

constexpr long kSecondNs = 1'000'000'000;

struct Shared {
  std::atomic<int64_t> delay_ns;
  std::atomic<int64_t> count;
};
static_assert(sizeof(Shared) == 16 && std::atomic<int64_t>::is_always_lock_free);

Shared* Map() {
  const char* const program = getenv("SLOW_SYNC_PROGRAM");
  const char* const path = getenv("SLOW_SYNC_FILE");
  if (program == nullptr || path == nullptr || strcmp(program_invocation_short_name, program) != 0) {
    return nullptr;
  }
  const int fd = open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return nullptr;
  void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return memory == MAP_FAILED ? nullptr : static_cast<Shared*>(memory);
}

template <typename... Arguments>
int Sync(const char* name, Arguments... arguments) {
  static Shared* const shared = Map();
  timespec until{};
  clock_gettime(CLOCK_MONOTONIC, &until);
  using Function = int (*)(Arguments...);
  const int result = reinterpret_cast<Function>(dlsym(RTLD_NEXT, name))(arguments...);
  const int error = errno;
  if (shared != nullptr) {
    shared->count.fetch_add(1);
    const int64_t ns = until.tv_nsec + shared->delay_ns.load();
    until.tv_sec += ns / kSecondNs;
    until.tv_nsec = ns % kSecondNs;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) continue;
  }
  errno = error;
  return result;
}

}  // namespace

extern "C" {

int fsync(int fd) { return Sync("fsync", fd); }
int fdatasync(int fd) { return Sync("fdatasync", fd); }
int sync_file_range(int fd, off64_t offset, off64_t size, unsigned flags) {
  return Sync("sync_file_range", fd, offset, size, flags);
}

}  // extern "C"
