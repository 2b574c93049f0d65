#include "services/smb-frontend/app/server_identity.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>

#include <absl/strings/str_format.h>

#include "common/crypto/random.h"
#include "services/smb-frontend/vfs/unique_fd.h"

namespace continuo::app {
namespace {

absl::Status FileError(const char* what, const std::string& path) {
  return absl::UnavailableError(absl::StrFormat("%s %s: %s", what, path, std::strerror(errno)));
}

absl::StatusOr<smbwire::Guid> ReadGuid(const std::string& path) {
  const vfs::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) {
    if (errno == ENOENT) return absl::NotFoundError(path);
    return FileError("open", path);
  }
  smbwire::Guid guid{};
  const ssize_t size = ::read(fd.get(), guid.data(), guid.size());
  if (size != static_cast<ssize_t>(guid.size())) {
    return absl::DataLossError(path + " does not hold a GUID of 16 bytes; remove it to get a new one");
  }
  return guid;
}

// By a name of its own and link(2), so that of two nodes that start at once both read the same GUID.
absl::Status WriteGuid(const std::string& path, const smbwire::Guid& guid) {
  const std::string temporary = absl::StrFormat("%s.%d", path, ::getpid());
  {
    const vfs::UniqueFd fd(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (fd.get() < 0) return FileError("create", temporary);
    const ssize_t size = ::write(fd.get(), guid.data(), guid.size());
    if (size != static_cast<ssize_t>(guid.size())) return FileError("write", temporary);
    if (::fsync(fd.get()) != 0) return FileError("sync", temporary);
  }
  const int linked = ::link(temporary.c_str(), path.c_str());
  const int error = errno;
  ::unlink(temporary.c_str());
  errno = error;
  return linked == 0 || error == EEXIST ? absl::OkStatus() : FileError("link", path);
}

}  // namespace

std::string ServerNameOf(const config::Config& config) {
  if (!config.global.server_name.empty()) return config.global.server_name;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) return "continuo";
  const std::string name(host.data());
  return name.substr(0, name.find('.'));
}

absl::StatusOr<smbwire::Guid> LoadServerGuid(const std::string& runstate_dir) {
  const std::string path = runstate_dir + "/server-guid";
  absl::StatusOr<smbwire::Guid> found = ReadGuid(path);
  if (found.ok() || !absl::IsNotFound(found.status())) return found;
  std::error_code error;
  std::filesystem::create_directories(runstate_dir, error);
  smbwire::Guid guid{};
  crypto::SystemRandom().Fill(guid);
  // Version 4 of RFC 4122.
  guid[7] = static_cast<uint8_t>((guid[7] & 0x0F) | 0x40);
  guid[8] = static_cast<uint8_t>((guid[8] & 0x3F) | 0x80);
  const absl::Status written = WriteGuid(path, guid);
  if (!written.ok()) return written;
  return ReadGuid(path);
}

std::string_view CommandName(size_t command) {
  static constexpr std::array<std::string_view, smbwire::kCommandCount> kNames = {
      "NEGOTIATE",       "SESSION_SETUP", "LOGOFF", "TREE_CONNECT", "TREE_DISCONNECT",
      "CREATE",          "CLOSE",         "FLUSH",  "READ",         "WRITE",
      "LOCK",            "IOCTL",         "CANCEL", "ECHO",         "QUERY_DIRECTORY",
      "CHANGE_NOTIFY",   "QUERY_INFO",    "SET_INFO", "OPLOCK_BREAK"};
  return command < kNames.size() ? kNames[command] : "UNKNOWN";
}

}  // namespace continuo::app
