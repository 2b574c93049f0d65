#include "services/smb-frontend/pipes/rpc_server.h"

#include <algorithm>
#include <utility>

namespace continuo::pipes {
namespace {

using ndr::ContextResult;
using ndr::PduHeader;
using ndr::PduType;

// An association group that a client did not name. Groups have no effect here: no context handles.
constexpr uint32_t kNewAssociationGroup = 0x000053F0;

bool Contains(std::span<const uint16_t> ids, uint16_t id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

}  // namespace

RpcServer::RpcServer(std::string secondary_address, std::unique_ptr<RpcInterface> interface)
    : secondary_address_(std::move(secondary_address)), interface_(std::move(interface)) {}

bool RpcServer::Feed(std::span<const uint8_t> data, std::deque<Bytes>& out) {
  if (state_ == State::kBroken) return false;
  unparsed_.insert(unparsed_.end(), data.begin(), data.end());
  size_t offset = 0;
  while (state_ != State::kBroken && unparsed_.size() - offset >= ndr::kPduHeaderSizeBytes) {
    const auto rest = std::span<const uint8_t>(unparsed_).subspan(offset);
    const auto header = ndr::DecodePduHeader(rest);
    if (!header.ok()) {
      Break(ndr::EncodeFault({}, ndr::kFaultProtocol), out);
      break;
    }
    if (rest.size() < header->fragment_size_bytes) break;
    HandlePdu(*header, rest.first(header->fragment_size_bytes), out);
    offset += header->fragment_size_bytes;
  }
  if (state_ == State::kBroken) {
    unparsed_.clear();
    return false;
  }
  unparsed_.erase(unparsed_.begin(), unparsed_.begin() + static_cast<ptrdiff_t>(offset));
  return true;
}

void RpcServer::HandlePdu(const PduHeader& header, std::span<const uint8_t> pdu,
                          std::deque<Bytes>& out) {
  switch (header.type) {
    case PduType::kBind:
    case PduType::kAlterContext: return HandleBind(header, pdu, out);
    case PduType::kRequest: return HandleRequest(header, pdu, out);
    case PduType::kCoCancel:
    case PduType::kOrphaned:
      // Calls are answered at once, so that none is left to cancel; a call half sent ends here.
      if (call_ && call_->call_id == header.call_id) call_.reset();
      return;
    default: return Break(ndr::EncodeFault({header.call_id, 0}, ndr::kFaultProtocol), out);
  }
}

void RpcServer::HandleBind(const PduHeader& header, std::span<const uint8_t> pdu,
                           std::deque<Bytes>& out) {
  const bool is_alter = header.type == PduType::kAlterContext;
  const auto refuse = [&](ndr::BindNakReason reason) {
    Break(is_alter ? ndr::EncodeFault({header.call_id, 0}, ndr::kFaultProtocol)
                   : ndr::EncodeBindNak(header.call_id, reason),
          out);
  };
  if (is_alter != (state_ == State::kBound)) return refuse(ndr::BindNakReason::kNotSpecified);
  if (header.auth_size_bytes != 0) {
    return refuse(ndr::BindNakReason::kAuthenticationTypeNotRecognized);
  }
  const auto bind = ndr::DecodeBind(header, pdu);
  if (!bind.ok() || bind->max_receive_size_bytes < ndr::kMinFragmentSizeBytes) {
    return refuse(ndr::BindNakReason::kNotSpecified);
  }

  std::vector<ContextResult> results;
  for (const ndr::PresentationContext& context : bind->contexts) results.push_back(Judge(context));
  if (!is_alter) {
    max_transmit_size_bytes_ = std::min(bind->max_receive_size_bytes, ndr::kMaxFragmentSizeBytes);
    association_group_id_ =
        bind->association_group_id != 0 ? bind->association_group_id : kNewAssociationGroup;
  }
  ndr::BindAckPdu ack;
  ack.type = is_alter ? PduType::kAlterContextResponse : PduType::kBindAck;
  ack.call_id = header.call_id;
  ack.max_transmit_size_bytes = max_transmit_size_bytes_;
  ack.max_receive_size_bytes = ndr::kMaxFragmentSizeBytes;
  ack.association_group_id = association_group_id_;
  if (!is_alter) ack.secondary_address = secondary_address_;
  ack.results = results;
  out.push_back(ndr::EncodeBindAck(ack));
  state_ = State::kBound;
}

ContextResult RpcServer::Judge(const ndr::PresentationContext& context) {
  ContextResult result;
  if (context.transfer_syntaxes.size() == 1 &&
      ndr::IsBindTimeFeatureNegotiation(context.transfer_syntaxes[0])) {
    // Acknowledged with no feature in common: [MS-RPCE] 3.3.1.5.3.
    result.kind = ContextResult::Kind::kNegotiateAck;
    return result;
  }
  result.kind = ContextResult::Kind::kProviderRejection;
  if (context.abstract_syntax != interface_->Syntax()) {
    result.reason = ContextResult::kAbstractSyntaxNotSupported;
    return result;
  }
  const auto& offered = context.transfer_syntaxes;
  if (std::find(offered.begin(), offered.end(), ndr::kNdr20) == offered.end()) {
    result.reason = ContextResult::kTransferSyntaxesNotSupported;
    return result;
  }
  if (!Contains(accepted_contexts_, context.id)) {
    if (accepted_contexts_.size() == kMaxContexts) return result;
    accepted_contexts_.push_back(context.id);
  }
  result.kind = ContextResult::Kind::kAcceptance;
  result.transfer_syntax = ndr::kNdr20;
  return result;
}

void RpcServer::HandleRequest(const PduHeader& header, std::span<const uint8_t> pdu,
                              std::deque<Bytes>& out) {
  const auto break_with = [&](uint32_t fault) {
    Break(ndr::EncodeFault({header.call_id, 0}, fault), out);
  };
  if (state_ != State::kBound) return break_with(ndr::kFaultProtocol);
  if (header.auth_size_bytes != 0) return break_with(ndr::kFaultAccessDenied);
  const auto request = ndr::DecodeRequest(header, pdu);
  if (!request.ok()) return break_with(ndr::kFaultProtocol);

  const bool is_first = (header.flags & ndr::kPduFirstFragment) != 0;
  if (is_first == call_.has_value()) return break_with(ndr::kFaultProtocol);
  if (is_first) {
    call_ = PartialCall{header.call_id, request->context_id, request->opnum, {}};
  } else if (call_->call_id != header.call_id || call_->context_id != request->context_id ||
             call_->opnum != request->opnum) {
    return break_with(ndr::kFaultProtocol);
  }
  if (request->stub.size() > kMaxRequestStubBytes - call_->stub.size()) {
    return break_with(ndr::kFaultProtocol);
  }
  call_->stub.insert(call_->stub.end(), request->stub.begin(), request->stub.end());
  if ((header.flags & ndr::kPduLastFragment) != 0) Execute(out);
}

void RpcServer::Execute(std::deque<Bytes>& out) {
  const PartialCall call = std::move(*call_);
  call_.reset();
  const ndr::CallReference reference{call.call_id, call.context_id};
  if (!Contains(accepted_contexts_, call.context_id)) {
    out.push_back(ndr::EncodeFault(reference, ndr::kFaultUnknownInterface));
    return;
  }
  const RpcAnswer answer = interface_->Call(call.opnum, call.stub);
  if (answer.fault_status != 0) {
    out.push_back(ndr::EncodeFault(reference, answer.fault_status));
    return;
  }
  for (Bytes& fragment : ndr::EncodeResponse(reference, max_transmit_size_bytes_, answer.stub)) {
    out.push_back(std::move(fragment));
  }
}

void RpcServer::Break(Bytes last_words, std::deque<Bytes>& out) {
  state_ = State::kBroken;
  call_.reset();
  out.push_back(std::move(last_words));
}

}  // namespace continuo::pipes
