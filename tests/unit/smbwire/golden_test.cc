// Goal: what we decode is what another implementation meant, and what we encode is what it sends.
// Method: messages captured from smbclient, smbtorture and smbd; values were read from the hex.
#include <algorithm>
#include <functional>

#include <catch2/catch.hpp>

#include "common/bytes/byte_reader.h"
#include "common/smbwire/change_notify.h"
#include "common/smbwire/client_messages.h"
#include "common/smbwire/compound.h"
#include "common/smbwire/error.h"
#include "common/smbwire/fsctl.h"
#include "common/smbwire/oplock_break.h"
#include "common/smbwire/transform.h"
#include "tests/unit/smbwire/golden.h"

namespace continuo::smbwire {
namespace {

using bytes::ByteWriter;

Bytes ToBytes(std::span<const uint8_t> data) { return Bytes(data.begin(), data.end()); }

TEST_CASE("header: a captured one decodes and encodes to the same bytes",
          "[unit][smbwire][MS-SMB2:2.2.1]") {
  const Bytes message = Golden("lock_request");
  const auto header = DecodeHeader(message);
  REQUIRE(header.ok());
  CHECK(header->credit_charge == 1);
  CHECK(header->command == Command::kLock);
  CHECK(header->credits == 1);
  CHECK(header->flags == 0x10);
  CHECK(header->message_id == MessageId(0x18));
  CHECK(header->tree_id.value() == 0xD3E5E154);
  CHECK(header->session_id.value() == 0x52F1F48A);
  CHECK_FALSE(header->is_async());
  std::array<uint8_t, kHeaderSizeBytes> out{};
  EncodeHeader(*header, std::span<uint8_t, kHeaderSizeBytes>(out));
  CHECK(std::ranges::equal(out, std::span(message).first(kHeaderSizeBytes)));
}

TEST_CASE("header: an interim response carries an async id", "[unit][smbwire][MS-SMB2:2.2.1.1]") {
  const Bytes message = Golden("async_interim_response");
  const auto header = DecodeHeader(message);
  REQUIRE(header.ok());
  CHECK(header->is_async());
  CHECK(header->is_response());
  CHECK(NtStatus(header->status) == NtStatus::kPending);
  CHECK(header->async_id.value() != 0);
  CHECK(header->tree_id == TreeId(0));
}

TEST_CASE("NEGOTIATE: smbclient's offer", "[unit][smbwire][MS-SMB2:2.2.3]") {
  const Bytes message = Golden("negotiate_request_311");
  const auto request = DecodeNegotiateRequest(message);
  REQUIRE(request.ok());
  CHECK(request->dialects.size() == 5);
  CHECK(request->OffersDialect(kDialect202));
  CHECK(request->OffersDialect(kDialect311));
  CHECK(request->security_mode == kSecurityModeSigningEnabled);
  CHECK(request->capabilities == 0x7F);
  const NegotiateContexts& contexts = request->contexts;
  REQUIRE(contexts.preauth_integrity);
  CHECK(contexts.preauth_integrity->hash_algorithms == AlgorithmList{kHashSha512});
  CHECK(contexts.preauth_integrity->salt.size() == 32);
  REQUIRE(contexts.ciphers);
  CHECK(*contexts.ciphers == AlgorithmList{kCipherAes128Gcm, kCipherAes128Ccm, kCipherAes256Gcm,
                                           kCipherAes256Ccm});
  REQUIRE(contexts.signing_algorithms);
  CHECK(*contexts.signing_algorithms ==
        AlgorithmList{kSigningAesGmac, kSigningAesCmac, kSigningHmacSha256});
  REQUIRE(contexts.netname_utf16le);
  CHECK(ToBytes(*contexts.netname_utf16le) == Utf16("127.0.0.1"));
  CHECK_FALSE(contexts.posix_extensions);
}

TEST_CASE("SMB1 negotiate: smbclient's dialect list leads to SMB2",
          "[unit][smbwire][MS-SMB2:3.3.5.3]") {
  const Bytes message = Golden("smb1_negotiate");
  REQUIRE(ClassifyMessage(message) == MessageKind::kSmb1);
  const auto request = DecodeSmb1Negotiate(message);
  REQUIRE(request.ok());
  CHECK(request->offers_smb_2_002);
  CHECK(request->offers_smb_2_any);
  CHECK(request->dialects.size() >= 3);
}

TEST_CASE("transform header: an encrypted request of smbclient", "[unit][smbwire][MS-SMB2:2.2.41]") {
  const Bytes message = Golden("transform_request");
  REQUIRE(ClassifyMessage(message) == MessageKind::kEncrypted);
  const auto sealed = DecodeTransformHeader(message);
  REQUIRE(sealed.ok());
  CHECK(sealed->ciphertext.size() == message.size() - 52);
  CHECK(sealed->associated_data.size() == 32);
  CHECK(sealed->header.session_id.value() != 0);
  std::array<uint8_t, kTransformHeaderSizeBytes> out{};
  EncodeTransformHeader(sealed->header, std::span<uint8_t, kTransformHeaderSizeBytes>(out));
  CHECK(std::ranges::equal(out, std::span(message).first(kTransformHeaderSizeBytes)));
}

TEST_CASE("compound: the elements of a captured one", "[unit][smbwire][MS-SMB2:3.3.5.2.7]") {
  const Bytes message = Golden("compound_request");
  const auto elements = SplitCompound(message);
  REQUIRE(elements.ok());
  CHECK(elements->size() >= 2);
  size_t total = 0;
  for (const auto element : *elements) total += element.size();
  CHECK(total == message.size());
  REQUIRE(DecodeCreateRequest(elements->front()).ok());
}

TEST_CASE("LOCK and copy-chunk: captured values", "[unit][smbwire][MS-SMB2:2.2.26]") {
  const Bytes lock_message = Golden("lock_request");
  const auto lock = DecodeLockRequest(lock_message);
  REQUIRE(lock.ok());
  REQUIRE(lock->elements.size() == 2);
  CHECK(lock->elements[0].offset == 0x270F);
  CHECK(lock->elements[0].length_bytes == 1);
  CHECK(lock->elements[0].flags == 0);
  CHECK(lock->elements[1].flags == kLockFlagUnlock);
  CHECK(lock->file_id.persistent_id == 0x9B1C0FFF);

  const Bytes copy_message = Golden("ioctl_copychunk_request");
  const auto ioctl = DecodeIoctlRequest(copy_message);
  REQUIRE(ioctl.ok());
  CHECK(ioctl->ctl_code == kFsctlSrvCopychunk);
  CHECK(ioctl->max_output_response_bytes == 12);
  const auto copy = DecodeCopyChunkRequest(ioctl->input);
  REQUIRE(copy.ok());
  REQUIRE(copy->chunks.size() == 1);
  CHECK(copy->chunks[0].length_bytes == 4096);
  CHECK(copy->chunks[0].source_offset == 0);
}

TEST_CASE("oplock and lease breaks: captured acknowledgements",
          "[unit][smbwire][MS-SMB2:2.2.24]") {
  const Bytes oplock_message = Golden("oplock_break_ack");
  const auto oplock = DecodeBreakAcknowledgement(oplock_message);
  REQUIRE(oplock.ok());
  CHECK(std::holds_alternative<OplockBreak>(*oplock));
  ByteWriter oplock_out;
  EncodeOplockBreak(std::get<OplockBreak>(*oplock), oplock_out);
  CHECK(ToBytes(oplock_out.view()) == ToBytes(BodyOf(oplock_message)));

  const Bytes lease_message = Golden("lease_break_response");
  const auto lease = DecodeBreakAcknowledgement(lease_message);
  REQUIRE(lease.ok());
  ByteWriter lease_out;
  EncodeLeaseBreakResponse(std::get<LeaseBreakAck>(*lease), lease_out);
  CHECK(ToBytes(lease_out.view()) == ToBytes(BodyOf(lease_message)));

  const Bytes note = Golden("lease_break_notification");
  bytes::ByteReader in(note);
  in.Skip(kHeaderSizeBytes + 2);
  LeaseBreakNotification notification;
  notification.new_epoch = in.U16();
  notification.flags = in.U32();
  notification.lease_key = in.Array<16>();
  notification.current_lease_state = in.U32();
  notification.new_lease_state = in.U32();
  ByteWriter note_out;
  EncodeLeaseBreakNotification(notification, note_out);
  CHECK(ToBytes(note_out.view()) == ToBytes(BodyOf(note)));
}

// Decodes a captured message with the decoder of one side and encodes it again with the other's:
// the bytes must be the captured ones.
template <typename Result>
Bytes Again(const Bytes& message, NtResult<Result> (*decode)(std::span<const uint8_t>),
            void (*encode)(const Result&, ByteWriter&)) {
  const auto decoded = decode(message);
  if (!decoded.ok()) return {};
  ByteWriter out;
  encode(*decoded, out);
  return std::move(out).Take();
}

TEST_CASE("responses: smbd's bytes decode and encode to the same bytes", "[unit][smbwire]") {
  const auto same = [](const char* name, auto decode, auto encode) {
    CAPTURE(name);
    const Bytes message = Golden(name);
    REQUIRE(message.size() > kHeaderSizeBytes);
    CHECK(Again(message, decode, encode) == ToBytes(BodyOf(message)));
  };
  same("negotiate_response_311", DecodeNegotiateResponse, EncodeNegotiateResponse);
  same("session_setup_response", DecodeSessionSetupResponse, EncodeSessionSetupResponse);
  same("tree_connect_response", DecodeTreeConnectResponse, EncodeTreeConnectResponse);
  same("create_response", DecodeCreateResponse, EncodeCreateResponse);
  same("create_response_contexts", DecodeCreateResponse, EncodeCreateResponse);
  same("create_response_lease_v1", DecodeCreateResponse, EncodeCreateResponse);
  same("create_response_lease_v2", DecodeCreateResponse, EncodeCreateResponse);
  same("create_response_durable_v2", DecodeCreateResponse, EncodeCreateResponse);
  same("close_response", DecodeCloseResponse, EncodeCloseResponse);
  same("read_response", DecodeReadResponse, EncodeReadResponse);
  same("write_response", DecodeWriteResponse, EncodeWriteResponse);
  same("ioctl_copychunk_response", DecodeIoctlResponse, EncodeIoctlResponse);
  same("ioctl_resume_key_response", DecodeIoctlResponse, EncodeIoctlResponse);
  using Buffer = std::span<const uint8_t>;
  constexpr auto kEncodeBuffer = +[](const Buffer& buffer, ByteWriter& out) {
    EncodeOutputBufferResponse(buffer, out);
  };
  same("query_info_all_response", DecodeOutputBufferResponse, kEncodeBuffer);
  same("query_directory_response", DecodeOutputBufferResponse, kEncodeBuffer);
  same("change_notify_response", DecodeOutputBufferResponse, kEncodeBuffer);

  ByteWriter error;
  EncodeErrorResponse(error);
  CHECK(ToBytes(error.view()) == ToBytes(BodyOf(Golden("error_response"))));
}

TEST_CASE("requests: the clients' bytes decode and encode to the same bytes", "[unit][smbwire]") {
  const auto same = [](const char* name, auto decode, auto encode) {
    CAPTURE(name);
    const Bytes message = Golden(name);
    REQUIRE(message.size() > kHeaderSizeBytes);
    CHECK(Again(message, decode, encode) == ToBytes(BodyOf(message)));
  };
  same("session_setup_request", DecodeSessionSetupRequest, EncodeSessionSetupRequest);
  same("tree_connect_request", DecodeTreeConnectRequest, EncodeTreeConnectRequest);
  same("close_request", DecodeCloseRequest, EncodeCloseRequest);
  same("flush_request", DecodeFlushRequest, EncodeFlushRequest);
  same("read_request", DecodeReadRequest, EncodeReadRequest);
  same("lock_request", DecodeLockRequest, EncodeLockRequest);
  same("query_directory_request", DecodeQueryDirectoryRequest, EncodeQueryDirectoryRequest);
  same("set_info_rename_request", DecodeSetInfoRequest, EncodeSetInfoRequest);
  same("write_request", DecodeWriteRequest, EncodeWriteRequest);
  same("create_request_lease_v2", DecodeCreateRequest, EncodeCreateRequest);
}

}  // namespace
}  // namespace continuo::smbwire
