// Preloaded into daemons: their wall clock is the machine's plus an offset that may change at any time.
//
//   LD_PRELOAD=step_clock.so STEP_CLOCK_FILE=FILE
//
// FILE holds the offset, a 64-bit integer of nanoseconds in this machine's byte order. The monotonic
// clock is left as it is. Waits until a time of the wall clock, which Abseil does with futexes, are
// moved to the machine's time, so that they last as long as they would if its own clock were stepped
// before them; those under way when the offset changes keep their length.
//
// Threading: the C library's functions, so any thread.
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace {

constexpr int64_t kSecondNs = 1'000'000'000;

template <typename Function>
Function* Next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

const std::atomic<int64_t>* Map() {
  static const std::atomic<int64_t> none{0};
  const char* const path = getenv("STEP_CLOCK_FILE");
  const int fd = path == nullptr ? -1 : open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return &none;
  void* const memory = mmap(nullptr, sizeof(none), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  return memory == MAP_FAILED ? &none : static_cast<const std::atomic<int64_t>*>(memory);
}

int64_t OffsetNs() {
  static const std::atomic<int64_t>* const offset = Map();
  return offset->load();
}

void Move(timespec& time, int64_t by_ns) {
  const int64_t ns = time.tv_sec * kSecondNs + time.tv_nsec + by_ns;
  time.tv_sec = ns / kSecondNs;
  time.tv_nsec = ns % kSecondNs;
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  static auto* const next = Next<int(clockid_t, timespec*)>("clock_gettime");
  const int result = next(clock, time);
  const bool is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
  if (result == 0 && is_wall) Move(*time, OffsetNs());
  return result;
}

int gettimeofday(timeval* time, void*) noexcept {
  timespec now{};
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  *time = {now.tv_sec, now.tv_nsec / 1000};
  return 0;
}

time_t time(time_t* out) noexcept {
  timespec now{};
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
  if (out != nullptr) *out = now.tv_sec;
  return now.tv_sec;
}

long syscall(long number, ...) noexcept {
  static auto* const next = Next<long(long, ...)>("syscall");
  long of[6];
  va_list list;
  va_start(list, number);
  for (long& argument : of) argument = va_arg(list, long);
  va_end(list);
  timespec until{};
  const bool is_wait = number == SYS_futex && of[3] != 0 &&
                       (of[1] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET &&
                       (of[1] & FUTEX_CLOCK_REALTIME) != 0;
  if (is_wait) {
    until = *reinterpret_cast<const timespec*>(of[3]);
    if (until.tv_sec < INT32_MAX) {  // Beyond that somebody waits without end.
      Move(until, -OffsetNs());
      of[3] = reinterpret_cast<long>(&until);
    }
  }
  return next(number, of[0], of[1], of[2], of[3], of[4], of[5]);
}

}  // extern "C"
