#include "common/smbwire/change_notify.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/bytes/utf16.h"
#include "common/smbwire/query_directory.h"
#include "services/smb-frontend/commands/commands.h"
#include "services/smb-frontend/commands/fsa_await.h"
#include "services/smb-frontend/dispatch/credit_charge.h"
#include "services/smb-frontend/dispatch/smb_connection.h"
#include "services/smb-frontend/notify/foreign_changes.h"

namespace continuo::commands {
namespace {

struct NotifyAnswer {
  NtStatus status;
  std::vector<fsa::NotifyEntry> entries;
};

// [MS-SMB2] 3.3.5.19, in its order.
NtStatus CheckRequest(const RequestScope& scope, const smbwire::ChangeNotifyRequest& request) {
  if (request.output_buffer_size_bytes > scope.connection.negotiated().max_transact_size_bytes) {
    return NtStatus::kInvalidParameter;
  }
  CONTINUO_RETURN_IF_ERROR(dispatch::CheckCreditCharge(scope, request.output_buffer_size_bytes));
  const open::OpenFile& open = *scope.open;
  if (open.is_pipe() || !open.is_directory()) return NtStatus::kInvalidParameter;
  if (!open.Has(security::kFileListDirectory)) return NtStatus::kAccessDenied;
  return NtStatus::kSuccess;
}

// False when the entries do not fit: the client reads the directory instead.
bool EncodeEntries(const std::vector<fsa::NotifyEntry>& entries, uint32_t limit_bytes,
                   bytes::ByteWriter& out) {
  const size_t body_start = smbwire::BeginOutputBufferResponse(out);
  smbwire::NotifyListBuilder list(limit_bytes, out);
  for (const fsa::NotifyEntry& entry : entries) {
    std::string name = entry.name;
    std::replace(name.begin(), name.end(), '/', '\\');
    const auto utf16 = bytes::Utf8ToUtf16Le(name);
    if (!utf16) continue;  // A name that clients cannot see.
    if (!list.Add(static_cast<uint32_t>(entry.action), *utf16)) return false;
  }
  smbwire::FinishOutputBufferResponse(body_start, out);
  return true;
}

net::Task<NotifyAnswer> WaitForEvents(RequestScope& scope, fsa::NotifyRequest wanted) {
  const auto start = [&](frontend::FsaHost& fsa, net::CompletionOf<NotifyAnswer> done) {
    return fsa.Notify(std::move(wanted),
                      [done](NtStatus status, std::vector<fsa::NotifyEntry> entries) {
                        done({.status = status, .entries = std::move(entries)});
                      });
  };
  co_return co_await AwaitFsa<NotifyAnswer>(scope, start);
}

}  // namespace

net::Task<NtStatus> HandleChangeNotify(RequestScope& scope) {
  const auto request = smbwire::DecodeChangeNotifyRequest(scope.message);
  if (!request.ok()) co_return request.status();
  const NtStatus checked = CheckRequest(scope, *request);
  if (!checked.ok()) co_return checked;
  if (scope.server.foreign_changes != nullptr) scope.server.foreign_changes->Watch(scope.open);
  const fsa::NotifyRequest wanted{
      .open = scope.open->fsa_id(),
      .filter = request->completion_filter,
      .is_recursive = (request->flags & smbwire::kChangeNotifyWatchTree) != 0,
      .max_size_bytes = request->output_buffer_size_bytes};
  scope.may_wait = scope.is_last_in_compound;
  const NotifyAnswer answer = co_await WaitForEvents(scope, wanted);
  const bool has_entries = answer.status.ok() && !answer.entries.empty();
  if (has_entries &&
      EncodeEntries(answer.entries, request->output_buffer_size_bytes, scope.body)) {
    co_return NtStatus::kSuccess;
  }
  if (!answer.status.ok() && answer.status != NtStatus::kNotifyEnumDir) co_return answer.status;
  // NOTIFY_ENUM_DIR is a CHANGE_NOTIFY response without entries ([MS-SMB2] 3.3.4.4).
  scope.body = bytes::ByteWriter();
  smbwire::EncodeOutputBufferResponse({}, scope.body);
  scope.has_body_on_error = true;
  co_return NtStatus::kNotifyEnumDir;
}

}  // namespace continuo::commands
