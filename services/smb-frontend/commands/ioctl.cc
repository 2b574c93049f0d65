#include "services/smb-frontend/commands/ioctl.h"

#include <algorithm>
#include <array>
#include <limits>

#include "services/smb-frontend/dispatch/credit_charge.h"
#include "services/smb-frontend/dispatch/smb_connection.h"

namespace continuo::commands {
namespace {

// From the SMB2 header.
constexpr size_t kFileIdOffset = smbwire::kHeaderSizeBytes + 8;

enum class Target { kNone, kPipe, kFile };

struct FsctlRule {
  uint32_t code = 0;
  Target target = Target::kNone;
  uint32_t min_output_bytes = 0;  // A smaller MaxOutputResponse is INVALID_PARAMETER.
  FsctlHandler handler = nullptr;
};

constexpr std::array kRules = {
    FsctlRule{smbwire::kFsctlValidateNegotiateInfo, Target::kNone, 0, FsctlValidateNegotiate},
    FsctlRule{smbwire::kFsctlQueryNetworkInterfaceInfo, Target::kNone, 0, FsctlNetworkInterfaces},
    FsctlRule{smbwire::kFsctlDfsGetReferrals, Target::kNone, 0, FsctlDfsReferrals},
    FsctlRule{smbwire::kFsctlDfsGetReferralsEx, Target::kNone, 0, FsctlDfsReferrals},
    FsctlRule{smbwire::kFsctlPipeWait, Target::kNone, 0, FsctlPipeWait},
    FsctlRule{smbwire::kFsctlPipeTransceive, Target::kPipe, 0, FsctlPipeTransceive},
    FsctlRule{smbwire::kFsctlPipePeek, Target::kPipe, 0, FsctlPipePeek},
    FsctlRule{smbwire::kFsctlSrvRequestResumeKey, Target::kFile,
              smbwire::kResumeKeyResponseSizeBytes, FsctlRequestResumeKey},
    FsctlRule{smbwire::kFsctlSrvCopychunk, Target::kFile, smbwire::kCopyChunkResponseSizeBytes,
              FsctlCopyChunk},
    FsctlRule{smbwire::kFsctlSrvCopychunkWrite, Target::kFile,
              smbwire::kCopyChunkResponseSizeBytes, FsctlCopyChunk},
    FsctlRule{smbwire::kFsctlDuplicateExtentsToFile, Target::kFile, 0, FsctlDuplicateExtents},
    FsctlRule{smbwire::kFsctlSetSparse, Target::kFile, 0, FsctlSetSparse},
    FsctlRule{smbwire::kFsctlSetZeroData, Target::kFile, 0, FsctlSetZeroData},
    FsctlRule{smbwire::kFsctlQueryAllocatedRanges, Target::kFile, 0, FsctlQueryAllocatedRanges},
    FsctlRule{smbwire::kFsctlGetCompression, Target::kFile, 2, FsctlGetCompression},
    FsctlRule{smbwire::kFsctlSetCompression, Target::kFile, 0, FsctlSetCompression},
    FsctlRule{smbwire::kFsctlCreateOrGetObjectId, Target::kFile, 64, FsctlObjectId},
    FsctlRule{smbwire::kFsctlGetObjectId, Target::kFile, 64, FsctlObjectId},
    FsctlRule{smbwire::kFsctlGetReparsePoint, Target::kFile, 0, FsctlReparsePoint},
    FsctlRule{smbwire::kFsctlDeleteReparsePoint, Target::kFile, 0, FsctlReparsePoint},
    FsctlRule{smbwire::kFsctlIsPathnameValid, Target::kFile, 0, FsctlNothingToDo},
};

const FsctlRule* FindRule(uint32_t code) {
  const auto found = std::find_if(kRules.begin(), kRules.end(),
                                  [code](const FsctlRule& rule) { return rule.code == code; });
  return found == kRules.end() ? nullptr : &*found;
}

// [MS-SMB2] 3.3.5.15, in its order.
NtStatus CheckRequest(const RequestScope& scope, const smbwire::IoctlRequest& request) {
  if (request.flags != smbwire::kIoctlFlagIsFsctl) return NtStatus::kNotSupported;
  const uint32_t limit = scope.connection.negotiated().max_transact_size_bytes;
  if (request.input.size() > limit || request.max_input_response_bytes > limit ||
      request.max_output_response_bytes > limit) {
    return NtStatus::kInvalidParameter;
  }
  const uint64_t answer_bytes = uint64_t{request.max_input_response_bytes} +
                                uint64_t{request.max_output_response_bytes};
  return dispatch::CheckCreditCharge(scope,
                                     std::max<uint64_t>(request.input.size(), answer_bytes));
}

bool NamesNoOpen(const smbwire::IoctlRequest& request) {
  constexpr uint64_t kNoOpen = std::numeric_limits<uint64_t>::max();
  return request.file_id.persistent_id == kNoOpen && request.file_id.volatile_id == kNoOpen;
}

// Sets scope.open for codes that need one; the others must not name any.
NtStatus FindTarget(RequestScope& scope, const smbwire::IoctlRequest& request, Target target) {
  if (target == Target::kNone) {
    return NamesNoOpen(request) ? NtStatus::kSuccess : NtStatus::kInvalidParameter;
  }
  CONTINUO_RETURN_IF_ERROR(scope.FindOpen(kFileIdOffset));
  if (scope.open->is_pipe() == (target == Target::kPipe)) return NtStatus::kSuccess;
  return target == Target::kPipe ? NtStatus::kNotSupported : NtStatus::kInvalidDeviceRequest;
}

}  // namespace

net::Task<NtStatus> HandleIoctl(RequestScope& scope) {
  const auto request = smbwire::DecodeIoctlRequest(scope.message);
  if (!request.ok()) co_return request.status();
  const NtStatus checked = CheckRequest(scope, *request);
  if (!checked.ok()) co_return checked;
  const FsctlRule* rule = FindRule(request->ctl_code);
  if (rule == nullptr) {
    // The name of an open that is not there comes before the code that is not known.
    if (!NamesNoOpen(*request) || scope.header.is_related()) {
      const NtStatus found = scope.FindOpen(kFileIdOffset);
      if (!found.ok()) co_return found;
    }
    co_return NtStatus::kInvalidDeviceRequest;
  }
  const NtStatus found = FindTarget(scope, *request, rule->target);
  if (!found.ok()) co_return found;
  if (request->max_output_response_bytes < rule->min_output_bytes) {
    co_return NtStatus::kInvalidParameter;
  }
  bytes::ByteWriter out;
  const NtStatus status = co_await rule->handler(scope, *request, out);
  if (!status.ok() && !scope.has_body_on_error) co_return status;
  smbwire::EncodeIoctlResponse(
      {.ctl_code = request->ctl_code, .file_id = request->file_id, .output = out.view()},
      scope.body);
  co_return status;
}

}  // namespace continuo::commands
