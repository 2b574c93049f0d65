// common/fsa's values as messages of continuo.fsa.v1, and back.
//
// Decoding checks sizes and enumerators and refuses what no encoder wrote: nullopt (or false). What
// the values mean together is for Files::Load and the rules to judge.
// Threading: pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/fsa/effects.h"
#include "common/fsa/files.h"
#include "common/fsa/snapshot.h"
#include "continuo/fsa/v1/fsa_state.pb.h"

namespace continuo::fsa {

void Encode(const Request& request, v1::Operation* to);
std::optional<Request> Decode(const v1::Operation& from);

void Encode(const Effect& effect, v1::Event* to);
std::optional<Effect> Decode(const v1::Event& from);

void Encode(const FileSnapshot& file, v1::FileState* to);
std::optional<FileSnapshot> Decode(const v1::FileState& from);

void Encode(const StreamLocks& locks, v1::StreamLocks* to);
std::optional<StreamLocks> Decode(const v1::StreamLocks& from);

void Encode(const FileKey& key, v1::FileKey* to);
void Encode(const Counters& counters, v1::Counters* to);
Counters Decode(const v1::Counters& from);

}  // namespace continuo::fsa
