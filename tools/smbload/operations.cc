#include "tools/smbload/operations.h"

#include <array>
#include <memory>
#include <utility>

#include "common/bytes/utf16.h"
#include "common/smbwire/client_messages.h"
#include "common/smbwire/create_contexts.h"
#include "common/smbwire/file_flags.h"
#include "common/smbwire/fscc.h"

namespace continuo::smbload {
namespace {

using smbwire::Command;
using smbwire::FileId;

constexpr uint32_t kListBufferBytes = kBytesPerCredit;
constexpr uint32_t kStatBufferBytes = 4096;

EncodeBody CreateBody(const std::string& path, const OpenOptions& options) {
  return [path, options](bytes::ByteWriter& out) {
    const Bytes name = bytes::Utf8ToUtf16Le(path).value_or(Bytes{});
    smbwire::CreateRequest request;
    request.impersonation_level = smbwire::kImpersonationImpersonation;
    request.desired_access = options.desired_access;
    request.share_access = options.share_access;
    request.create_disposition = options.disposition;
    request.create_options = options.options;
    request.file_attributes =
        options.disposition == smbwire::kDispositionOpen ? 0 : smbwire::kAttributeNormal;
    if ((options.options & smbwire::kOptionDirectoryFile) != 0) request.file_attributes = 0;
    request.name_utf16le = name;
    if (options.persistent_guid) {
      request.contexts.durable_v2_request = {.flags = smbwire::kDurableV2FlagPersistent,
                                             .create_guid = *options.persistent_guid};
    }
    smbwire::EncodeCreateRequest(request, out);
  };
}

// Without a grant a load would measure something else.
NtStatus PersistenceGranted(const smbwire::CreateResponse& response) {
  const std::optional<smbwire::DurableV2Response>& granted = response.contexts.durable_v2;
  const bool is_granted = granted && (granted->flags & smbwire::kDurableV2FlagPersistent) != 0;
  return is_granted ? NtStatus() : NtStatus(NtStatus::kNotSupported);
}

EncodeBody CloseBody(FileId file) {
  return [file](bytes::ByteWriter& out) {
    smbwire::CloseRequest request;
    request.file_id = file;
    smbwire::EncodeCloseRequest(request, out);
  };
}

constexpr OpenOptions kOpenForRead = {
    .desired_access = smbwire::kFileGenericRead,
    .share_access = smbwire::kShareAll,
    .disposition = smbwire::kDispositionOpen,
    .options = smbwire::kOptionNonDirectoryFile,
};
constexpr OpenOptions kOpenForList = {
    .desired_access = smbwire::kFileListDirectory | smbwire::kFileReadAttributes,
    .share_access = smbwire::kShareAll,
    .disposition = smbwire::kDispositionOpen,
    .options = smbwire::kOptionDirectoryFile,
};
constexpr OpenOptions kOpenForStat = {
    .desired_access = smbwire::kFileReadAttributes,
    .share_access = smbwire::kShareAll,
    .disposition = smbwire::kDispositionOpen,
};

void ListNext(Client& client, FileId directory, uint64_t bytes_so_far, const Done& done) {
  client.Send(
      Command::kQueryDirectory,
      [directory](bytes::ByteWriter& out) {
        constexpr std::array<uint8_t, 2> kEverything = {'*', 0};
        smbwire::QueryDirectoryRequest request;
        request.info_class = smbwire::kFileIdBothDirectoryInformation;
        request.file_id = directory;
        request.pattern_utf16le = kEverything;
        request.output_buffer_size_bytes = kListBufferBytes;
        smbwire::EncodeQueryDirectoryRequest(request, out);
      },
      [&client, directory, bytes_so_far, done](const Reply& reply) {
        if (reply.status.ok()) {
          const auto entries = smbwire::DecodeOutputBufferResponse(reply.message);
          if (!entries.ok()) return done({entries.status(), bytes_so_far});
          return ListNext(client, directory, bytes_so_far + entries->size(), done);
        }
        const NtStatus listed =
            reply.status == NtStatus::kNoMoreFiles ? NtStatus() : reply.status;
        Close(client, directory, [listed, bytes_so_far, done](const Outcome& closed) {
          done({listed.ok() ? closed.status : listed, bytes_so_far});
        });
      });
}

}  // namespace

void Open(Client& client, const std::string& path, const OpenOptions& options, Opened opened) {
  client.Send(Command::kCreate, CreateBody(path, options),
              [opened = std::move(opened),
               is_persistent = options.persistent_guid.has_value()](const Reply& reply) {
                if (!reply.status.ok()) return opened(reply.status, {});
                const auto response = smbwire::DecodeCreateResponse(reply.message);
                if (!response.ok()) return opened(response.status(), {});
                opened(is_persistent ? PersistenceGranted(*response) : NtStatus(),
                       response->file_id);
              });
}

void Close(Client& client, FileId file, Done done) {
  client.Send(Command::kClose, CloseBody(file),
              [done = std::move(done)](const Reply& reply) { done({reply.status, 0}); });
}

void Echo(Client& client, Done done) {
  client.Send(Command::kEcho, smbwire::EncodeEmptyRequest,
              [done = std::move(done)](const Reply& reply) { done({reply.status, 0}); });
}

void OpenClose(Client& client, const std::string& path,
               const std::optional<smbwire::Guid>& persistent_guid, Done done) {
  OpenOptions options = kOpenForRead;
  options.persistent_guid = persistent_guid;
  Open(client, path, options,
       [&client, done = std::move(done)](NtStatus status, FileId file) {
         if (!status.ok()) return done({status, 0});
         Close(client, file, done);
       });
}

void CreateFile(Client& client, const std::string& path, Keep keep, Done done) {
  const bool is_temporary = keep == Keep::kDeleteOnClose;
  OpenOptions options = {
      .desired_access = smbwire::kFileGenericRead | smbwire::kFileGenericWrite |
                        (is_temporary ? smbwire::kDelete : 0u),
      .share_access = smbwire::kShareAll,
      .disposition = smbwire::kDispositionCreate,
      .options = smbwire::kOptionNonDirectoryFile |
                 (is_temporary ? smbwire::kOptionDeleteOnClose : 0u),
  };
  Open(client, path, options, [&client, done = std::move(done)](NtStatus status, FileId file) {
    if (!status.ok()) return done({status, 0});
    Close(client, file, done);
  });
}

void Stat(Client& client, const std::string& path, Done done) {
  // The CLOSE is answered last; the first step that fails decides.
  const auto worst = std::make_shared<NtStatus>();
  const auto note = [worst](const Reply& reply) {
    if (worst->ok()) *worst = reply.status;
  };
  const auto query = [](bytes::ByteWriter& out) {
    smbwire::QueryInfoRequest request;
    request.info_type = smbwire::InfoType::kFile;
    request.info_class = smbwire::kFileAllInformation;
    request.output_buffer_size_bytes = kStatBufferBytes;
    request.file_id = smbwire::kCompoundFileId;
    smbwire::EncodeQueryInfoRequest(request, out);
  };
  const auto finish = [note, worst, done = std::move(done)](const Reply& reply) {
    note(reply);
    done({*worst, 0});
  };
  std::array<Element, 3> elements = {
      Element{Command::kCreate, CreateBody(path, kOpenForStat), note},
      Element{Command::kQueryInfo, query, note},
      Element{Command::kClose, CloseBody(smbwire::kCompoundFileId), finish}};
  client.SendCompound(elements);
}

void List(Client& client, const std::string& path, Done done) {
  Open(client, path, kOpenForList,
       [&client, done = std::move(done)](NtStatus status, FileId directory) {
         if (!status.ok()) return done({status, 0});
         ListNext(client, directory, 0, done);
       });
}

void Read(Client& client, FileId file, uint64_t offset, uint32_t size_bytes, Done done) {
  client.Send(
      Command::kRead,
      [=](bytes::ByteWriter& out) {
        smbwire::ReadRequest request;
        request.padding = smbwire::kReadResponseDataOffset;
        request.length_bytes = size_bytes;
        request.offset = offset;
        request.file_id = file;
        smbwire::EncodeReadRequest(request, out);
      },
      [done = std::move(done)](const Reply& reply) {
        if (!reply.status.ok()) return done({reply.status, 0});
        const auto response = smbwire::DecodeReadResponse(reply.message);
        if (!response.ok()) return done({response.status(), 0});
        done({NtStatus(), response->data.size()});
      },
      CreditCharge(size_bytes));
}

void Write(Client& client, FileId file, uint64_t offset, std::span<const uint8_t> data,
           Done done) {
  client.Send(
      Command::kWrite,
      [=](bytes::ByteWriter& out) {
        smbwire::WriteRequest request;
        request.offset = offset;
        request.file_id = file;
        request.data = data;
        smbwire::EncodeWriteRequest(request, out);
      },
      [done = std::move(done)](const Reply& reply) {
        if (!reply.status.ok()) return done({reply.status, 0});
        const auto response = smbwire::DecodeWriteResponse(reply.message);
        if (!response.ok()) return done({response.status(), 0});
        done({NtStatus(), response->count_bytes});
      },
      CreditCharge(data.size()));
}

}  // namespace continuo::smbload
