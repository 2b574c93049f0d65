// HandleRecord and CreateIntent to and from their messages.
//
// Errors: decoding gives nullopt for whatever breaks a limit of handle_record.h or has a GUID, key,
//         level or version that cannot be.
// Threading: pure.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "common/castore/handle_record.h"
#include "continuo/castore/v1/handle_record.pb.h"

namespace continuo::castore {

void Encode(const HandleRecord& record, v1::HandleRecord* out);
void Encode(const CreateIntent& intent, v1::CreateIntent* out);

std::optional<HandleRecord> Decode(const v1::HandleRecord& message);
std::optional<CreateIntent> Decode(const v1::CreateIntent& message);

// A GUID's 16 bytes as a bytes field, and back.
std::string GuidBytes(const Guid& guid);
std::optional<Guid> DecodeGuid(std::string_view bytes);

}  // namespace continuo::castore
