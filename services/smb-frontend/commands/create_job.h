// The blocking half of CREATE: finds or makes the object and decides whether the caller may have it.
// Runs on a worker thread under the caller's identity.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "common/castore/handle_record.h"
#include "common/security/token.h"
#include "services/smb-frontend/commands/create_plan.h"
#include "services/smb-frontend/session/share.h"
#include "services/smb-frontend/vfs/streams.h"
#include "services/smb-frontend/vfs/vfs.h"

namespace continuo::commands {

// What was found or made. Nothing of an existing object is changed yet.
struct CreateTarget {
  std::shared_ptr<vfs::File> file;
  std::shared_ptr<vfs::StreamHandle> stream;  // Set when a named stream is opened.
  security::AccessMask granted = 0;
  security::AccessMask maximal = 0;  // Filled when the plan wants it.
  bool is_created = false;           // The object (for a stream: the stream) is new.
  bool is_base_created = false;      // A stream's file is new, too.
  bool is_directory = false;
  // By the same CREATE before a crash: nothing is overwritten again.
  bool is_overwritten = false;
  // Set when something was created: its directory, for change notifications and leases.
  std::optional<fsa::FileKey> parent_key;
  std::string missing_name;
};

struct CreateCaller {
  const session::Share& share;
  const security::SecurityToken& token;
  security::AccessMask ceiling = 0;  // The tree connect's maximal access.
  // Of a persistent CREATE: what it makes carries its mark (vfs/create_mark.h), and ...
  std::optional<vfs::CreateMark> mark;
  bool has_intent = false;      // ... its intent is on record: it may make something.
  castore::CreateIntent intent;
  bool is_interrupted = false;  // A crash came between its steps: its own marks count.
};

// Without an intent a marked CREATE makes nothing: where it would have to, the target has no file, but
// `parent_key` and `missing_name`.
// Errors: those of [MS-FSA] 2.1.5.1.
NtResult<CreateTarget> FindOrCreate(const CreatePlan& plan, const CreateCaller& caller);

// What overwriting does to the object, after the FSA has granted the open.
NtStatus Overwrite(const CreatePlan& plan, const CreateCaller& caller, CreateTarget& target);

}  // namespace continuo::commands
