#include "services/tickle-service/addresses/netlink_messages.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"

namespace continuo::tickle {

namespace {

static_assert(std::endian::native == std::endian::little);

constexpr size_t kHeaderSizeBytes = 16;   // nlmsghdr
constexpr size_t kIfAddrSizeBytes = 8;    // ifaddrmsg
constexpr size_t kAttributeSizeBytes = 4;  // rtattr
static_assert(sizeof(nlmsghdr) == kHeaderSizeBytes);
static_assert(sizeof(ifaddrmsg) == kIfAddrSizeBytes);
static_assert(sizeof(rtattr) == kAttributeSizeBytes);

size_t AlignUp(size_t size) { return (size + 3) & ~size_t{3}; }

std::string AddressText(int family, std::span<const uint8_t> raw) {
  char text[INET6_ADDRSTRLEN] = {};
  if (family == AF_INET && raw.size() == 4) inet_ntop(AF_INET, raw.data(), text, sizeof(text));
  if (family == AF_INET6 && raw.size() == 16) inet_ntop(AF_INET6, raw.data(), text, sizeof(text));
  return text;
}

// Also of one that has not passed duplicate address detection yet, or has failed it: nobody can use
// it. The kernel tells of it again when it has passed.
struct ParsedAddress {
  AddressKey key;
  bool is_usable = true;
};

bool IsUsable(uint32_t flags) {
  return (flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) == 0 || (flags & IFA_F_OPTIMISTIC) != 0;
}

std::optional<ParsedAddress> ParseAddress(std::span<const uint8_t> body) {
  bytes::ByteReader in(body);
  ParsedAddress parsed;
  AddressKey& key = parsed.key;
  const int family = in.U8();
  key.prefix_length = in.U8();
  parsed.is_usable = IsUsable(in.U8());
  in.Skip(1);  // ifa_scope.
  key.interface_index = in.U32();
  std::string peer_address;
  while (in.ok() && in.remaining() >= kAttributeSizeBytes) {
    const size_t size = in.U16();
    const uint16_t type = in.U16();
    if (size < kAttributeSizeBytes) return std::nullopt;
    const auto value = in.Span(size - kAttributeSizeBytes);
    in.Skip(std::min(AlignUp(size) - size, in.remaining()));
    // On point-to-point links IFA_ADDRESS is the peer and IFA_LOCAL the node's own.
    if (type == IFA_LOCAL) key.address = AddressText(family, value);
    if (type == IFA_ADDRESS) peer_address = AddressText(family, value);
    if (type == IFA_FLAGS) parsed.is_usable = IsUsable(bytes::ByteReader(value).U32());
  }
  if (key.address.empty()) key.address = peer_address;
  if (!in.ok() || key.address.empty()) return std::nullopt;
  return parsed;
}

}  // namespace

std::vector<AddressMessage> ParseAddressMessages(std::span<const uint8_t> datagram) {
  std::vector<AddressMessage> messages;
  bytes::ByteReader in(datagram);
  while (in.remaining() >= kHeaderSizeBytes) {
    const uint32_t size = in.U32();
    const uint16_t type = in.U16();
    const uint16_t flags = in.U16();
    AddressMessage message;
    message.sequence = in.U32();
    in.Skip(4);  // nlmsg_pid.
    message.is_dump_inconsistent = (flags & NLM_F_DUMP_INTR) != 0;
    if (size < kHeaderSizeBytes) return messages;
    const auto body = in.Span(size - kHeaderSizeBytes);
    if (!in.ok()) return messages;
    in.Skip(std::min(AlignUp(size) - size, in.remaining()));
    if (type == NLMSG_DONE || type == NLMSG_ERROR) {
      message.kind = type == NLMSG_DONE ? AddressMessage::Kind::kDumpEnd
                                        : AddressMessage::Kind::kDumpFailed;
      messages.push_back(message);
    } else if (type == RTM_NEWADDR || type == RTM_DELADDR) {
      const std::optional<ParsedAddress> parsed = ParseAddress(body);
      if (!parsed || (type == RTM_NEWADDR && !parsed->is_usable)) continue;
      message.kind = type == RTM_NEWADDR ? AddressMessage::Kind::kArrived
                                         : AddressMessage::Kind::kDeparted;
      message.key = parsed->key;
      messages.push_back(message);
    }
  }
  return messages;
}

Bytes MakeAddressDumpRequest(uint32_t sequence) {
  Bytes request(kHeaderSizeBytes + kIfAddrSizeBytes, 0);
  bytes::StoreU32(request, 0, static_cast<uint32_t>(request.size()));
  bytes::StoreU16(request, 4, RTM_GETADDR);
  bytes::StoreU16(request, 6, NLM_F_REQUEST | NLM_F_DUMP);
  bytes::StoreU32(request, 8, sequence);
  return request;  // Family 0 (AF_UNSPEC): all.
}

}  // namespace continuo::tickle
