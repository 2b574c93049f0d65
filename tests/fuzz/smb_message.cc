// The header and the compound splitter, the SMB1 negotiate, and every decoder that an element's
// command selects: what a connection does with bytes before it knows anything about them.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "common/smbwire/change_notify.h"
#include "common/smbwire/client_messages.h"
#include "common/smbwire/compound.h"
#include "common/smbwire/echo.h"
#include "common/smbwire/fsctl.h"
#include "common/smbwire/oplock_break.h"

namespace {

using namespace continuo::smbwire;  // NOLINT: a fuzz target is one file.

void DecodeIoctlPayload(const IoctlRequest& request) {
  (void)DecodeValidateNegotiateRequest(request.input);
  (void)DecodeCopyChunkRequest(request.input);
  (void)DecodeZeroDataRequest(request.input);
  (void)DecodeAllocatedRangeRequest(request.input);
  (void)DecodePipeWaitRequest(request.input);
  (void)DecodeDuplicateExtentsRequest(request.input);
}

void DecodeByCommand(Command command, std::span<const uint8_t> element) {
  switch (command) {
    case Command::kSessionSetup: (void)DecodeSessionSetupRequest(element); break;
    case Command::kTreeConnect: (void)DecodeTreeConnectRequest(element); break;
    case Command::kClose: (void)DecodeCloseRequest(element); break;
    case Command::kFlush: (void)DecodeFlushRequest(element); break;
    case Command::kRead: (void)DecodeReadRequest(element); break;
    case Command::kWrite: (void)DecodeWriteRequest(element); break;
    case Command::kLock: (void)DecodeLockRequest(element); break;
    case Command::kIoctl:
      if (const auto request = DecodeIoctlRequest(element); request.ok()) {
        DecodeIoctlPayload(*request);
      }
      break;
    case Command::kQueryDirectory: (void)DecodeQueryDirectoryRequest(element); break;
    case Command::kChangeNotify: (void)DecodeChangeNotifyRequest(element); break;
    case Command::kQueryInfo: (void)DecodeQueryInfoRequest(element); break;
    case Command::kSetInfo: (void)DecodeSetInfoRequest(element); break;
    case Command::kOplockBreak: (void)DecodeBreakAcknowledgement(element); break;
    case Command::kCreate: (void)DecodeCreateRequest(element); break;
    case Command::kNegotiate: (void)DecodeNegotiateRequest(element); break;
    default: (void)DecodeEchoRequest(element); break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> message(data, size);
  (void)DecodeSmb1Negotiate(message);
  const auto elements = SplitCompound(message);
  if (!elements.ok()) return 0;
  size_t total = 0;
  for (const auto element : *elements) {
    total += element.size();
    const auto header = DecodeHeader(element);
    if (!header.ok()) std::abort();  // The splitter has checked each header.
    DecodeByCommand(header->command, element);
  }
  if (total != size) std::abort();  // Every byte belongs to exactly one element.
  return 0;
}
