// Between what the FSA knows of a persistent open and its record. Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/castore/handle_record.h"
#include "common/fsa/requests.h"

namespace continuo::persistent {

// What changes during an open's life, from the FSA into its record. `share_path` is the absolute path
// of the share's directory, the prefix of `state.path`.
void Update(const fsa::PersistentOpen& state, std::string_view share_path,
            castore::HandleRecord& record);

// What the FSA needs to have the open back.
fsa::PersistentOpen ToState(const castore::HandleRecord& record, std::string_view share_path);

}  // namespace continuo::persistent
