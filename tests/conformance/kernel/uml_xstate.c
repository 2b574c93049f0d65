/* Lets User-Mode Linux run on CPUs with more registers than it knows.
 *
 *   LD_PRELOAD=uml_xstate.so linux.uml …
 *
 * The kernel of Debian 12's user-mode-linux keeps 2,696 bytes of extended registers for each
 * process of the guest: all up to PKRU (XSAVE feature 9). PTRACE_SETREGSET takes only the whole
 * XSAVE area, so on a CPU with AMX, whose area is larger, it fails with EFAULT and the guest panics
 * in put_fp_registers. Here a part is completed with what the process has.
 *
 * Threading: linux.uml calls ptrace from one thread; the buffer is static because it calls it on
 * its small kernel stacks. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

/* The XSAVE area's standard form: 512 bytes of FXSAVE, then a header of 64 bytes that begins with
 * the set of features in use. */
enum { kFeaturesOffset = 512, kHeaderEnd = 576, kLargestArea = 64 * 1024 };
static const uint64_t kFeaturesOfPart = (1 << 10) - 1;

typedef long PtraceCall(int request, pid_t pid, void *address, void *data);
static PtraceCall *real_ptrace;
static uint8_t area[kLargestArea];

__attribute__((constructor)) static void find_real_ptrace(void) {
  real_ptrace = (PtraceCall *)dlsym(RTLD_NEXT, "ptrace");
}

static long set_registers(pid_t pid, struct iovec *part) {
  void *const kind = (void *)(uintptr_t)NT_X86_XSTATE;
  struct iovec whole = {area, sizeof area};
  if (real_ptrace(PTRACE_GETREGSET, pid, kind, &whole) != 0) return -1;
  if (part->iov_len >= whole.iov_len || part->iov_len < kHeaderEnd)
    return real_ptrace(PTRACE_SETREGSET, pid, kind, part);
  uint64_t kept, given;
  memcpy(&kept, area + kFeaturesOffset, sizeof kept);
  memcpy(area, part->iov_base, part->iov_len);
  memcpy(&given, area + kFeaturesOffset, sizeof given);
  given = (given & kFeaturesOfPart) | (kept & ~kFeaturesOfPart);
  memcpy(area + kFeaturesOffset, &given, sizeof given);
  return real_ptrace(PTRACE_SETREGSET, pid, kind, &whole);
}

long ptrace(enum __ptrace_request request, ...) {
  va_list arguments;
  va_start(arguments, request);
  const pid_t pid = va_arg(arguments, pid_t);
  void *const address = va_arg(arguments, void *);
  void *const data = va_arg(arguments, void *);
  va_end(arguments);
  if (request == PTRACE_SETREGSET && (uintptr_t)address == NT_X86_XSTATE)
    return set_registers(pid, data);
  return real_ptrace((int)request, pid, address, data);
}
