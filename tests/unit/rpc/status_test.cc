#include "common/rpc/status.h"

#include <catch2/catch.hpp>

namespace continuo::rpc {

TEST_CASE("status: every code and its message survive both translations", "[unit][rpc]") {
  for (int code = 0; code <= 16; ++code) {
    CAPTURE(code);
    const absl::Status status(static_cast<absl::StatusCode>(code), "why");
    CHECK(FromGrpcStatus(ToGrpcStatus(status)) == status);
  }
}

}  // namespace continuo::rpc
