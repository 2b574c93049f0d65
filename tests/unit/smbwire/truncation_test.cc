// Goal: no message that lost its tail is taken for a whole one, and none reads past its end.
// Method: every prefix of a captured message, for every decoder; run with ASan for the second half.
#include <functional>

#include <catch2/catch.hpp>

#include "common/smbwire/change_notify.h"
#include "common/smbwire/client_messages.h"
#include "common/smbwire/compound.h"
#include "common/smbwire/echo.h"
#include "common/smbwire/fsctl.h"
#include "common/smbwire/oplock_break.h"
#include "common/smbwire/transform.h"
#include "tests/unit/smbwire/golden.h"

namespace continuo::smbwire {
namespace {

using Input = std::span<const uint8_t>;

struct Case {
  const char* golden;
  std::function<NtStatus(Input)> decode;
  // Bytes at the end that nothing refers to: the byte of an empty Buffer, padding, tokens of
  // which any length is fine to this layer.
  size_t unused_tail = 0;
};

#define DECODER(function) [](Input m) { return function(m).status(); }

std::vector<Case> Cases() {
  return {
      {"negotiate_request_311", DECODER(DecodeNegotiateRequest)},
      {"negotiate_response_311", DECODER(DecodeNegotiateResponse)},
      {"smb1_negotiate", DECODER(DecodeSmb1Negotiate)},
      {"session_setup_request", DECODER(DecodeSessionSetupRequest)},
      {"session_setup_response", DECODER(DecodeSessionSetupResponse)},
      {"logoff_request", DecodeLogoffRequest, 2},
      {"tree_connect_request", DECODER(DecodeTreeConnectRequest)},
      {"tree_connect_response", DECODER(DecodeTreeConnectResponse)},
      {"tree_disconnect_request", DecodeTreeDisconnectRequest, 2},
      {"echo_request", DecodeEchoRequest, 2},
      {"cancel_request", DecodeCancelRequest, 2},
      {"create_request", DECODER(DecodeCreateRequest), 2},
      {"create_request_contexts", DECODER(DecodeCreateRequest)},
      {"create_request_ea", DECODER(DecodeCreateRequest)},
      {"create_request_secd", DECODER(DecodeCreateRequest)},
      {"create_request_durable_reconnect", DECODER(DecodeCreateRequest)},
      {"create_request_durable_v2", DECODER(DecodeCreateRequest)},
      {"create_request_durable_v2_reconnect", DECODER(DecodeCreateRequest)},
      {"create_request_lease_v1", DECODER(DecodeCreateRequest)},
      {"create_request_lease_v2", DECODER(DecodeCreateRequest)},
      {"create_request_app_instance", DECODER(DecodeCreateRequest)},
      {"create_response", DECODER(DecodeCreateResponse)},
      {"create_response_lease_v2", DECODER(DecodeCreateResponse)},
      {"close_request", DECODER(DecodeCloseRequest)},
      {"close_response", DECODER(DecodeCloseResponse)},
      {"flush_request", DECODER(DecodeFlushRequest)},
      {"read_request", DECODER(DecodeReadRequest), 1},
      {"read_response", DECODER(DecodeReadResponse)},
      {"write_request", DECODER(DecodeWriteRequest)},
      {"write_response", DECODER(DecodeWriteResponse)},
      {"lock_request", DECODER(DecodeLockRequest)},
      {"ioctl_copychunk_request", DECODER(DecodeIoctlRequest)},
      {"ioctl_copychunk_response", DECODER(DecodeIoctlResponse)},
      {"query_directory_request", DECODER(DecodeQueryDirectoryRequest)},
      {"query_directory_response", DECODER(DecodeOutputBufferResponse)},
      {"change_notify_request", DECODER(DecodeChangeNotifyRequest)},
      {"query_info_all_request", DECODER(DecodeQueryInfoRequest), 1},
      {"query_info_ea_request", DECODER(DecodeQueryInfoRequest), 1},
      {"set_info_rename_request", DECODER(DecodeSetInfoRequest)},
      {"oplock_break_ack", DECODER(DecodeBreakAcknowledgement)},
      {"lease_break_ack", DECODER(DecodeBreakAcknowledgement)},
      {"transform_request", DECODER(DecodeTransformHeader)},
  };
}

TEST_CASE("every decoder: the whole message is accepted, every shorter prefix is refused",
          "[unit][smbwire]") {
  for (const Case& c : Cases()) {
    CAPTURE(c.golden);
    const Bytes valid = Golden(c.golden);
    REQUIRE(!valid.empty());
    REQUIRE(c.decode(valid).ok());
    for (size_t size = 0; size + c.unused_tail < valid.size(); ++size) {
      CAPTURE(size);
      // A copy of exactly this size, so that ASan sees a read past its end.
      const Bytes prefix(valid.begin(), valid.begin() + static_cast<ptrdiff_t>(size));
      CHECK_FALSE(c.decode(prefix).ok());
    }
  }
}

TEST_CASE("every decoder: a wrong StructureSize is refused", "[unit][smbwire][MS-SMB2:3.3.5.2]") {
  for (const Case& c : Cases()) {
    CAPTURE(c.golden);
    Bytes message = Golden(c.golden);
    if (ClassifyMessage(message) != MessageKind::kSmb2) continue;
    bytes::StoreU16(message, kHeaderSizeBytes, 0xFFFF);
    CHECK(c.decode(message) == NtStatus::kInvalidParameter);
  }
}

TEST_CASE("every decoder: a message with single damaged bytes ends in a status, not a crash",
          "[unit][smbwire]") {
  for (const Case& c : Cases()) {
    const Bytes valid = Golden(c.golden);
    for (size_t i = 0; i < valid.size(); ++i) {
      for (const uint8_t value : std::initializer_list<uint8_t>{0x00, 0x7F, 0x80, 0xFF}) {
        Bytes damaged = valid;
        damaged[i] = value;
        (void)c.decode(damaged);
      }
    }
  }
  SUCCEED();
}

}  // namespace
}  // namespace continuo::smbwire
