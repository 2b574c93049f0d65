#include "services/tickle-service/packet/tickle_packet.h"

#include <algorithm>
#include <span>

#include "common/bytes/byte_writer.h"

namespace continuo::tickle {
namespace {

constexpr uint8_t kProtocolTcp = 6;
constexpr uint8_t kProtocolIcmpv6 = 58;
constexpr uint8_t kHopLimit = 64;
constexpr uint8_t kNeighbourHopLimit = 255;  // RFC 4861 7.1.2: others are not believed.
constexpr uint16_t kTcpHeaderBytes = 20;
constexpr uint16_t kIpv4HeaderBytes = 20;
constexpr uint16_t kTcpDataOffsetAndAck = 0x5010;  // Five words of header; flags: ACK.
constexpr uint16_t kWindow = 65535;
constexpr uint16_t kDontFragment = 0x4000;
constexpr size_t kIpv4ChecksumOffset = 10;
constexpr size_t kTcpChecksumOffset = 16;
constexpr size_t kIcmpv6ChecksumOffset = 2;
constexpr uint16_t kEtherTypeArp = 0x0806;
constexpr uint16_t kEtherTypeIpv4 = 0x0800;
constexpr uint16_t kEtherTypeIpv6 = 0x86DD;
constexpr size_t kEthernetMinBytes = 60;
constexpr uint8_t kNeighbourAdvertisement = 136;
constexpr uint32_t kOverrideFlag = 0x20000000;
constexpr uint8_t kTargetLinkLayerOption = 2;
constexpr HardwareAddress kBroadcast = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
constexpr HardwareAddress kAllNodesHardware = {0x33, 0x33, 0, 0, 0, 1};
constexpr IpAddress kAllNodes = {true, {0xFF, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

// RFC 1071.
uint32_t Sum(std::span<const uint8_t> data, uint32_t sum = 0) {
  for (size_t i = 0; i < data.size(); ++i) {
    sum += i % 2 == 0 ? static_cast<uint32_t>(data[i]) << 8 : data[i];
  }
  return sum;
}

void StoreChecksum(Bytes& data, size_t offset, uint32_t sum) {
  while ((sum >> 16) != 0) sum = (sum & 0xFFFF) + (sum >> 16);
  const uint32_t checksum = ~sum & 0xFFFF;
  data[offset] = static_cast<uint8_t>(checksum >> 8);
  data[offset + 1] = static_cast<uint8_t>(checksum);
}

// Addresses, length and protocol: RFC 9293 3.1, RFC 8200 8.1. The same numbers in both.
uint32_t PseudoHeaderSum(const IpAddress& from, const IpAddress& to, uint8_t protocol,
                         size_t size_bytes) {
  return Sum(to.view(), Sum(from.view())) + protocol + static_cast<uint32_t>(size_bytes);
}

void AppendIpv6Header(const IpAddress& from, const IpAddress& to, uint8_t protocol,
                      uint8_t hop_limit, size_t payload_bytes, bytes::ByteWriter& out) {
  out.U32BigEndian(0x60000000);
  out.U16BigEndian(static_cast<uint16_t>(payload_bytes));
  out.U8(protocol);
  out.U8(hop_limit);
  out.Append(from.view());
  out.Append(to.view());
}

Bytes MakeIpv4Header(const IpAddress& from, const IpAddress& to, size_t payload_bytes) {
  bytes::ByteWriter out;
  out.U8(0x45);
  out.U8(0);
  out.U16BigEndian(static_cast<uint16_t>(kIpv4HeaderBytes + payload_bytes));
  out.U16BigEndian(0);
  out.U16BigEndian(kDontFragment);
  out.U8(kHopLimit);
  out.U8(kProtocolTcp);
  out.U16BigEndian(0);
  out.Append(from.view());
  out.Append(to.view());
  Bytes header = std::move(out).Take();
  StoreChecksum(header, kIpv4ChecksumOffset, Sum(header));
  return header;
}

Bytes MakeSegment(const Connection& connection) {
  bytes::ByteWriter out;
  out.U16BigEndian(connection.local_port);
  out.U16BigEndian(connection.remote_port);
  out.U32BigEndian(0);  // Sequence number.
  out.U32BigEndian(0);  // Acknowledgement number.
  out.U16BigEndian(kTcpDataOffsetAndAck);
  out.U16BigEndian(kWindow);
  out.Zeros(4);  // Checksum, urgent pointer.
  Bytes segment = std::move(out).Take();
  StoreChecksum(segment, kTcpChecksumOffset,
                Sum(segment, PseudoHeaderSum(connection.local, connection.remote, kProtocolTcp,
                                             kTcpHeaderBytes)));
  return segment;
}

Bytes MakeGratuitousArp(const IpAddress& address, const HardwareAddress& hardware) {
  bytes::ByteWriter out;
  out.Append(kBroadcast);
  out.Append(hardware);
  out.U16BigEndian(kEtherTypeArp);
  out.U16BigEndian(1);  // Ethernet.
  out.U16BigEndian(kEtherTypeIpv4);
  out.U8(6);
  out.U8(4);
  out.U16BigEndian(1);  // Request.
  out.Append(hardware);
  out.Append(address.view());
  out.Zeros(6);
  out.Append(address.view());
  out.Zeros(kEthernetMinBytes - out.size());
  return std::move(out).Take();
}

Bytes MakeUnsolicitedAdvertisement(const IpAddress& address, const HardwareAddress& hardware) {
  bytes::ByteWriter body;
  body.U8(kNeighbourAdvertisement);
  body.U8(0);
  body.U16BigEndian(0);
  body.U32BigEndian(kOverrideFlag);
  body.Append(address.view());
  body.U8(kTargetLinkLayerOption);
  body.U8(1);  // In units of eight bytes.
  body.Append(hardware);
  Bytes message = std::move(body).Take();
  StoreChecksum(
      message, kIcmpv6ChecksumOffset,
      Sum(message, PseudoHeaderSum(address, kAllNodes, kProtocolIcmpv6, message.size())));
  bytes::ByteWriter out;
  out.Append(kAllNodesHardware);
  out.Append(hardware);
  out.U16BigEndian(kEtherTypeIpv6);
  AppendIpv6Header(address, kAllNodes, kProtocolIcmpv6, kNeighbourHopLimit, message.size(), out);
  out.Append(message);
  return std::move(out).Take();
}

}  // namespace

Bytes MakeTickle(const Connection& connection) {
  const Bytes segment = MakeSegment(connection);
  bytes::ByteWriter out;
  if (connection.local.is_ipv6) {
    AppendIpv6Header(connection.local, connection.remote, kProtocolTcp, kHopLimit, segment.size(),
                     out);
  } else {
    out.Append(MakeIpv4Header(connection.local, connection.remote, segment.size()));
  }
  out.Append(segment);
  return std::move(out).Take();
}

Bytes MakeAnnouncement(const IpAddress& address, const HardwareAddress& hardware) {
  return address.is_ipv6 ? MakeUnsolicitedAdvertisement(address, hardware)
                         : MakeGratuitousArp(address, hardware);
}

}  // namespace continuo::tickle
