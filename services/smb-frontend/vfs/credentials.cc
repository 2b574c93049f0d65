#include "services/smb-frontend/vfs/credentials.h"

#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/base/check.h"

namespace continuo::vfs {
namespace {

constexpr size_t kGroupsMax = 65536;

constexpr uint64_t Bit(unsigned capability) { return uint64_t{1} << capability; }
constexpr uint64_t kBypassCapabilities = Bit(CAP_DAC_OVERRIDE) | Bit(CAP_FOWNER);
// What the kernel itself drops with the fsuid (CAP_FS_SET of the kernel), and what must not stay
// effective while a user's call runs.
constexpr uint64_t kNeverEffective = Bit(CAP_DAC_READ_SEARCH) | Bit(CAP_CHOWN) | Bit(CAP_FSETID) |
                                     Bit(CAP_MKNOD) | Bit(CAP_LINUX_IMMUTABLE) |
                                     Bit(CAP_SYS_ADMIN) | Bit(CAP_SYS_RESOURCE);
constexpr uint64_t kPrivileged = Bit(CAP_SYS_ADMIN) | Bit(CAP_CHOWN) | Bit(CAP_DAC_READ_SEARCH) |
                                 Bit(CAP_DAC_OVERRIDE) | Bit(CAP_FOWNER);

struct Capabilities {
  uint64_t effective = 0;
  uint64_t permitted = 0;
  uint64_t inheritable = 0;
};

uint64_t Join(uint32_t low, uint32_t high) { return low | (uint64_t{high} << 32); }

Capabilities ReadCapabilities() {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, 2> data{};
  CONTINUO_CHECK(::syscall(SYS_capget, &header, data.data()) == 0);
  return {.effective = Join(data[0].effective, data[1].effective),
          .permitted = Join(data[0].permitted, data[1].permitted),
          .inheritable = Join(data[0].inheritable, data[1].inheritable)};
}

void WriteEffective(const Capabilities& caps, uint64_t effective) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  const auto low = [](uint64_t value) { return static_cast<uint32_t>(value); };
  const auto high = [](uint64_t value) { return static_cast<uint32_t>(value >> 32); };
  std::array<__user_cap_data_struct, 2> data{};
  data[0] = {.effective = low(effective), .permitted = low(caps.permitted),
             .inheritable = low(caps.inheritable)};
  data[1] = {.effective = high(effective), .permitted = high(caps.permitted),
             .inheritable = high(caps.inheritable)};
  CONTINUO_CHECK(::syscall(SYS_capset, &header, data.data()) == 0);
}

// What this thread runs as. The process's own identity is read once per thread.
struct ThreadState {
  Capabilities process;
  UnixToken process_token;
  std::shared_ptr<const UnixToken> current;  // Null: the process's own identity.
  PosixVeto veto = PosixVeto::kBypassed;
  uint64_t effective = 0;
  int depth = 0;

  ThreadState() {
    process = ReadCapabilities();
    effective = process.effective;
    process_token.uid = ::geteuid();
    process_token.gid = ::getegid();
    std::array<gid_t, kGroupsMax> groups{};
    const long count = ::syscall(SYS_getgroups, groups.size(), groups.data());
    if (count > 0) process_token.groups.assign(groups.begin(), groups.begin() + count);
  }
};

ThreadState& State() {
  thread_local const std::unique_ptr<ThreadState> state = std::make_unique<ThreadState>();
  return *state;
}

void SetIdentity(const UnixToken& token) {
  const size_t count = std::min(token.groups.size(), kGroupsMax);
  CONTINUO_CHECK(::syscall(SYS_setgroups, count, token.groups.data()) == 0);
  // setfsuid and setfsgid report only the previous value; a second call tells whether they took.
  ::syscall(SYS_setfsgid, token.gid);
  CONTINUO_CHECK(static_cast<gid_t>(::syscall(SYS_setfsgid, token.gid)) == token.gid);
  ::syscall(SYS_setfsuid, token.uid);
  CONTINUO_CHECK(static_cast<uid_t>(::syscall(SYS_setfsuid, token.uid)) == token.uid);
}

bool IsOwnIdentity(const ThreadState& state, const UnixToken& token) {
  return token.uid == state.process_token.uid && token.gid == state.process_token.gid;
}

void Adopt(std::shared_ptr<const UnixToken> token, PosixVeto veto) {
  ThreadState& state = State();
  if (state.current != nullptr && state.veto == veto &&
      (state.current == token || *state.current == *token)) {
    return;
  }
  // An unprivileged process (tests, a server for one user) serves its own user as it is.
  const bool can_switch = (state.process.permitted & Bit(CAP_SETUID)) != 0;
  CONTINUO_CHECK(can_switch || IsOwnIdentity(state, *token));
  if (can_switch) {
    SetIdentity(*token);
    uint64_t effective = state.process.effective & ~(kNeverEffective | kBypassCapabilities);
    if (veto == PosixVeto::kBypassed) effective |= state.process.permitted & kBypassCapabilities;
    WriteEffective(state.process, effective);
    state.effective = effective;
  }
  state.current = std::move(token);
  state.veto = veto;
}

}  // namespace

absl::Status CheckCanActAsUsers() {
  constexpr uint64_t kNeeded = Bit(CAP_SETUID) | Bit(CAP_SETGID);
  const uint64_t has = ReadCapabilities().permitted & kNeeded;
  if (has == kNeeded || (has == 0 && ::geteuid() != 0)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      "CAP_SETUID and CAP_SETGID are needed to act as the users that log on");
}

ScopedCredentials::ScopedCredentials(std::shared_ptr<const UnixToken> token, PosixVeto veto) {
  CONTINUO_CHECK(token != nullptr);
  ThreadState& state = State();
  has_outer_ = state.depth > 0;
  if (has_outer_) {
    outer_token_ = state.current;
    outer_veto_ = state.veto;
  }
  ++state.depth;
  Adopt(std::move(token), veto);
}

ScopedCredentials::~ScopedCredentials() {
  ThreadState& state = State();
  --state.depth;
  if (has_outer_) Adopt(std::move(outer_token_), outer_veto_);
}

void DropToProcessIdentity() {
  ThreadState& state = State();
  CONTINUO_CHECK(state.depth == 0);
  if (state.current == nullptr) return;
  if ((state.process.permitted & Bit(CAP_SETUID)) != 0) {
    SetIdentity(state.process_token);
    WriteEffective(state.process, state.process.effective);
    state.effective = state.process.effective;
  }
  state.current = nullptr;
}

ScopedPrivilege::ScopedPrivilege() {
  ThreadState& state = State();
  previous_effective_ = state.effective;
  const uint64_t wanted = state.effective | (state.process.permitted & kPrivileged);
  if (wanted == state.effective) return;
  WriteEffective(state.process, wanted);
  state.effective = wanted;
  raised_ = true;
}

ScopedPrivilege::~ScopedPrivilege() {
  if (!raised_) return;
  ThreadState& state = State();
  WriteEffective(state.process, previous_effective_);
  state.effective = previous_effective_;
}

}  // namespace continuo::vfs
