// The server side of one DCE/RPC association: PDUs in, PDUs out, one interface behind it.
//
// State × PDU (what is not in the table breaks the association: fault or bind_nak, then deaf)
//
// | state  | BIND                 | ALTER_CONTEXT    | REQUEST              | CO_CANCEL, ORPHANED |
// |--------|----------------------|------------------|----------------------|---------------------|
// | new    | ack → bound          | fault → broken   | fault → broken       | ignored             |
// | bound  | nak → broken         | response         | response or fault    | ignored             |
// | broken | never                | never            | never                | never               |
//
// Source:    C706 chapter 12, [MS-RPCE] 3.3.1.5. No authentication at this level: the session that
//            carries the pipe has authenticated its user, and a BIND with a verifier is refused.
// Threading: one call at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/ndr/dcerpc_pdu.h"

namespace continuo::pipes {

// The largest request, joined from its fragments. The services here take names and levels.
inline constexpr size_t kMaxRequestStubBytes = 64u << 10;
// Presentation contexts of one association, over all BIND and ALTER_CONTEXT PDUs.
inline constexpr size_t kMaxContexts = 32;

// One call's answer: a response stub, or the fault that stands in its place.
struct RpcAnswer {
  uint32_t fault_status = 0;
  Bytes stub;

  static RpcAnswer Fault(uint32_t status) { return {status, {}}; }
};

class RpcInterface {
 public:
  virtual ~RpcInterface() = default;
  virtual ndr::SyntaxId Syntax() const = 0;
  // Runs one operation. Never blocks.
  virtual RpcAnswer Call(uint16_t opnum, std::span<const uint8_t> stub) = 0;
};

class RpcServer {
 public:
  // `secondary_address` is what BIND_ACK names: "\\PIPE\\srvsvc".
  RpcServer(std::string secondary_address, std::unique_ptr<RpcInterface> interface);

  // Takes all of `data` and appends the PDUs that answer it, each one message of the pipe.
  // False when the association is broken (by this data or earlier): nothing more will come.
  bool Feed(std::span<const uint8_t> data, std::deque<Bytes>& out);

 private:
  enum class State { kNew, kBound, kBroken };
  struct PartialCall {
    uint32_t call_id = 0;
    uint16_t context_id = 0;
    uint16_t opnum = 0;
    Bytes stub;
  };

  void HandlePdu(const ndr::PduHeader& header, std::span<const uint8_t> pdu,
                 std::deque<Bytes>& out);
  void HandleBind(const ndr::PduHeader& header, std::span<const uint8_t> pdu,
                  std::deque<Bytes>& out);
  void HandleRequest(const ndr::PduHeader& header, std::span<const uint8_t> pdu,
                     std::deque<Bytes>& out);
  void Execute(std::deque<Bytes>& out);
  ndr::ContextResult Judge(const ndr::PresentationContext& context);
  void Break(Bytes last_words, std::deque<Bytes>& out);

  const std::string secondary_address_;
  const std::unique_ptr<RpcInterface> interface_;
  State state_ = State::kNew;
  uint16_t max_transmit_size_bytes_ = ndr::kMaxFragmentSizeBytes;
  uint32_t association_group_id_ = 0;
  std::vector<uint16_t> accepted_contexts_;
  std::optional<PartialCall> call_;
  Bytes unparsed_;  // Less than one PDU between two calls of Feed: at most 64 KiB.
};

}  // namespace continuo::pipes
