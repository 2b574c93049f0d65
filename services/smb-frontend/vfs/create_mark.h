// What an object carries while a persistent CREATE is at work on it, so that after a crash the same
// CREATE, sent again, knows what it has done already.
//
// | stage          | the object                                 | the CREATE, sent again, …              |
// | kMade          | is new, made by it                         | opens it as the one that it made       |
// | kMakingStream  | was there; may have got the stream from it | makes the stream, or opens it as made  |
// | kOverwriting   | was there; may be emptied in part          | overwrites it (again)                  |
// | kOverwritten   | was there and is as an overwrite leaves it | opens it, overwrites nothing           |
//
// A mark counts only together with the CREATE's intent on record: one that is left over says nothing.
// On disk: xattr "user.continuo.create": version 1, stage, create GUID, client GUID.
//
// Threading: stateless; blocks.
#pragma once

#include <cstdint>
#include <optional>

#include "common/fsa/types.h"
#include "common/ntstatus/ntstatus.h"

namespace continuo::vfs {

struct File;

enum class MarkStage : uint8_t { kMade = 1, kMakingStream = 2, kOverwriting = 3, kOverwritten = 4 };

struct CreateMark {
  fsa::Guid create_guid{};
  fsa::Guid client_guid{};
  MarkStage stage = MarkStage::kMade;
};

NtStatus WriteCreateMark(const File& file, const CreateMark& mark);
// Nothing for an object without one.
std::optional<CreateMark> ReadCreateMark(const File& file);
// One that stays does no harm.
void RemoveCreateMark(const File& file);

}  // namespace continuo::vfs
