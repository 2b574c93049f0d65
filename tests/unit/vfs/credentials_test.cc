// Needs root: switching identities is what it is about.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "services/smb-frontend/vfs/credentials.h"
#include "tests/unit/vfs/temp_share.h"

namespace continuo::vfs {
namespace {

using test::TempShare;

bool CanOpen(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

// For good, of the calling thread.
void DropCapability(int capability) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[2] = {};
  ::syscall(SYS_capget, &header, data);
  data[0].permitted &= ~(1u << capability);
  data[0].effective &= ~(1u << capability);
  ::syscall(SYS_capset, &header, data);
}

}  // namespace

TEST_CASE("credentials: root without the right to act as its users may not start",
          "[unit][vfs]") {
  if (::geteuid() != 0) {
    WARN("not root: skipped");
    return;
  }
  CHECK(CheckCanActAsUsers().ok());
  for (const int capability : {CAP_SETUID, CAP_SETGID}) {
    absl::Status seen;
    std::thread([&] {
      DropCapability(capability);
      seen = CheckCanActAsUsers();
    }).join();
    CHECK(absl::IsFailedPrecondition(seen));
  }
}

TEST_CASE("credentials: what is created belongs to the user, and the mode bits veto only on demand",
          "[unit][vfs]") {
  if (::geteuid() != 0) {
    WARN("not root: skipped");
    return;
  }
  const TempShare share;
  share.Put("secret");
  REQUIRE(::chmod(share.Path("secret").c_str(), 0600) == 0);
  const auto alice = std::make_shared<const UnixToken>(UnixToken{12345, 23456, {34567}});
  // Checks inside the other thread are collected: Catch's are for one thread.
  struct Seen {
    bool bypassed = false;
    bool enforced = true;
    bool chown_refused = false;
    struct stat made{};
    uid_t outer_again = 0;
  } seen;
  std::thread([&] {
    const ScopedCredentials as_alice(alice, PosixVeto::kBypassed);
    seen.bypassed = CanOpen(share.Path("secret"), O_RDWR);
    ::close(::open(share.Path("made").c_str(), O_CREAT | O_WRONLY, 0600));
    (void)::stat(share.Path("made").c_str(), &seen.made);
    seen.chown_refused = ::chown(share.Path("made").c_str(), 0, 0) != 0;
    {
      const ScopedCredentials strict(alice, PosixVeto::kEnforced);
      seen.enforced = CanOpen(share.Path("secret"), O_RDONLY);
    }
    struct stat second{};
    ::close(::open(share.Path("made2").c_str(), O_CREAT | O_WRONLY, 0600));
    (void)::stat(share.Path("made2").c_str(), &second);
    seen.outer_again = second.st_uid;
  }).join();
  CHECK(seen.bypassed);
  CHECK_FALSE(seen.enforced);
  CHECK(seen.chown_refused);
  CHECK(seen.made.st_uid == 12345);
  CHECK(seen.made.st_gid == 23456);
  CHECK(seen.outer_again == 12345);
  CHECK(CanOpen(share.Path("secret"), O_RDONLY));  // This thread stayed what it was.
}

TEST_CASE("credentials: security xattrs and ownership go through the privileged path",
          "[unit][vfs]") {
  if (::geteuid() != 0) {
    WARN("not root: skipped");
    return;
  }
  const TempShare share;
  REQUIRE(::chmod(share.Path("").c_str(), 0700) == 0);
  const auto alice = std::make_shared<const UnixToken>(UnixToken{12345, 23456, {}});
  NtStatus created;
  NtStatus stored;
  std::thread([&] {
    const ScopedCredentials as_alice(alice, PosixVeto::kBypassed);
    const auto found = share.vfs().Find(*ParseNameUtf8("f", {}), FileAccess::kRead);
    auto file = share.vfs().CreateFile(*found->parent, "f", {});
    created = file.status();
    if (!file.ok()) return;
    auto sd = std::make_shared<security::SecurityDescriptor>();
    sd->owner = security::UnixUserSid(12345);
    sd->SetDacl(security::Acl());
    stored = share.vfs().SetSecurity(**file, sd);
  }).join();
  CHECK(created.name() == "STATUS_SUCCESS");
  CHECK(stored.name() == "STATUS_SUCCESS");
  CHECK(share.Find("f").file->has_stored_security);
  CHECK(share.Find("f").file->stat.uid == 12345);
}

}  // namespace continuo::vfs
