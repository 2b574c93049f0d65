#include "services/smb-frontend/pipes/pipe_endpoint.h"

#include <algorithm>
#include <deque>
#include <string>
#include <utility>

#include "common/bytes/utf16.h"
#include "services/smb-frontend/pipes/rpc_server.h"
#include "services/smb-frontend/pipes/srvsvc.h"
#include "services/smb-frontend/pipes/wkssvc.h"

namespace continuo::pipes {
namespace {

using Environment = std::shared_ptr<const PipeEnvironment>;

struct KnownPipe {
  std::string_view name;
  std::unique_ptr<RpcInterface> (*make)(Environment environment);
};

constexpr KnownPipe kKnownPipes[] = {
    {"srvsvc", &NewSrvsvc},
    {"wkssvc", &NewWkssvc},
};

const KnownPipe* FindPipe(std::string_view name) {
  constexpr std::string_view kFolder = "PIPE\\";
  if (name.starts_with('\\')) name.remove_prefix(1);
  if (bytes::EqualsIgnoringCase(name.substr(0, kFolder.size()), kFolder)) {
    name.remove_prefix(kFolder.size());
  }
  for (const KnownPipe& pipe : kKnownPipes) {
    if (bytes::EqualsIgnoringCase(name, pipe.name)) return &pipe;
  }
  return nullptr;
}

class RpcPipe final : public PipeEndpoint {
 public:
  RpcPipe(std::string secondary_address, std::unique_ptr<RpcInterface> interface)
      : server_(std::move(secondary_address), std::move(interface)) {}

  NtStatus Write(std::span<const uint8_t> data) override {
    if (is_broken_) return NtStatus::kPipeDisconnected;
    if (ReadableBytes() > kMaxUnreadBytes) return NtStatus::kInsufficientResources;
    is_broken_ = !server_.Feed(data, messages_);
    return NtStatus::kSuccess;
  }

  PipeRead Read(size_t max_size_bytes) override {
    if (messages_.empty()) {
      return {is_broken_ ? NtStatus::kPipeDisconnected : NtStatus::kPipeEmpty, {}};
    }
    PipeRead read;
    Bytes& message = messages_.front();
    const size_t left = message.size() - front_read_bytes_;
    if (front_read_bytes_ == 0 && left <= max_size_bytes) {
      read.data = std::move(message);
      messages_.pop_front();
      return read;
    }
    const size_t size_bytes = std::min(left, max_size_bytes);
    const auto begin = message.begin() + static_cast<ptrdiff_t>(front_read_bytes_);
    read.data.assign(begin, begin + static_cast<ptrdiff_t>(size_bytes));
    front_read_bytes_ += size_bytes;
    if (front_read_bytes_ < message.size()) {
      read.status = NtStatus::kBufferOverflow;
    } else {
      messages_.pop_front();
      front_read_bytes_ = 0;
    }
    return read;
  }

  PipeRead Transceive(std::span<const uint8_t> input, size_t max_output_bytes) override {
    if (!messages_.empty()) return {NtStatus::kPipeBusy, {}};
    if (const NtStatus written = Write(input); !written.ok()) return {written, {}};
    return Read(max_output_bytes);
  }

  size_t ReadableBytes() const override {
    size_t size_bytes = 0;
    for (const Bytes& message : messages_) size_bytes += message.size();
    return size_bytes - front_read_bytes_;
  }
  size_t ReadableMessages() const override { return messages_.size(); }

 private:
  RpcServer server_;
  std::deque<Bytes> messages_;
  size_t front_read_bytes_ = 0;
  bool is_broken_ = false;
};

}  // namespace

NtResult<std::unique_ptr<PipeEndpoint>> OpenPipe(
    std::string_view name, std::shared_ptr<const PipeEnvironment> environment) {
  const KnownPipe* pipe = FindPipe(name);
  if (pipe == nullptr) return NtStatus::kObjectNameNotFound;
  std::string secondary_address = "\\PIPE\\" + std::string(pipe->name);
  return std::unique_ptr<PipeEndpoint>(std::make_unique<RpcPipe>(
      std::move(secondary_address), pipe->make(std::move(environment))));
}

bool IsKnownPipe(std::string_view name) { return FindPipe(name) != nullptr; }

}  // namespace continuo::pipes
