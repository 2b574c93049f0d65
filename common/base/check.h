// Assertions and the two macros that may hide a `return`.
//
// CONTINUO_CHECK is for our own bugs only and is on in every build: the process aborts, the
// supervisor takes the node's group down and the cluster fails over. Never use it on bytes from a
// client, a peer or a disk.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace continuo::base {

[[noreturn]] inline void CheckFailed(const char* file, int line, const char* condition) {
  std::fprintf(stderr, "event=check.failed file=%s line=%d condition=\"%s\"\n", file, line,
               condition);
  std::fflush(stderr);
  std::abort();
}

}  // namespace continuo::base

#define CONTINUO_CHECK(condition) \
  (static_cast<bool>(condition)   \
       ? static_cast<void>(0)     \
       : ::continuo::base::CheckFailed(__FILE__, __LINE__, #condition))

#define CONTINUO_CONCAT_INNER(a, b) a##b
#define CONTINUO_CONCAT(a, b) CONTINUO_CONCAT_INNER(a, b)

// Returns the status of `expr` (an absl::Status or NtStatus-like with ok()) if it is not OK.
#define CONTINUO_RETURN_IF_ERROR(expr)                        \
  do {                                                        \
    if (auto continuo_status = (expr); !continuo_status.ok()) \
      return continuo_status;                                 \
  } while (false)

// Evaluates `expr` (absl::StatusOr<T> or NtResult<T>); on failure returns its status, else
// declares or assigns `lhs`. In a coroutine use the CO_ variant.
#define CONTINUO_ASSIGN_OR_RETURN(lhs, expr) \
  CONTINUO_ASSIGN_OR_RETURN_IMPL(CONTINUO_CONCAT(continuo_result_, __LINE__), lhs, expr, return)
#define CONTINUO_CO_ASSIGN_OR_RETURN(lhs, expr) \
  CONTINUO_ASSIGN_OR_RETURN_IMPL(CONTINUO_CONCAT(continuo_result_, __LINE__), lhs, expr, co_return)
#define CONTINUO_ASSIGN_OR_RETURN_IMPL(result, lhs, expr, how) \
  auto result = (expr);                                        \
  if (!result.ok()) how result.status();                       \
  lhs = std::move(*result)
