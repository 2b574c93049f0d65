// What a CREATE request asks for, checked and in our terms: pure, no I/O.
//
// Source: [MS-SMB2] 3.3.5.9, [MS-FSA] 2.1.5.1 (the checks of parameters).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/fsa/requests.h"
#include "common/ntstatus/ntstatus.h"
#include "common/security/access_mask.h"
#include "common/security/security_descriptor.h"
#include "common/smbwire/create.h"
#include "services/smb-frontend/vfs/names.h"
#include "services/smb-frontend/vfs/vfs.h"

namespace continuo::commands {

// DHnQ, DH2Q, DHnC and DH2C: at most one of the last three, and DHnQ alone or with DHnC.
struct DurableWish {
  bool wants_v1 = false;  // DHnQ
  std::optional<smbwire::DurableV2Request> wants_v2;
  std::optional<smbwire::FileId> reconnect_v1;
  std::optional<smbwire::DurableV2Reconnect> reconnect_v2;

  bool IsReconnect() const { return reconnect_v1 || reconnect_v2; }
  bool IsRequest() const { return !IsReconnect() && (wants_v1 || wants_v2); }
};

enum class Disposition { kSupersede, kOpen, kCreate, kOpenIf, kOverwrite, kOverwriteIf };

struct CreatePlan {
  vfs::ObjectName name;
  Disposition disposition = Disposition::kOpen;
  uint32_t options = 0;
  uint32_t attributes = 0;           // Without the directory bit.
  security::AccessMask desired = 0;  // Generic bits mapped; MAXIMUM_ALLOWED kept.
  // What the file system must allow besides `desired`: overwriting is writing.
  security::AccessMask implied = 0;
  uint32_t share_access = 0;
  std::optional<security::SecurityDescriptor> descriptor;  // SecD
  std::optional<uint64_t> allocation_bytes;                // AlSi
  std::vector<vfs::ExtendedAttribute> eas;                 // ExtA
  bool wants_directory = false;
  bool wants_non_directory = false;
  bool is_delete_on_close = false;
  bool wants_maximal_access = false;
  bool wants_on_disk_id = false;
  fsa::OplockLevel oplock = fsa::OplockLevel::kNone;
  std::optional<fsa::LeaseRequest> lease;
  DurableWish durable;
  std::optional<smbwire::Guid> app_instance_id;
  std::optional<smbwire::AppInstanceVersion> app_instance_version;

  // Whether an existing file is emptied.
  bool Overwrites() const {
    return disposition == Disposition::kSupersede || disposition == Disposition::kOverwrite ||
           disposition == Disposition::kOverwriteIf;
  }
  bool MayCreate() const {
    return disposition != Disposition::kOpen && disposition != Disposition::kOverwrite;
  }
  bool wants_maximum_allowed() const { return (desired & security::kMaximumAllowed) != 0; }
};

struct PlanOptions {
  bool has_named_streams = true;
  bool has_oplocks = true;
  uint16_t dialect = 0x0311;
};

// Errors: those of [MS-SMB2] 3.3.5.9 and of names (vfs::ParseName), BAD_IMPERSONATION_LEVEL,
// INVALID_PARAMETER, NOT_SUPPORTED, ACCESS_DENIED for undefined access bits.
NtResult<CreatePlan> PlanCreate(const smbwire::CreateRequest& request, const PlanOptions& options);

}  // namespace continuo::commands
