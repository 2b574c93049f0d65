#include "services/smb-frontend/commands/create_plan.h"

#include "common/smbwire/file_flags.h"
#include "common/smbwire/fscc_ea.h"
#include "common/smbwire/negotiate.h"

namespace continuo::commands {
namespace {

// CREATE_TREE_CONNECTION, FILE_OPEN_BY_FILE_ID, FILE_RESERVE_OPFILTER: [MS-SMB2] 3.3.5.9.
constexpr uint32_t kUnsupportedOptions = 0x00000080 | 0x00002000 | 0x00100000;
constexpr uint32_t kInvalidOptions = 0xFF000000;
// Bits of FileAttributes that are no attribute of a file ([MS-FSCC] 2.6).
constexpr uint32_t kInvalidAttributes = 0xFFFF8048;

NtStatus CheckFields(const smbwire::CreateRequest& request) {
  if (request.impersonation_level > smbwire::kImpersonationDelegate) {
    return NtStatus::kBadImpersonationLevel;
  }
  if (request.create_disposition > smbwire::kDispositionOverwriteIf) {
    return NtStatus::kInvalidParameter;
  }
  if ((request.create_options & kInvalidOptions) != 0) return NtStatus::kInvalidParameter;
  if ((request.create_options & kUnsupportedOptions) != 0) return NtStatus::kNotSupported;
  if ((request.share_access & ~smbwire::kShareAll) != 0) return NtStatus::kInvalidParameter;
  if ((request.file_attributes & kInvalidAttributes) != 0) return NtStatus::kInvalidParameter;
  if (request.desired_access == 0 ||
      (request.desired_access & smbwire::kAccessMaskUndefined) != 0) {
    return NtStatus::kAccessDenied;
  }
  const bool is_directory = (request.create_options & smbwire::kOptionDirectoryFile) != 0;
  const bool is_file = (request.create_options & smbwire::kOptionNonDirectoryFile) != 0;
  if (is_directory && is_file) return NtStatus::kInvalidParameter;
  const bool overwrites = request.create_disposition == smbwire::kDispositionSupersede ||
                          request.create_disposition == smbwire::kDispositionOverwrite ||
                          request.create_disposition == smbwire::kDispositionOverwriteIf;
  if (is_directory && overwrites) return NtStatus::kInvalidParameter;
  return NtStatus::kSuccess;
}

security::AccessMask ImpliedAccess(Disposition disposition) {
  switch (disposition) {
    case Disposition::kSupersede:
      return security::kDelete | security::kFileWriteData;
    case Disposition::kOverwrite:
    case Disposition::kOverwriteIf:
      return security::kFileWriteData;
    default:
      return 0;
  }
}

// [MS-SMB2] 3.3.5.9.8, .11: a lease context counts only with the oplock level that announces it.
void PlanCaching(const smbwire::CreateRequest& request, const PlanOptions& options,
                 CreatePlan& plan) {
  if (!options.has_oplocks) return;
  // A reconnect names its lease with any oplock level.
  switch (plan.durable.IsReconnect() ? uint8_t{smbwire::kOplockLease} : request.oplock_level) {
    case smbwire::kOplockLevelII:
    case smbwire::kOplockExclusive:
    case smbwire::kOplockBatch:
      plan.oplock = static_cast<fsa::OplockLevel>(request.oplock_level);
      return;
    case smbwire::kOplockLease:
      break;
    default:
      return;
  }
  if (!request.contexts.lease || options.dialect < smbwire::kDialect210) return;
  const smbwire::LeaseContext& wanted = *request.contexts.lease;
  const bool is_v2 = wanted.version == smbwire::LeaseContext::Version::kV2;
  if (is_v2 && options.dialect < smbwire::kDialect300) return;
  fsa::LeaseRequest lease;
  lease.key = wanted.key;
  lease.state = wanted.state;
  lease.version = is_v2 ? 2 : 1;
  lease.epoch = wanted.epoch;
  if (is_v2 && (wanted.flags & smbwire::kLeaseFlagParentLeaseKeySet) != 0) {
    lease.parent_key = wanted.parent_key;
  }
  plan.lease = lease;
  plan.oplock = fsa::OplockLevel::kLease;
}

NtResult<std::vector<vfs::ExtendedAttribute>> CopyEas(std::span<const uint8_t> list) {
  CONTINUO_ASSIGN_OR_RETURN(const auto decoded, smbwire::DecodeFullEaList(list));
  std::vector<vfs::ExtendedAttribute> out;
  out.reserve(decoded.size());
  for (const smbwire::ExtendedAttribute& ea : decoded) {
    out.push_back({.name = std::string(ea.name.begin(), ea.name.end()),
                   .value = Bytes(ea.value.begin(), ea.value.end()),
                   .flags = ea.flags});
  }
  return out;
}

// [MS-SMB2] 3.3.5.9.6, .7, .10 and .12: which of the four contexts may come together.
NtStatus PlanDurability(const smbwire::CreateContexts& contexts, const PlanOptions& options,
                        CreatePlan& plan) {
  const bool has_v2 = contexts.durable_v2_request || contexts.durable_v2_reconnect;
  const bool has_v1 = contexts.durable_request || contexts.durable_reconnect;
  if (has_v2 && (has_v1 || (contexts.durable_v2_request && contexts.durable_v2_reconnect))) {
    return NtStatus::kInvalidParameter;
  }
  DurableWish& durable = plan.durable;
  durable.reconnect_v1 = contexts.durable_reconnect;
  durable.wants_v1 = contexts.durable_request && !contexts.durable_reconnect;
  if (options.dialect >= smbwire::kDialect300) {
    durable.wants_v2 = contexts.durable_v2_request;
    durable.reconnect_v2 = contexts.durable_v2_reconnect;
  }
  return NtStatus::kSuccess;
}

}  // namespace

NtResult<CreatePlan> PlanCreate(const smbwire::CreateRequest& request,
                                const PlanOptions& options) {
  CreatePlan plan;
  CONTINUO_RETURN_IF_ERROR(PlanDurability(request.contexts, options, plan));
  // Who takes up an open that is there says no more than which ([MS-SMB2] 3.3.5.9.7).
  const bool is_reconnect = plan.durable.IsReconnect();
  if (!is_reconnect) CONTINUO_RETURN_IF_ERROR(CheckFields(request));
  auto name = vfs::ParseName(request.name_utf16le, {.has_streams = options.has_named_streams,
                                                    .slash_separates = true,
                                                    .folds_parent = true});
  if (!name.ok()) return name.status();
  plan.name = *std::move(name);
  PlanCaching(request, options, plan);
  plan.wants_on_disk_id = request.contexts.query_on_disk_id;
  if (is_reconnect) return plan;
  plan.disposition = static_cast<Disposition>(request.create_disposition);
  plan.options = request.create_options;
  plan.attributes = request.file_attributes & ~smbwire::kAttributeDirectory;
  plan.desired = security::MapGenericFileRights(request.desired_access);
  plan.implied = ImpliedAccess(plan.disposition);
  plan.share_access = request.share_access;
  plan.wants_directory =
      (plan.options & smbwire::kOptionDirectoryFile) != 0 || plan.name.is_directory_syntax;
  plan.wants_non_directory = (plan.options & smbwire::kOptionNonDirectoryFile) != 0;
  plan.is_delete_on_close = (plan.options & smbwire::kOptionDeleteOnClose) != 0;
  if (plan.is_delete_on_close &&
      (plan.desired & (security::kDelete | security::kMaximumAllowed)) == 0) {
    return NtStatus::kInvalidParameter;  // [MS-FSA] 2.1.5.1: DELETE is required.
  }
  const bool names_stream = plan.name.stream || plan.name.has_data_stream_suffix;
  if (names_stream && plan.wants_directory) return NtStatus::kNotADirectory;

  const smbwire::CreateContexts& contexts = request.contexts;
  if (contexts.security_descriptor) {
    auto descriptor = security::DecodeSecurityDescriptor(*contexts.security_descriptor);
    if (!descriptor.ok()) return descriptor.status();
    plan.descriptor = *std::move(descriptor);
  }
  if (contexts.ea_buffer) {
    CONTINUO_ASSIGN_OR_RETURN(plan.eas, CopyEas(*contexts.ea_buffer));
  }
  if (options.dialect >= smbwire::kDialect300) plan.app_instance_id = contexts.app_instance_id;
  if (options.dialect >= smbwire::kDialect311 && plan.app_instance_id) {
    plan.app_instance_version = contexts.app_instance_version;
  }
  plan.allocation_bytes = contexts.allocation_size_bytes;
  plan.wants_maximal_access = contexts.maximal_access.has_value();
  if (contexts.timewarp && contexts.timewarp->ticks != 0) {
    return NtStatus::kObjectNameNotFound;  // No previous versions here.
  }
  return plan;
}

}  // namespace continuo::commands
