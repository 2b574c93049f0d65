// The Unix identity under which a thread makes file-system calls.
//
//   const ScopedCredentials as_user(token, PosixVeto::kBypassed);
//   ... open, mkdir, setxattr ...                                  // created objects are the user's
//
// Per thread and by raw system calls: glibc's setgroups would change every thread of the process.
// The thread keeps the identity after the scope ends (the next scope on the thread most often wants
// the same one, and then costs nothing); so a worker thread must never make a file-system call
// outside of a scope. Switching costs setgroups + setfsgid + setfsuid + capset, skipped when the
// thread already has that identity.
// Source: design.md 3 "Credentials"; capabilities(7): leaving fsuid 0 clears CAP_DAC_OVERRIDE,
// CAP_FOWNER and their like from the effective set, so they are put back by capset.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <vector>

#include <absl/status/status.h>

namespace continuo::vfs {

struct UnixToken {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // At most 65536 (NGROUPS_MAX); more are cut off.

  friend bool operator==(const UnixToken&, const UnixToken&) = default;
};

enum class PosixVeto {
  kBypassed,  // The NT descriptor alone decides: CAP_DAC_OVERRIDE and CAP_FOWNER are effective.
  kEnforced,  // authz_require_posix: mode bits and POSIX ACLs must allow, too.
};

// Threading: constructed and destroyed on the thread that makes the calls. Nests: the destructor of
// an inner scope puts the outer identity back; that of an outermost one leaves the thread as it is.
// Errors: a kernel that refuses (a process without CAP_SETUID) ends the process through
//         CONTINUO_CHECK when the token differs from the process's own identity: going on as
//         somebody else would be worse.
class ScopedCredentials {
 public:
  ScopedCredentials(std::shared_ptr<const UnixToken> token, PosixVeto veto);
  ~ScopedCredentials();
  ScopedCredentials(const ScopedCredentials&) = delete;
  ScopedCredentials& operator=(const ScopedCredentials&) = delete;

 private:
  std::shared_ptr<const UnixToken> outer_token_;
  PosixVeto outer_veto_ = PosixVeto::kBypassed;
  bool has_outer_ = false;
};

// Whether this process may act as its users, so that a start without the right is refused instead of
// ending at the first client. An unprivileged process serves its own user.
// Errors: FailedPrecondition naming the capabilities.
absl::Status CheckCanActAsUsers();

// Gives the calling thread the process's own identity again (root's, in production) and forgets
// the cached one: before it registers an io_uring personality, exits to a pool of other work, ...
void DropToProcessIdentity();

// CAP_SYS_ADMIN, CAP_CHOWN and CAP_DAC_READ_SEARCH in the effective set for as long as it lives:
// the one path to security.* and trusted.* xattrs and to chown. Identity (fsuid) stays the user's.
// A process without those capabilities gets none, and the calls fail with EPERM by themselves.
class ScopedPrivilege {
 public:
  ScopedPrivilege();
  ~ScopedPrivilege();
  ScopedPrivilege(const ScopedPrivilege&) = delete;
  ScopedPrivilege& operator=(const ScopedPrivilege&) = delete;

 private:
  uint64_t previous_effective_ = 0;
  bool raised_ = false;
};

}  // namespace continuo::vfs
