#include "tools/continuoctl/context.h"

#include <iostream>

#include <absl/strings/str_format.h>

namespace continuo::ctl {

int Fail(int exit_code, const std::string& message) {
  std::cerr << "continuoctl: " << message << '\n';
  return exit_code;
}

int ReportCallFailure(const Context& context, const std::string& daemon,
                      const grpc::Status& status) {
  const std::string path = rpc::SocketPath(context.run_dir, daemon);
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return Fail(kExitUnreachable, absl::StrFormat("%s does not answer on %s", daemon, path));
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return Fail(kExitUnreachable, absl::StrFormat("%s did not answer within %s", daemon,
                                                    absl::FormatDuration(context.timeout)));
    case grpc::StatusCode::PERMISSION_DENIED:
      return Fail(kExitFailure, daemon + " refuses: only root and the group continuo-admin may");
    default:
      return Fail(kExitFailure, daemon + ": " + status.error_message());
  }
}

}  // namespace continuo::ctl
