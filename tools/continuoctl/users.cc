#include "tools/continuoctl/users.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <iterator>

#include <absl/strings/str_format.h>
#include <absl/time/time.h>

#include "common/config/parser.h"
#include "tools/continuoctl/output.h"
#include "tools/continuoctl/user_backend.h"

namespace continuo::ctl {
namespace {

constexpr size_t kMaxImportSizeBytes = 64u << 20;

int ExitCodeOf(const absl::Status& status) {
  if (absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status)) return kExitUnreachable;
  return absl::IsFailedPrecondition(status) ? kExitBadConfig : kExitFailure;
}

int FailWith(const absl::Status& status) {
  return Fail(ExitCodeOf(status), std::string(status.message()));
}

// Reports an answer that is nothing but done or refused.
template <typename Response>
int Finish(const Context& context, const absl::StatusOr<Response>& response) {
  if (!response.ok()) return FailWith(response.status());
  if (!response->error().empty()) return Fail(kExitFailure, response->error());
  if (context.is_json) PrintJson(*response);
  return kExitOk;
}

// One line from the terminal without echo.
std::string ReadHidden(const std::string& prompt) {
  std::cerr << prompt << std::flush;
  termios before{};
  const bool is_terminal = tcgetattr(STDIN_FILENO, &before) == 0;
  if (is_terminal) {
    termios hidden = before;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  std::string line;
  std::getline(std::cin, line);
  if (is_terminal) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  std::cerr << '\n';
  return line;
}

// Twice from a terminal, else the first line of stdin. Passwords are never arguments: everybody on
// the machine can read those.
absl::StatusOr<std::string> ReadPassword(const std::string& name) {
  std::string password;
  if (isatty(STDIN_FILENO) != 0) {
    password = ReadHidden("Password for " + name + ": ");
    if (ReadHidden("Once more: ") != password) {
      return absl::InvalidArgumentError("the two passwords differ");
    }
  } else if (!std::getline(std::cin, password)) {
    return absl::InvalidArgumentError("no password: give it as the first line of stdin");
  }
  if (password.empty()) return absl::InvalidArgumentError("an empty password is refused");
  return password;
}

bool IsSomebodyListening(const std::string& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof(address.sun_path)) return false;
  std::copy(socket_path.begin(), socket_path.end(), std::begin(address.sun_path));
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  // sockaddr_un is what connect() wants behind a sockaddr pointer.
  const int result = connect(fd, static_cast<sockaddr*>(static_cast<void*>(&address)),
                             sizeof(address));
  const bool is_listening = result == 0 || errno == EACCES || errno == EAGAIN;
  close(fd);
  return is_listening;
}

}  // namespace

absl::StatusOr<std::unique_ptr<UserBackend>> OpenUserBackend(const Context& context) {
  if (IsSomebodyListening(rpc::SocketPath(context.run_dir, "auth-service"))) {
    return MakeRemoteUserBackend(context);
  }
  const config::ParseResult parsed = config::LoadConfigFile(context.config_path);
  if (!parsed.ok()) {
    return absl::FailedPreconditionError(
        "auth-service does not run, and the configuration is bad:\n" + parsed.DescribeErrors());
  }
  if (parsed.config.global.userdb_type != config::UserDbType::kText) {
    return absl::FailedPreconditionError("users are not in a file: userdb_type is not text");
  }
  return MakeFileUserBackend(parsed.config.global.userdb_file);
}

int AddUser(const Context& context, const NewUserOptions& options) {
  const auto backend = OpenUserBackend(context);
  if (!backend.ok()) return FailWith(backend.status());
  const auto password = ReadPassword(options.name);
  if (!password.ok()) return FailWith(password.status());
  if (options.may_exist) {
    const auto users = (*backend)->ListUsers();
    if (!users.ok()) return FailWith(users.status());
    for (const auth_pb::User& user : users->users()) {
      if (user.name() != options.name) continue;
      auth_pb::SetPasswordRequest request;
      request.set_name(options.name);
      request.set_password(*password);
      return Finish(context, (*backend)->SetPassword(request));
    }
  }
  auth_pb::AddUserRequest request;
  request.set_name(options.name);
  request.set_password(*password);
  request.set_full_name(options.full_name);
  request.set_is_disabled(options.is_disabled);
  if (options.uid) request.set_uid(*options.uid);
  if (options.gid) request.set_gid(*options.gid);
  for (const std::string& group : options.groups) request.add_groups(group);
  return Finish(context, (*backend)->AddUser(request));
}

int SetPassword(const Context& context, const std::string& name) {
  const auto backend = OpenUserBackend(context);
  if (!backend.ok()) return FailWith(backend.status());
  const auto password = ReadPassword(name);
  if (!password.ok()) return FailWith(password.status());
  auth_pb::SetPasswordRequest request;
  request.set_name(name);
  request.set_password(*password);
  return Finish(context, (*backend)->SetPassword(request));
}

int DeleteUser(const Context& context, const std::string& name) {
  const auto backend = OpenUserBackend(context);
  if (!backend.ok()) return FailWith(backend.status());
  auth_pb::DeleteUserRequest request;
  request.set_name(name);
  return Finish(context, (*backend)->DeleteUser(request));
}

int SetUserState(const Context& context, const std::string& name, UserState state) {
  const auto backend = OpenUserBackend(context);
  if (!backend.ok()) return FailWith(backend.status());
  auth_pb::UpdateUserRequest request;
  request.set_name(name);
  request.set_is_disabled(state == UserState::kDisabled);
  return Finish(context, (*backend)->UpdateUser(request));
}

int ListUsers(const Context& context) {
  const auto backend = OpenUserBackend(context);
  if (!backend.ok()) return FailWith(backend.status());
  const auto users = (*backend)->ListUsers();
  if (!users.ok()) return FailWith(users.status());
  if (context.is_json) {
    PrintJson(*users);
    return kExitOk;
  }
  Table table({"USER", "UID", "GID", "STATE", "GROUPS", "SID", "NAME"});
  for (const auth_pb::User& user : users->users()) {
    std::string groups;
    for (const std::string& group : user.groups()) groups += (groups.empty() ? "" : ",") + group;
    std::string state = user.is_disabled() ? "disabled" : "enabled";
    if (!user.has_password()) state += ", no password";
    table.Add({user.name(), absl::StrFormat("%u", user.uid()), absl::StrFormat("%u", user.gid()),
               state, OrDash(groups), user.sid(), user.full_name()});
  }
  std::cout << table.Text();
  return kExitOk;
}

int ImportSmbpasswd(const Context& context, const std::string& path) {
  std::ifstream file;
  if (path != "-") file.open(path, std::ios::binary);
  std::istream& in = path == "-" ? std::cin : file;
  if (!in) return Fail(kExitFailure, path + " cannot be read");
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (text.size() > kMaxImportSizeBytes) return Fail(kExitFailure, path + " is too large");
  const auto backend = OpenUserBackend(context);
  if (!backend.ok()) return FailWith(backend.status());
  auth_pb::ImportSmbpasswdRequest request;
  request.set_text(text);
  const auto response = (*backend)->ImportSmbpasswd(request);
  const int exit_code = Finish(context, response);
  if (exit_code != kExitOk || context.is_json) return exit_code;
  std::cout << absl::StrFormat("%u added, %u updated, %d skipped\n", response->added_count(),
                               response->updated_count(), response->skipped_size());
  for (const std::string& line : response->skipped()) std::cout << line << '\n';
  return exit_code;
}

}  // namespace continuo::ctl
