// Every operation through one door: for hosts that receive requests from elsewhere and send what
// comes of them back.
//
// Pure, as all of common/fsa.
#pragma once

#include <optional>

#include "common/fsa/effects.h"
#include "common/fsa/files.h"

namespace continuo::fsa {

// Carries out one request and appends what it causes: first what changed of persistent opens; the
// answer of the operation itself comes last, as OpenCompleted, OpCompleted, ..., unless it waits.
// Requests with op 0 are not answered.
void Apply(Files* files, const Request& request, Effects* effects);

// The operation that this effect answers, or none (breaks, purges).
std::optional<OpId> AnsweredOp(const Effect& effect);

// The operation id of a request; OpId() for those that are never answered.
OpId OpOf(const Request& request);

// The answer "could not be done" in the form that this request's answers have.
Effect FailureOf(const Request& request, NtStatus status);

}  // namespace continuo::fsa
