#include "common/smbwire/query_info.h"

#include <algorithm>
#include <memory>

#include "common/smbwire/error.h"
#include "common/smbwire/fscc.h"
#include "common/smbwire/fscc_volume.h"
#include "common/smbwire/query_directory.h"
#include "services/smb-frontend/commands/await_fsa.h"
#include "services/smb-frontend/commands/commands.h"
#include "services/smb-frontend/commands/info_query.h"
#include "services/smb-frontend/commands/info_rules.h"
#include "services/smb-frontend/dispatch/credit_charge.h"
#include "services/smb-frontend/dispatch/smb_connection.h"

namespace continuo::commands {
namespace {

using smbwire::InfoType;

constexpr uint16_t kDialect311 = 0x0311;

// Of class-specific rules those that need the connection: [MS-SMB2] 3.3.5.20.1.
NtStatus CheckClassOnConnection(const dispatch::NegotiatedState& negotiated,
                                const smbwire::QueryInfoRequest& request) {
  if (request.info_type == InfoType::kFile &&
      request.info_class == smbwire::kFileNormalizedNameInformation &&
      negotiated.dialect < kDialect311) {
    return NtStatus::kNotSupported;
  }
  const bool is_posix = request.info_class == smbwire::kFilePosixInformation;
  static_assert(smbwire::kFilePosixInformation == smbwire::kFileFsPosixInformation);
  if (is_posix && !negotiated.supports_posix && request.info_type != InfoType::kSecurity) {
    return NtStatus::kInvalidInfoClass;
  }
  return NtStatus::kSuccess;
}

NtStatus CheckClass(const RequestScope& scope, const smbwire::QueryInfoRequest& request) {
  if (request.info_type == InfoType::kSecurity) {
    return scope.open->is_pipe() ? NtStatus::kNotSupported : NtStatus::kSuccess;
  }
  // [MS-SMB2] 3.3.5.20.4: a store without quotas.
  if (request.info_type == InfoType::kQuota) return NtStatus::kNotSupported;
  const bool is_file = request.info_type == InfoType::kFile;
  if (!is_file && request.info_type != InfoType::kFileSystem) return NtStatus::kInvalidParameter;
  if (is_file && IsUnsupportedFileClass(request.info_class)) return NtStatus::kNotSupported;
  const auto rule =
      is_file ? FileQueryRule(request.info_class) : FileSystemQueryRule(request.info_class);
  if (!rule) return NtStatus::kInvalidInfoClass;
  CONTINUO_RETURN_IF_ERROR(CheckClassOnConnection(scope.connection.negotiated(), request));
  if (rule->any_of != 0 && !scope.open->Has(rule->any_of)) return NtStatus::kAccessDenied;
  if (request.output_buffer_size_bytes < rule->minimum_size_bytes) {
    return NtStatus::kInfoLengthMismatch;
  }
  return NtStatus::kSuccess;
}

// [MS-SMB2] 3.3.5.20, in its order.
NtStatus CheckRequest(const RequestScope& scope, const smbwire::QueryInfoRequest& request) {
  const uint32_t max_size = scope.connection.negotiated().max_transact_size_bytes;
  if (request.output_buffer_size_bytes > max_size || request.input.size() > max_size) {
    return NtStatus::kInvalidParameter;
  }
  const uint64_t payload =
      std::max<uint64_t>(request.output_buffer_size_bytes, request.input.size());
  CONTINUO_RETURN_IF_ERROR(dispatch::CheckCreditCharge(scope, payload));
  return CheckClass(scope, request);
}

bool ShowsDeletePending(const smbwire::QueryInfoRequest& request) {
  return request.info_type == InfoType::kFile &&
         (request.info_class == smbwire::kFileStandardInformation ||
          request.info_class == smbwire::kFileStandardLinkInformation ||
          request.info_class == smbwire::kFileAllInformation ||
          request.info_class == smbwire::kFilePosixInformation);
}

NtStatus RunQuery(const InfoQuery& query, InfoType type, bytes::ByteWriter& out,
                  uint32_t* required_size_bytes) {
  switch (type) {
    case InfoType::kFile:
      return query.open.is_pipe() ? QueryPipeInfo(query, out) : QueryFileInfo(query, out);
    case InfoType::kFileSystem:
      return QueryFileSystemInfo(query, out);
    default:
      return QuerySecurity(query, out, required_size_bytes);
  }
}

void EncodeTooSmall(RequestScope& scope, uint32_t required_size_bytes) {
  const bool has_contexts = scope.connection.negotiated().dialect >= kDialect311;
  smbwire::EncodeBufferTooSmallResponse(
      required_size_bytes,
      has_contexts ? smbwire::ErrorFraming::kContext : smbwire::ErrorFraming::kPlain, scope.body);
  scope.has_body_on_error = true;
}

}  // namespace

net::Task<NtStatus> HandleQueryInfo(RequestScope& scope) {
  const auto request = smbwire::DecodeQueryInfoRequest(scope.message);
  if (!request.ok()) co_return request.status();
  const NtStatus checked = CheckRequest(scope, *request);
  if (!checked.ok()) co_return checked;
  const std::shared_ptr<open::OpenFile> open = scope.open;
  InfoQuery query{.open = *open,
                  .info_class = request->info_class,
                  .limit_bytes = request->output_buffer_size_bytes,
                  .input = request->input,
                  .flags = request->flags,
                  .additional_information = request->additional_information};
  if (ShowsDeletePending(*request) && !open->is_pipe()) {
    query.is_delete_pending = co_await IsDeletePending(scope, open->fsa_id());
  }
  bytes::ByteWriter out;
  uint32_t required_size_bytes = 0;
  const auto work = [&] {
    return RunQuery(query, request->info_type, out, &required_size_bytes);
  };
  const NtStatus status = co_await scope.RunBlocking(work);
  if (status == NtStatus::kBufferTooSmall) {
    if (required_size_bytes != 0) EncodeTooSmall(scope, required_size_bytes);
    co_return status;
  }
  if (!status.ok() && status != NtStatus::kBufferOverflow) co_return status;
  smbwire::EncodeOutputBufferResponse(out.view(), scope.body);
  scope.has_body_on_error = true;
  co_return status;
}

}  // namespace continuo::commands
