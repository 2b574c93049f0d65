#include "tools/smbload/client.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <utility>

#include <absl/strings/str_format.h>

#include "common/base/check.h"
#include "common/bytes/byte_reader.h"
#include "common/smbwire/compound.h"

namespace continuo::smbload {
namespace {

constexpr size_t kFrameHeaderSizeBytes = 4;
constexpr size_t kReadChunkBytes = 8u << 10;
constexpr size_t kMaxFrameBytes = (16u << 20) + 4096;

// Numeric or by name; the load generator looks up once, so blocking here is fine.
absl::StatusOr<int> ConnectNonBlocking(const std::string& server, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(server.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(
        absl::StrFormat("look up %s: %s", server, gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "socket");
  const int on = 1;
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, found->ai_addr, found->ai_addrlen) != 0 && errno != EINPROGRESS) {
    const int saved = errno;
    close(fd);
    return absl::ErrnoToStatus(saved, absl::StrFormat("connect to %s:%d", server, port));
  }
  return fd;
}

uint32_t ChargeOf(std::span<const Element> elements) {
  uint32_t charge = 0;
  for (const Element& element : elements) charge += element.credit_charge;
  return charge;
}

}  // namespace

Client::Client(ClientOptions options, base::RandomSource& random)
    : options_(std::move(options)), random_(random), ntlm_(options_.identity, random) {}

Client::~Client() {
  if (fd_ >= 0) close(fd_);
}

void Client::Start(ReadyCallback ready) {
  ready_ = std::move(ready);
  const absl::StatusOr<int> fd = ConnectNonBlocking(options_.server, options_.port);
  if (!fd.ok()) return Fail(fd.status());
  fd_ = *fd;
  is_connecting_ = true;
}

void Client::Fail(absl::Status status) {
  if (!failure_.ok()) return;
  failure_ = std::move(status);
  pending_.clear();
  waiting_.clear();
  out_.clear();
  sent_bytes_ = 0;
  is_connecting_ = false;
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  FinishStart(failure_);
}

void Client::OnWritable() {
  if (is_connecting_) {
    int error = 0;
    socklen_t size = sizeof error;
    (void)getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
      return Fail(absl::ErrnoToStatus(
          error, absl::StrFormat("connect to %s:%d", options_.server, options_.port)));
    }
    is_connecting_ = false;
    SendNegotiate();
  }
  Flush();
}

void Client::Flush() {
  while (failure_.ok() && !is_connecting_ && sent_bytes_ < out_.size()) {
    const ssize_t sent =
        send(fd_, out_.data() + sent_bytes_, out_.size() - sent_bytes_, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return;
      return Fail(absl::ErrnoToStatus(errno, "send"));
    }
    sent_bytes_ += static_cast<size_t>(sent);
  }
  out_.clear();
  sent_bytes_ = 0;
}

void Client::OnReadable() {
  while (failure_.ok() && !is_connecting_) {
    // Grows with what arrives, so that thousands of idle connections cost little.
    if (in_.size() - in_size_bytes_ < kReadChunkBytes / 2) {
      in_.resize(std::max(in_.size() * 2, kReadChunkBytes));
    }
    const size_t room = in_.size() - in_size_bytes_;
    const ssize_t got = recv(fd_, in_.data() + in_size_bytes_, room, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    if (got < 0) return Fail(absl::ErrnoToStatus(errno, "recv"));
    if (got == 0) return Fail(absl::UnavailableError("the server closed the connection"));
    in_size_bytes_ += static_cast<size_t>(got);
    Consume();
    if (static_cast<size_t>(got) < room) break;
  }
  Flush();
}

void Client::Consume() {
  size_t offset = 0;
  while (failure_.ok() && in_size_bytes_ - offset >= kFrameHeaderSizeBytes) {
    const auto rest = std::span<uint8_t>(in_).subspan(offset, in_size_bytes_ - offset);
    bytes::ByteReader header(rest);
    const size_t size_bytes = header.U32BigEndian();  // The first byte is zero.
    if (size_bytes > kMaxFrameBytes) {
      return Fail(absl::InternalError(absl::StrFormat("frame of %d bytes", size_bytes)));
    }
    if (size_bytes > rest.size() - kFrameHeaderSizeBytes) break;
    HandleFrame(rest.subspan(kFrameHeaderSizeBytes, size_bytes));
    offset += kFrameHeaderSizeBytes + size_bytes;
  }
  if (!failure_.ok() || offset == 0) return;
  std::memmove(in_.data(), in_.data() + offset, in_size_bytes_ - offset);
  in_size_bytes_ -= offset;
}

void Client::HandleFrame(std::span<uint8_t> frame) {
  bool was_sealed = false;
  if (crypto::IsTransformHeader(frame)) {
    if (open_ == nullptr) return Fail(absl::InternalError("sealed answer without a key"));
    const auto plain = open_->OpenInPlace(frame);
    if (!plain.ok()) return Fail(plain.status());
    frame = *plain;
    was_sealed = true;
  }
  if (is_hashing_preauth_ && dialect_ == 0) {
    // The NEGOTIATE response; SESSION_SETUP responses are added by their handler, which knows
    // whether there is another round.
    preauth_hash_ = crypto::NextPreauthHash(preauth_hash_, frame);
  }
  const auto elements = smbwire::SplitCompound(frame);
  if (!elements.ok()) return Fail(absl::InternalError("answer is no chain of SMB2 messages"));
  for (const auto element : *elements) {
    if (!failure_.ok()) return;
    HandleElement(element, was_sealed);
  }
}

void Client::HandleElement(std::span<const uint8_t> element, bool was_sealed) {
  const auto header = smbwire::DecodeHeader(element);
  if (!header.ok()) return Fail(absl::InternalError("answer without an SMB2 header"));
  if (header->message_id == smbwire::kUnsolicitedMessageId) return;  // A break: we cache nothing.
  const auto found = pending_.find(header->message_id.value());
  if (found == pending_.end()) {
    return Fail(absl::InternalError(
        absl::StrFormat("answer to unknown MessageId %d", header->message_id.value())));
  }
  credits_ += header->credits;
  const NtStatus status(header->status);
  if (status == NtStatus::kPending && header->is_async()) return;

  const bool should_be_signed = is_signing_ && !was_sealed;
  if (should_be_signed && !header->is_signed()) {
    return Fail(absl::PermissionDeniedError(
        absl::StrFormat("unsigned answer to command %d on a signed session",
                        static_cast<int>(header->command))));
  }
  if (signer_ != nullptr && !was_sealed && header->is_signed() && !signer_->Verify(element)) {
    return Fail(absl::PermissionDeniedError(
        absl::StrFormat("bad signature on the answer to command %d",
                        static_cast<int>(header->command))));
  }
  const ReplyCallback done = std::move(found->second);
  pending_.erase(found);
  if (done) done({status, *header, element});
  EmitWaiting();
}

void Client::EmitWaiting() {
  while (!waiting_.empty() && failure_.ok() && ChargeOf(waiting_.front()) <= credits_) {
    std::vector<Element> elements = std::move(waiting_.front());
    waiting_.pop_front();
    Emit(elements);
  }
}

void Client::Send(smbwire::Command command, EncodeBody encode, ReplyCallback done,
                  uint16_t credit_charge) {
  Element element{command, std::move(encode), std::move(done), credit_charge};
  SendCompound(std::span(&element, 1));
}

bool Client::MustSign(smbwire::Command command) const {
  if (signer_ == nullptr || is_sealing_) return false;
  // 3.1.1 wants its TREE_CONNECT signed or sealed in any case: [MS-SMB2] 3.2.4.2.4.
  return is_signing_ || command == smbwire::Command::kTreeConnect;
}

// Returns where the element begins.
size_t Client::AppendElement(Element& element, bool is_related, bool is_last,
                             bytes::ByteWriter& out) {
  CONTINUO_CHECK(credits_ >= element.credit_charge);
  credits_ -= element.credit_charge;
  const size_t start = out.size();
  smbwire::Header header;
  header.command = element.command;
  header.credit_charge = has_large_mtu_ ? element.credit_charge : uint16_t{0};
  const uint32_t target = options_.credits_wanted;
  header.credits = static_cast<uint16_t>(
      element.credit_charge + std::min<uint32_t>(target > credits_ ? target - credits_ : 0, 256));
  header.flags = is_related ? smbwire::kFlagRelatedOperations : 0;
  if (MustSign(element.command)) header.flags |= smbwire::kFlagSigned;
  header.message_id = smbwire::MessageId(next_message_id_);
  header.session_id = session_id_;
  header.tree_id = tree_id_;
  pending_[next_message_id_] = std::move(element.done);
  next_message_id_ += element.credit_charge;

  smbwire::EncodeHeader(header, out);
  element.encode(out);
  if (!is_last) {
    out.AlignTo(8, start);
    out.PatchU32(start + smbwire::kHeaderNextCommandOffset,
                 static_cast<uint32_t>(out.size() - start));
  }
  return start;
}

void Client::SendCompound(std::span<Element> elements) {
  if (!failure_.ok()) return;
  if (waiting_.empty() && ChargeOf(elements) <= credits_) return Emit(elements);
  waiting_.emplace_back(std::make_move_iterator(elements.begin()),
                        std::make_move_iterator(elements.end()));
}

void Client::Emit(std::span<Element> elements) {
  // Written straight into the send queue; nothing is copied but the body's own data.
  bytes::ByteWriter out(std::move(out_));
  const size_t frame_start = out.size();
  out.U32(0);
  const size_t transform_start = out.size();
  if (is_sealing_) out.Zeros(crypto::kTransformHeaderSizeBytes);
  const size_t message_start = out.size();
  std::vector<size_t> starts;
  for (size_t i = 0; i < elements.size(); ++i) {
    const bool is_last = i + 1 == elements.size();
    starts.push_back(AppendElement(elements[i], i > 0, is_last, out));
  }
  out_ = std::move(out).Take();

  for (size_t i = 0; i < elements.size(); ++i) {
    if (!MustSign(elements[i].command)) continue;
    const size_t end = i + 1 < starts.size() ? starts[i + 1] : out_.size();
    signer_->Sign(std::span(out_).subspan(starts[i], end - starts[i]));
  }
  if (is_hashing_preauth_) {
    preauth_hash_ =
        crypto::NextPreauthHash(preauth_hash_, std::span(out_).subspan(message_start));
  }
  if (is_sealing_) {
    const absl::Status sealed =
        seal_->SealInPlace(session_id_.value(), std::span(out_).subspan(transform_start));
    if (!sealed.ok()) return Fail(sealed);
  }
  const auto size_bytes = static_cast<uint32_t>(out_.size() - frame_start - kFrameHeaderSizeBytes);
  for (size_t i = 0; i < 4; ++i) {
    out_[frame_start + i] = static_cast<uint8_t>(size_bytes >> (8 * (3 - i)));
  }
}

}  // namespace continuo::smbload
