// Durable opens: who gets one, for how long, and who may have it back.
//
//   CREATE with DHnQ or DH2Q → granted where the caching allows (the FSA decides) → the connection is
//   lost: the open waits without session → CREATE with DHnC or DH2C claims it, or its time is over, or
//   somebody else needs the file.
//
// Source: [MS-SMB2] 3.3.5.9.6, .7, .10, .12, 3.3.2.2.
#pragma once

#include <memory>

#include <absl/time/time.h>

#include "services/smb-frontend/commands/create_plan.h"
#include "services/smb-frontend/dispatch/request_scope.h"

namespace continuo::commands {

// STATUS_DUPLICATE_OBJECTID: the create GUID is in use.
inline constexpr NtStatus kStatusDuplicateObjectid(0xC000022Au);
// Longest time that a client is promised, whatever it asks for; Windows' limit, too.
inline constexpr absl::Duration kMaxDurableTimeout = absl::Seconds(300);

// How long an open waits for its client. Pure.
absl::Duration DurableTimeout(const DurableWish& wish, const config::Global& config);

// What a claim is checked against; the parts of an open and of the request that counts.
struct ClaimFacts {
  smbwire::Guid client_guid{};
  smbwire::Guid create_guid{};
  std::optional<fsa::LeaseKey> lease_key;
  bool is_persistent = false;
  std::string name;  // Path and stream, "a/b:s".
  std::string_view share_path;
  const security::Sid* owner = nullptr;
};

// May `by` have `open` back? In the order of [MS-SMB2] 3.3.5.9.7 and .12. Pure.
// Errors: OBJECT_NAME_NOT_FOUND, INVALID_PARAMETER (another name), ACCESS_DENIED (another user).
NtStatus CheckClaim(const ClaimFacts& open, const ClaimFacts& by, bool is_v2);

// Finds the open that a reconnect names, on a continuously available share also by create GUID alone, and makes it the caller's: nobody else can claim it, and the
// caller gives it a new session or closes it.
// Errors: those of CheckClaim; OBJECT_NAME_NOT_FOUND for one that is not there or is in use.
NtResult<std::shared_ptr<open::OpenFile>> ClaimDurable(dispatch::RequestScope& scope,
                                                       const CreatePlan& plan);

// The same for a CREATE that is repeated because its client has not seen the response and whose
// persistent open has no client any more.
NtResult<std::shared_ptr<open::OpenFile>> ClaimReplayed(dispatch::RequestScope& scope,
                                                        const CreatePlan& plan,
                                                        std::shared_ptr<open::OpenFile> open);

// The same open for the session and tree connect of `scope`, to take the place of `old`. The caller sets
// its file and stream.
std::shared_ptr<open::OpenFile> SucceedOpen(const dispatch::RequestScope& scope,
                                            open::OpenFile& old);

}  // namespace continuo::commands
