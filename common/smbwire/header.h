// The 64-byte SMB2 header, the ids it carries, and what kind of message a transport frame holds.
//
//   switch (ClassifyMessage(frame)) { case MessageKind::kSmb2: ... }
//   NtResult<Header> header = DecodeHeader(element);
//
// Source: [MS-SMB2] 2.2.1 (header), 3.3.5.3 (multi-protocol negotiate), [MS-CIFS] 2.2.4.52.
// Threading: pure functions; nothing here allocates but DecodeSmb1Negotiate.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/base/strong_id.h"
#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"

namespace continuo::smbwire {

inline constexpr size_t kHeaderSizeBytes = 64;
inline constexpr size_t kSignatureSizeBytes = 16;
inline constexpr size_t kSignatureOffset = 48;
// Where single header fields lie, for code that completes an encoded header in place.
inline constexpr size_t kHeaderFlagsOffset = 16;
inline constexpr size_t kHeaderNextCommandOffset = 20;

using SessionId = base::StrongId<struct SessionIdTag>;
using TreeId = base::StrongId<struct TreeIdTag, uint32_t>;
using MessageId = base::StrongId<struct MessageIdTag>;
using AsyncId = base::StrongId<struct AsyncIdTag>;

// A GUID as its 16 wire bytes.
using Guid = std::array<uint8_t, 16>;

// An MessageId that no request has: oplock and lease break notifications.
inline constexpr MessageId kUnsolicitedMessageId{0xFFFFFFFFFFFFFFFFull};

struct FileId {
  uint64_t persistent_id = 0;
  uint64_t volatile_id = 0;

  friend constexpr auto operator<=>(const FileId&, const FileId&) = default;

  // All ones: "the file of the command before me" in a related compound, [MS-SMB2] 3.3.5.2.7.2.
  constexpr bool IsCompoundPlaceholder() const {
    return persistent_id == UINT64_MAX && volatile_id == UINT64_MAX;
  }

  template <typename H>
  friend H AbslHashValue(H h, const FileId& id) {
    return H::combine(std::move(h), id.persistent_id, id.volatile_id);
  }
};
inline constexpr FileId kCompoundFileId{UINT64_MAX, UINT64_MAX};

enum class Command : uint16_t {
  kNegotiate = 0x0000,
  kSessionSetup = 0x0001,
  kLogoff = 0x0002,
  kTreeConnect = 0x0003,
  kTreeDisconnect = 0x0004,
  kCreate = 0x0005,
  kClose = 0x0006,
  kFlush = 0x0007,
  kRead = 0x0008,
  kWrite = 0x0009,
  kLock = 0x000A,
  kIoctl = 0x000B,
  kCancel = 0x000C,
  kEcho = 0x000D,
  kQueryDirectory = 0x000E,
  kChangeNotify = 0x000F,
  kQueryInfo = 0x0010,
  kSetInfo = 0x0011,
  kOplockBreak = 0x0012,
};
inline constexpr uint16_t kCommandCount = 0x0013;

// Header.flags.
inline constexpr uint32_t kFlagServerToRedir = 0x00000001;
inline constexpr uint32_t kFlagAsyncCommand = 0x00000002;
inline constexpr uint32_t kFlagRelatedOperations = 0x00000004;
inline constexpr uint32_t kFlagSigned = 0x00000008;
inline constexpr uint32_t kFlagPriorityMask = 0x00000070;
inline constexpr uint32_t kFlagDfsOperations = 0x10000000;
inline constexpr uint32_t kFlagReplayOperation = 0x20000000;

struct Header {
  uint16_t credit_charge = 0;
  // A response's Status. In a request its low 16 bits are ChannelSequence (dialects 3.x).
  uint32_t status = 0;
  Command command = Command::kNegotiate;  // May hold an unknown value: compare with kCommandCount.
  uint16_t credits = 0;                   // CreditRequest or CreditResponse.
  uint32_t flags = 0;
  uint32_t next_command = 0;  // From this header; 0 for the last element.
  MessageId message_id;
  AsyncId async_id;         // Meaningful when is_async(), else 0.
  uint32_t process_id = 0;  // Meaningful when !is_async(): Reserved, echoed.
  TreeId tree_id;           // Meaningful when !is_async(), else 0.
  SessionId session_id;
  std::array<uint8_t, kSignatureSizeBytes> signature{};

  bool is_async() const { return (flags & kFlagAsyncCommand) != 0; }
  bool is_response() const { return (flags & kFlagServerToRedir) != 0; }
  bool is_related() const { return (flags & kFlagRelatedOperations) != 0; }
  bool is_signed() const { return (flags & kFlagSigned) != 0; }
  bool is_replay() const { return (flags & kFlagReplayOperation) != 0; }
  uint16_t channel_sequence() const { return static_cast<uint16_t>(status & 0xFFFF); }
  bool has_known_command() const { return static_cast<uint16_t>(command) < kCommandCount; }
};

// Requires:  `message` starts at the header; more bytes may follow.
// Errors:    InvalidParameter when it is shorter than a header, ProtocolId is not 0xFE 'S' 'M' 'B'
//            or StructureSize is not 64: the caller disconnects, [MS-SMB2] 3.3.5.2.
NtResult<Header> DecodeHeader(std::span<const uint8_t> message);

// Writes all 64 bytes.
void EncodeHeader(const Header& header, std::span<uint8_t, kHeaderSizeBytes> out);
void EncodeHeader(const Header& header, bytes::ByteWriter& out);

// What the first four bytes of a transport message say it is.
enum class MessageKind {
  kSmb2,        // 0xFE 'S' 'M' 'B'
  kSmb1,        // 0xFF 'S' 'M' 'B'
  kEncrypted,   // 0xFD 'S' 'M' 'B', transform.h
  kCompressed,  // 0xFC 'S' 'M' 'B', transform.h
  kUnknown,     // Anything else, or fewer than four bytes: disconnect.
};
MessageKind ClassifyMessage(std::span<const uint8_t> message);

inline constexpr size_t kMaxSmb1Dialects = 64;

// An SMB1 SMB_COM_NEGOTIATE, which may lead to SMB2.
struct Smb1NegotiateRequest {
  std::vector<std::span<const uint8_t>> dialects;  // Without the 0x02 and the NUL; borrowed.
  bool offers_smb_2_002 = false;  // "SMB 2.002": answer with dialect 0x0202.
  bool offers_smb_2_any = false;  // "SMB 2.???": answer with dialect 0x02FF.
};

// Errors: InvalidParameter when it is no well-formed SMB_COM_NEGOTIATE request or has more than
// kMaxSmb1Dialects dialects: disconnect.
NtResult<Smb1NegotiateRequest> DecodeSmb1Negotiate(std::span<const uint8_t> message);

}  // namespace continuo::smbwire
