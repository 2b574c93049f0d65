// QUERY_INFO of one file, directory, stream or pipe.
#include <algorithm>
#include <array>
#include <string>

#include "common/bytes/utf16.h"
#include "common/smbwire/fscc.h"
#include "services/smb-frontend/commands/file_reply.h"
#include "services/smb-frontend/commands/info_query.h"
#include "services/smb-frontend/commands/info_rules.h"
#include "services/smb-frontend/pipes/pipe_endpoint.h"
#include "services/smb-frontend/vfs/names.h"

namespace continuo::commands {
namespace {

// Everything that the classes show of a file, read once under the open's file mutex.
struct Facts {
  FileReply reply;
  vfs::FileStat stat;
  uint32_t link_count = 0;
  uint32_t ea_size_bytes = 0;
  uint64_t position = 0;
  uint32_t mode = 0;
};

bool ShowsEaSize(uint8_t info_class) {
  return info_class == smbwire::kFileEaInformation || info_class == smbwire::kFileAllInformation;
}

NtResult<Facts> LoadFacts(const InfoQuery& query) {
  open::OpenFile& open = query.open;
  Facts facts;
  {
    absl::MutexLock lock(&open.file_mutex());
    CONTINUO_RETURN_IF_ERROR(open.vfs().Refresh(*open.file));
    facts.reply = DescribeFile(*open.file, open.stream.get());
    facts.stat = open.file->stat;
    if (ShowsEaSize(query.info_class)) {
      CONTINUO_ASSIGN_OR_RETURN(facts.ea_size_bytes, open.vfs().EaSizeBytes(*open.file));
    }
  }
  // A directory's second links are its children's ".."; a name that is about to go does not count.
  facts.link_count = facts.stat.IsDirectory() ? 1 : facts.stat.link_count;
  if (query.is_delete_pending && facts.link_count > 0) --facts.link_count;
  facts.mode = open.facts().create_options & kReportedModeOptions;
  absl::MutexLock lock(&open.mutex());
  facts.position = open.state().position;
  facts.reply.last_write_time =
      ToWireTime(open.state().write_time.Show(facts.stat.write_time, absl::Now()));
  if (open.state().mode) {
    facts.mode = (facts.mode & ~kSettableModeOptions) | *open.state().mode;
  }
  return facts;
}

smbwire::FileBasicInformation BasicOf(const Facts& facts) {
  return {.creation_time = facts.reply.creation_time,
          .last_access_time = facts.reply.last_access_time,
          .last_write_time = facts.reply.last_write_time,
          .change_time = facts.reply.change_time,
          .file_attributes = facts.reply.attributes};
}

smbwire::FileStandardInformation StandardOf(const InfoQuery& query, const Facts& facts) {
  return {.allocation_size_bytes = facts.reply.allocation_size_bytes,
          .end_of_file = facts.reply.end_of_file,
          .link_count = facts.link_count,
          .is_delete_pending = query.is_delete_pending,
          .is_directory = query.open.is_directory()};
}

enum class LeadingBackslash { kYes, kNo };

// The name within the share, with backslashes, and ":stream" for a stream.
NtResult<Bytes> WireName(const open::OpenFile& open, LeadingBackslash leading) {
  std::string name = leading == LeadingBackslash::kYes ? "\\" : "";
  name += open.PathInShare();
  std::replace(name.begin(), name.end(), '/', '\\');
  if (open.is_stream()) name += ":" + open.stream->name();
  auto wire = bytes::Utf8ToUtf16Le(name);
  if (!wire) return NtStatus::kObjectNameInvalid;
  return *std::move(wire);
}

NtStatus Overflow(bool is_complete) {
  return is_complete ? NtStatus::kSuccess : NtStatus::kBufferOverflow;
}

NtStatus QueryName(const InfoQuery& query, LeadingBackslash leading, bytes::ByteWriter& out) {
  CONTINUO_ASSIGN_OR_RETURN(const Bytes name, WireName(query.open, leading));
  return Overflow(smbwire::EncodeFileNameInformation(name, query.limit_bytes, out));
}

NtStatus QueryAlternateName(const InfoQuery& query, bytes::ByteWriter& out) {
  const std::string path = query.open.PathInShare();
  const std::string_view leaf = vfs::SplitPath(path).second;
  const auto name = bytes::Utf8ToUtf16Le(leaf.empty() ? std::string() : vfs::ShortName(leaf));
  if (!name) return NtStatus::kObjectNameNotFound;
  return Overflow(smbwire::EncodeFileNameInformation(*name, query.limit_bytes, out));
}

NtStatus QueryAll(const InfoQuery& query, const Facts& facts, bytes::ByteWriter& out) {
  CONTINUO_ASSIGN_OR_RETURN(const Bytes name, WireName(query.open, LeadingBackslash::kYes));
  const smbwire::FileAllInformation all{.basic = BasicOf(facts),
                                        .standard = StandardOf(query, facts),
                                        .file_id = facts.stat.inode,
                                        .ea_size_bytes = facts.ea_size_bytes,
                                        .access = query.open.granted_access(),
                                        .position = facts.position,
                                        .mode = facts.mode,
                                        .name_utf16le = name};
  return Overflow(smbwire::EncodeFileAllInformation(all, query.limit_bytes, out));
}

NtStatus QueryStreams(const InfoQuery& query, bytes::ByteWriter& out) {
  const open::OpenFile& open = query.open;
  CONTINUO_ASSIGN_OR_RETURN(const auto streams, vfs::ListStreams(open.vfs(), *open.file));
  smbwire::StreamListBuilder list(query.limit_bytes, out);
  for (const vfs::StreamInfo& stream : streams) {
    const auto name = bytes::Utf8ToUtf16Le(":" + stream.name + ":$DATA");
    if (!name) continue;
    if (!list.Add(*name, stream.size_bytes, stream.allocation_bytes)) {
      return NtStatus::kBufferOverflow;
    }
  }
  return NtStatus::kSuccess;
}

void QueryNetworkOpen(const Facts& facts, bytes::ByteWriter& out) {
  smbwire::EncodeFileNetworkOpenInformation(
      {.creation_time = facts.reply.creation_time,
       .last_access_time = facts.reply.last_access_time,
       .last_write_time = facts.reply.last_write_time,
       .change_time = facts.reply.change_time,
       .allocation_size_bytes = facts.reply.allocation_size_bytes,
       .end_of_file = facts.reply.end_of_file,
       .file_attributes = facts.reply.attributes},
      out);
}

void QueryFileId(const InfoQuery& query, const Facts& facts, bytes::ByteWriter& out) {
  std::array<uint8_t, 16> id{};
  bytes::StoreU64(id, 0, facts.stat.inode);
  smbwire::EncodeFileIdInformation(query.open.share().root->volume_serial(), id, out);
}

void QueryStandardLink(const InfoQuery& query, const Facts& facts, bytes::ByteWriter& out) {
  out.U32(facts.link_count);
  out.U32(facts.stat.IsDirectory() ? 1 : facts.stat.link_count);
  out.U8(query.is_delete_pending ? 1 : 0);
  out.U8(query.open.is_directory() ? 1 : 0);
  out.Zeros(2);
}

void QueryPosix(const InfoQuery& query, const Facts& facts, bytes::ByteWriter& out) {
  const security::IdMapper& ids = query.open.share().root->ids();
  bytes::ByteWriter owner;
  ids.SidOfUid(facts.stat.uid).EncodeTo(owner);
  bytes::ByteWriter group;
  ids.SidOfGid(facts.stat.gid).EncodeTo(group);
  smbwire::EncodeFilePosixInformation(
      {.creation_time = facts.reply.creation_time,
       .last_access_time = facts.reply.last_access_time,
       .last_write_time = facts.reply.last_write_time,
       .change_time = facts.reply.change_time,
       .end_of_file = facts.reply.end_of_file,
       .allocation_size_bytes = facts.reply.allocation_size_bytes,
       .file_attributes = facts.reply.attributes,
       .inode = facts.stat.inode,
       .device_id = static_cast<uint32_t>(facts.stat.device),
       .link_count = facts.link_count,
       .mode = facts.stat.mode,
       .owner_sid = owner.view(),
       .group_sid = group.view()},
      out);
}

// What needs no look at the file system.
bool QueryOpen(const InfoQuery& query, bytes::ByteWriter& out) {
  switch (query.info_class) {
    case smbwire::kFileAccessInformation:
      smbwire::EncodeFileAccessInformation(query.open.granted_access(), out);
      return true;
    case smbwire::kFileAlignmentInformation:
      smbwire::EncodeFileAlignmentInformation(0, out);
      return true;
    default:
      return false;
  }
}

NtStatus QueryWithFacts(const InfoQuery& query, const Facts& facts, bytes::ByteWriter& out) {
  switch (query.info_class) {
    case smbwire::kFileBasicInformation:
      smbwire::EncodeFileBasicInformation(BasicOf(facts), out);
      break;
    case smbwire::kFileStandardInformation:
      smbwire::EncodeFileStandardInformation(StandardOf(query, facts), out);
      break;
    case smbwire::kFileInternalInformation:
      smbwire::EncodeFileInternalInformation(facts.stat.inode, out);
      break;
    case smbwire::kFileEaInformation:
      smbwire::EncodeFileEaInformation(facts.ea_size_bytes, out);
      break;
    case smbwire::kFilePositionInformation:
      smbwire::EncodeFilePositionInformation(facts.position, out);
      break;
    case smbwire::kFileModeInformation:
      smbwire::EncodeFileModeInformation(facts.mode, out);
      break;
    case smbwire::kFileAllInformation:
      return QueryAll(query, facts, out);
    case smbwire::kFileCompressionInformation:
      smbwire::EncodeFileCompressionInformation(
          {.compressed_size_bytes = facts.reply.end_of_file}, out);
      break;
    case smbwire::kFileNetworkOpenInformation:
      QueryNetworkOpen(facts, out);
      break;
    case smbwire::kFileAttributeTagInformation:
      smbwire::EncodeFileAttributeTagInformation(facts.reply.attributes, 0, out);
      break;
    case smbwire::kFileStandardLinkInformation:
      QueryStandardLink(query, facts, out);
      break;
    case smbwire::kFileIdInformation:
      QueryFileId(query, facts, out);
      break;
    case smbwire::kFilePosixInformation:
      QueryPosix(query, facts, out);
      break;
    default:
      return NtStatus::kInvalidInfoClass;
  }
  return NtStatus::kSuccess;
}

// What a message-mode pipe with two ends says of itself, [MS-FSCC] 2.4.37.
void QueryPipeLocal(const pipes::PipeEndpoint& pipe, bytes::ByteWriter& out) {
  constexpr uint32_t kTypeMessage = 1;
  constexpr uint32_t kFullDuplex = 2;
  constexpr uint32_t kQuotaBytes = 4096;
  constexpr uint32_t kStateConnected = 3;
  constexpr uint32_t kUnlimitedInstances = 0xFFFFFFFF;
  smbwire::EncodeFilePipeLocalInformation(
      {.named_pipe_type = kTypeMessage,
       .named_pipe_configuration = kFullDuplex,
       .maximum_instances = kUnlimitedInstances,
       .current_instances = 1,
       .inbound_quota = kQuotaBytes,
       .read_data_available = static_cast<uint32_t>(pipe.ReadableBytes()),
       .outbound_quota = kQuotaBytes,
       .write_quota_available = kQuotaBytes,
       .named_pipe_state = kStateConnected},
      out);
}

}  // namespace

NtStatus QueryFileInfo(const InfoQuery& query, bytes::ByteWriter& out) {
  if (QueryOpen(query, out)) return NtStatus::kSuccess;
  switch (query.info_class) {
    case smbwire::kFileNameInformation:
      return QueryName(query, LeadingBackslash::kYes, out);
    case smbwire::kFileNormalizedNameInformation:
      return QueryName(query, LeadingBackslash::kNo, out);
    case smbwire::kFileAlternateNameInformation:
      return QueryAlternateName(query, out);
    case smbwire::kFileStreamInformation:
      return QueryStreams(query, out);
    case smbwire::kFileFullEaInformation:
      return QueryFullEas(query, out);
    case smbwire::kFilePipeInformation:
    case smbwire::kFilePipeLocalInformation:
      return NtStatus::kInvalidParameter;  // [MS-FSA] 2.1.5.12: not a named pipe.
    default:
      break;
  }
  CONTINUO_ASSIGN_OR_RETURN(const Facts facts, LoadFacts(query));
  return QueryWithFacts(query, facts, out);
}

NtStatus QueryPipeInfo(const InfoQuery& query, bytes::ByteWriter& out) {
  if (QueryOpen(query, out)) return NtStatus::kSuccess;
  absl::MutexLock lock(&query.open.mutex());
  const pipes::PipeEndpoint& pipe = *query.open.pipe;
  switch (query.info_class) {
    case smbwire::kFileStandardInformation:
      // A pipe's size is what waits to be read; its one link goes with its last handle.
      smbwire::EncodeFileStandardInformation({.allocation_size_bytes = 4096,
                                              .end_of_file = pipe.ReadableBytes(),
                                              .link_count = 1,
                                              .is_delete_pending = true},
                                             out);
      return NtStatus::kSuccess;
    case smbwire::kFilePipeInformation:
      smbwire::EncodeFilePipeInformation({.read_mode = 1, .completion_mode = 0}, out);
      return NtStatus::kSuccess;
    case smbwire::kFilePipeLocalInformation:
      QueryPipeLocal(pipe, out);
      return NtStatus::kSuccess;
    case smbwire::kFileModeInformation:
      smbwire::EncodeFileModeInformation(
          query.open.facts().create_options & kReportedModeOptions, out);
      return NtStatus::kSuccess;
    default:
      return NtStatus::kInvalidParameter;
  }
}

}  // namespace continuo::commands
