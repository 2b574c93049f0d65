// The one translation between absl::Status and grpc::Status. The codes are numbered alike; the
// message travels unchanged.
//
// Threading: pure.
#pragma once

#include <absl/status/status.h>
#include <grpcpp/support/status.h>

namespace continuo::rpc {

absl::Status FromGrpcStatus(const grpc::Status& status);
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace continuo::rpc
