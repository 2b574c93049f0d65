// QUERY_INFO of a security descriptor. [MS-SMB2] 3.3.5.20.3, [MS-FSA] 2.1.5.13.
#include "common/security/security_descriptor.h"
#include "services/smb-frontend/commands/info_query.h"

namespace continuo::commands {

NtStatus QuerySecurity(const InfoQuery& query, bytes::ByteWriter& out,
                       uint32_t* required_size_bytes) {
  const open::OpenFile& open = query.open;
  const security::AccessMask needed =
      security::RightsToQuerySecurity(query.additional_information);
  if ((open.granted_access() & needed) != needed) return NtStatus::kAccessDenied;
  CONTINUO_ASSIGN_OR_RETURN(const auto stored, open.vfs().GetSecurity(*open.file));
  const security::SecurityDescriptor shown =
      security::SelectSecurity(*stored, query.additional_information);
  const Bytes encoded = security::EncodeSecurityDescriptor(shown);
  if (encoded.size() > query.limit_bytes) {
    *required_size_bytes = static_cast<uint32_t>(encoded.size());
    return NtStatus::kBufferTooSmall;
  }
  out.Append(encoded);
  return NtStatus::kSuccess;
}

}  // namespace continuo::commands
