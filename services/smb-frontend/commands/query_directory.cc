#include "common/smbwire/query_directory.h"

#include <algorithm>
#include <memory>
#include <string>

#include "common/bytes/utf16.h"
#include "common/smbwire/fscc_directory.h"
#include "services/smb-frontend/commands/commands.h"
#include "services/smb-frontend/commands/file_reply.h"
#include "services/smb-frontend/dispatch/credit_charge.h"
#include "services/smb-frontend/dispatch/smb_connection.h"

namespace continuo::commands {
namespace {

constexpr size_t kFirstReserveBytes = 16 * 1024;
constexpr uint8_t kStartsOver =
    smbwire::kQueryDirectoryRestartScans | smbwire::kQueryDirectoryReopen;

// One request, as the worker thread needs it.
struct Listing {
  uint8_t info_class = 0;
  uint8_t flags = 0;
  std::string pattern;  // Empty: the one in force, or everything.
  size_t limit_bytes = 0;
  bytes::ByteWriter out;
};

// [MS-SMB2] 3.3.5.18, in its order.
NtStatus CheckRequest(const RequestScope& scope, const smbwire::QueryDirectoryRequest& request) {
  const dispatch::NegotiatedState& negotiated = scope.connection.negotiated();
  if (request.output_buffer_size_bytes > negotiated.max_transact_size_bytes) {
    return NtStatus::kInvalidParameter;
  }
  CONTINUO_RETURN_IF_ERROR(
      dispatch::CheckCreditCharge(scope, request.output_buffer_size_bytes));
  if (!scope.open->is_directory()) return NtStatus::kInvalidParameter;
  const auto fixed_size = smbwire::DirectoryEntryFixedSizeBytes(request.info_class);
  const bool is_hidden_class =
      request.info_class == smbwire::kFilePosixInformation && !negotiated.supports_posix;
  if (!fixed_size || is_hidden_class) return NtStatus::kInvalidInfoClass;
  if (!scope.open->Has(security::kFileListDirectory)) return NtStatus::kAccessDenied;
  if (request.output_buffer_size_bytes < *fixed_size) return NtStatus::kInfoLengthMismatch;
  return NtStatus::kSuccess;
}

bool ReportsEaSize(uint8_t info_class) {
  switch (info_class) {
    case smbwire::kFileFullDirectoryInformation:
    case smbwire::kFileBothDirectoryInformation:
    case smbwire::kFileIdBothDirectoryInformation:
    case smbwire::kFileIdFullDirectoryInformation:
    case smbwire::kFileIdExtdDirectoryInformation:
      return true;
    default:
      return false;
  }
}

Bytes EncodedSid(const security::Sid& sid) {
  bytes::ByteWriter out;
  sid.EncodeTo(out);
  return std::move(out).Take();
}

// False: it does not fit.
bool AddEntry(const vfs::DirectoryEntry& entry, const open::OpenFile& open, uint8_t info_class,
              smbwire::DirectoryListBuilder& list) {
  const auto name = bytes::Utf8ToUtf16Le(entry.name);
  if (!name) return true;  // No client can be told of it.
  const auto short_name = bytes::Utf8ToUtf16Le(entry.short_name);
  smbwire::DirectoryEntry out;
  out.creation_time = ToWireTime(entry.creation_time);
  out.last_access_time = ToWireTime(entry.stat.access_time);
  out.last_write_time = ToWireTime(entry.stat.write_time);
  out.change_time = ToWireTime(entry.stat.change_time);
  if (!entry.stat.IsDirectory()) {
    out.end_of_file = entry.stat.size_bytes;
    out.allocation_size_bytes = entry.stat.allocation_bytes;
  }
  out.file_attributes = entry.attributes;
  out.ea_size_bytes = entry.ea_size_bytes;
  out.file_id = entry.file_id;
  bytes::StoreU64(out.file_id_128, 0, entry.file_id);
  if (short_name) out.short_name_utf16le = *short_name;
  out.name_utf16le = *name;
  if (info_class != smbwire::kFilePosixInformation) return list.Add(out);
  const security::IdMapper& ids = open.share().root->ids();
  const Bytes owner = EncodedSid(ids.SidOfUid(entry.stat.uid));
  const Bytes group = EncodedSid(ids.SidOfGid(entry.stat.gid));
  out.device_id = static_cast<uint32_t>(entry.stat.device);
  out.link_count = entry.stat.link_count;
  out.mode = entry.stat.mode;
  out.owner_sid = owner;
  out.group_sid = group;
  return list.Add(out);
}

// Whether the scan starts (over) with this request: then nothing found is NO_SUCH_FILE.
NtResult<bool> Position(vfs::DirectoryStream& stream, const Listing& listing) {
  const vfs::EntryDetail detail = listing.info_class == smbwire::kFileNamesInformation
                                      ? vfs::EntryDetail::kNamesOnly
                                      : vfs::EntryDetail::kFull;
  stream.SetReportsEaSize(ReportsEaSize(listing.info_class));
  const bool starts_over = (listing.flags & kStartsOver) != 0;
  if (!stream.HasPattern() || (starts_over && !listing.pattern.empty())) {
    CONTINUO_RETURN_IF_ERROR(stream.Restart(listing.pattern, detail));
    return true;
  }
  stream.SetDetail(detail);
  if (starts_over) CONTINUO_RETURN_IF_ERROR(stream.Restart());
  return starts_over;
}

// Worker thread. One request at a time has the open's cursor: others wait for file_mutex.
NtStatus List(open::OpenFile& open, Listing& listing) {
  absl::MutexLock lock(&open.file_mutex());
  vfs::DirectoryStream* stream = nullptr;
  {
    absl::MutexLock state_lock(&open.mutex());
    stream = open.state().directory.get();
  }
  if (stream == nullptr) {
    auto opened = vfs::DirectoryStream::Open(open.vfs(), open.file);
    if (!opened.ok()) return opened.status();
    stream = opened->get();
    absl::MutexLock state_lock(&open.mutex());
    open.state().directory = *std::move(opened);
  }
  CONTINUO_ASSIGN_OR_RETURN(const bool is_first, Position(*stream, listing));
  const size_t body_start = smbwire::BeginOutputBufferResponse(listing.out);
  smbwire::DirectoryListBuilder list(listing.info_class, listing.limit_bytes, listing.out);
  const bool is_single = (listing.flags & smbwire::kQueryDirectoryReturnSingleEntry) != 0;
  bool is_full = false;
  while (const vfs::DirectoryEntry* entry = stream->Peek()) {
    is_full = !AddEntry(*entry, open, listing.info_class, list);
    if (is_full) break;
    stream->Advance();
    if (is_single && list.count() > 0) break;
  }
  if (list.count() == 0) {
    if (is_full) return NtStatus::kInfoLengthMismatch;
    if (!stream->status().ok()) return stream->status();
    return is_first ? NtStatus::kNoSuchFile : NtStatus::kNoMoreFiles;
  }
  smbwire::FinishOutputBufferResponse(body_start, listing.out);
  return NtStatus::kSuccess;
}

}  // namespace

net::Task<NtStatus> HandleQueryDirectory(RequestScope& scope) {
  const auto request = smbwire::DecodeQueryDirectoryRequest(scope.message);
  if (!request.ok()) co_return request.status();
  const NtStatus checked = CheckRequest(scope, *request);
  if (!checked.ok()) co_return checked;
  const auto pattern = bytes::Utf16LeToUtf8(request->pattern_utf16le);
  if (!pattern) co_return NtStatus::kObjectNameInvalid;
  Bytes memory;
  memory.reserve(std::min<size_t>(request->output_buffer_size_bytes, kFirstReserveBytes));
  Listing listing{.info_class = request->info_class,
                  .flags = request->flags,
                  .pattern = *pattern,
                  .limit_bytes = request->output_buffer_size_bytes,
                  .out = bytes::ByteWriter(std::move(memory))};
  const std::shared_ptr<open::OpenFile> open = scope.open;
  const auto work = [&] { return List(*open, listing); };
  const NtStatus status = co_await scope.RunBlocking(work);
  if (status.ok()) scope.body = std::move(listing.out);
  co_return status;
}

}  // namespace continuo::commands
