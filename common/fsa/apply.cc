#include "common/fsa/apply.h"

#include <utility>

namespace continuo::fsa {
namespace {

class Applier {
 public:
  Applier(Files* files, Effects* effects) : files_(files), effects_(effects) {}

  void operator()(const OpenRequest& request) {
    if (auto answer = files_->Open(request, effects_)) {
      effects_->push_back(OpenCompleted{request.op, request.open, std::move(*answer)});
    }
  }
  void operator()(const CloseRequest& request) {
    auto result = files_->Close(request.open, effects_);
    if (request.op != OpId()) effects_->push_back(CloseCompleted{request.op, std::move(result)});
  }
  void operator()(const DeleteDoneRequest& request) { files_->DeleteDone(request, effects_); }
  void operator()(const LockRequest& request) { Answer(request.op, files_->Lock(request, effects_)); }
  void operator()(const SetDeletePendingRequest& request) {
    Answer(request.op, files_->SetDeletePending(request, effects_));
  }
  void operator()(const BreakRequest& request) {
    Answer(request.op, files_->Break(request, effects_));
  }
  void operator()(const DirectoryChangedRequest& request) {
    files_->DirectoryChanged(request, effects_);
  }
  void operator()(const AckOplockBreakRequest& request) {
    Answer(request.op, files_->AckOplockBreak(request, effects_));
  }
  void operator()(const AckLeaseBreakRequest& request) {
    auto result = files_->AckLeaseBreak(request, effects_);
    effects_->push_back(LeaseAckCompleted{request.op, std::move(result)});
  }
  void operator()(const TimeOutRequest& request) { files_->TimeOut(request.break_id, effects_); }
  void operator()(const RenamedRequest& request) { files_->Renamed(request); }
  void operator()(const CancelRequest& request) { files_->Cancel(request.op, effects_); }
  void operator()(const DisconnectRequest& request) {
    const DisconnectResult result = files_->Disconnect(request.open, effects_);
    effects_->push_back(DisconnectCompleted{request.op, result});
  }
  void operator()(const ReconnectRequest& request) {
    auto result = files_->Reconnect(request, effects_);
    effects_->push_back(OpenCompleted{request.op, request.open, std::move(result)});
  }
  void operator()(const NotifyRequest& request) {
    auto answer = files_->Notify(request, effects_);
    if (!answer) return;
    NotifyCompleted completed{request.op, answer->status(), {}};
    if (answer->ok()) completed.entries = std::move(**answer);
    effects_->push_back(std::move(completed));
  }
  void operator()(const NameEventsRequest& request) { files_->NameEvents(request, effects_); }
  void operator()(const QuestionRequest& request) { Answer(request.op, Ask(request)); }
  void operator()(const EndHoldRequest& request) { files_->EndHold(request, effects_); }
  void operator()(const SetDurabilityRequest& request) {
    effects_->push_back(OpenCompleted{request.op, request.open, files_->SetDurability(request)});
  }
  void operator()(const RestoreRequest& request) {
    Answer(request.op, files_->Restore(request, effects_));
  }

 private:
  NtStatus Ask(const QuestionRequest& request) const {
    switch (request.question) {
      case Question::kIsDeletePending:
        return files_->IsDeletePending(request.open) ? NtStatus(NtStatus::kDeletePending)
                                                     : NtStatus();
      case Question::kMayRename: return files_->CheckRename(request.open);
      case Question::kMayReplace: return files_->CheckReplace(request.file);
      case Question::kIsLeaseKeyFree:
        return files_->IsLeaseKeyKnown(request.client_guid, request.key)
                   ? NtStatus(NtStatus::kInvalidParameter)
                   : NtStatus();
    }
    return NtStatus::kInvalidParameter;
  }
  void Answer(OpId op, std::optional<NtStatus> status) {
    if (status && op != OpId()) effects_->push_back(OpCompleted{op, *status});
  }

  Files* const files_;
  Effects* const effects_;
};

}  // namespace

void Apply(Files* files, const Request& request, Effects* effects) {
  const size_t first = effects->size();
  std::visit(Applier(files, effects), request);
  files->TakePersistentChanges(first, effects);
}

std::optional<OpId> AnsweredOp(const Effect& effect) {
  return std::visit(
      [](const auto& event) -> std::optional<OpId> {
        if constexpr (requires { event.op; }) {
          return event.op;
        } else {
          return std::nullopt;
        }
      },
      effect);
}

OpId OpOf(const Request& request) {
  if (std::holds_alternative<CancelRequest>(request)) return OpId();
  return std::visit(
      [](const auto& event) {
        if constexpr (requires { event.op; }) {
          return event.op;
        } else {
          return OpId();
        }
      },
      request);
}

Effect FailureOf(const Request& request, NtStatus status) {
  const OpId op = OpOf(request);
  if (const auto* open = std::get_if<OpenRequest>(&request)) {
    return OpenCompleted{op, open->open, status};
  }
  if (const auto* reconnect = std::get_if<ReconnectRequest>(&request)) {
    return OpenCompleted{op, reconnect->open, status};
  }
  if (const auto* durability = std::get_if<SetDurabilityRequest>(&request)) {
    return OpenCompleted{op, durability->open, status};
  }
  if (std::holds_alternative<CloseRequest>(request)) return CloseCompleted{op, status};
  if (std::holds_alternative<AckLeaseBreakRequest>(request)) return LeaseAckCompleted{op, status};
  if (std::holds_alternative<DisconnectRequest>(request)) {
    return DisconnectCompleted{op, DisconnectResult::kMustBeClosed};
  }
  if (std::holds_alternative<NotifyRequest>(request)) return NotifyCompleted{op, status, {}};
  return OpCompleted{op, status};
}

}  // namespace continuo::fsa
