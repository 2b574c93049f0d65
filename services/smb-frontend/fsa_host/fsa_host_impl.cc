#include "services/smb-frontend/fsa_host/fsa_host_impl.h"

#include <algorithm>
#include <utility>

namespace continuo::frontend {
namespace {

// What FailureOf and the mirror need of a request, without names and lists.
fsa::Request Essence(const fsa::Request& request) {
  if (const auto* open = std::get_if<fsa::OpenRequest>(&request)) {
    fsa::OpenRequest essence;
    essence.op = open->op;
    essence.open = open->open;
    essence.file = open->file;
    essence.stream = open->stream;
    return essence;
  }
  if (const auto* lock = std::get_if<fsa::LockRequest>(&request)) {
    fsa::LockRequest essence;
    essence.op = lock->op;
    essence.open = lock->open;
    return essence;
  }
  if (const auto* restored = std::get_if<fsa::RestoreRequest>(&request)) {
    fsa::RestoreRequest essence;
    essence.op = restored->op;
    essence.open.open = restored->open.open;
    essence.open.file = restored->open.file;
    essence.open.stream = restored->open.stream;
    return essence;
  }
  return request;
}

}  // namespace

fsa::OpId FsaHost::Impl::NextOp() {
  return fsa::OpId(last_op_.fetch_add(1, std::memory_order_relaxed) + 1);
}

FsaHost::Impl::Submitted FsaHost::Impl::Run(fsa::Request request, Done done) {
  const fsa::OpId own = fsa::OpOf(request);
  Routed routed;
  Submitted submitted = Submitted::kPending;
  bool has_deliveries = false;
  bool is_sent = false;
  {
    absl::MutexLock lock(&mutex_);
    is_sent = place_ == Place::kRemote;
    if (place_ == Place::kLocal) {
      Route(request, own, &routed);
      if (!routed.own_answer) pending_.emplace(own, Pending{Essence(request), std::move(done)});
    } else if (place_ == Place::kBroken) {
      routed.own_answer = fsa::FailureOf(request, NtStatus::kUnexpectedNetworkError);
    } else {
      pending_.emplace(own, Pending{Essence(request), std::move(done)});
      Route(request, own, &routed);
    }
    if (routed.own_answer) submitted = Submitted::kDone;
    if (routed.own_answer && routed.held != nullptr) {
      routed.held->deliveries.push_back(
          Delivery{*std::move(routed.own_answer), std::move(done)});
      submitted = Submitted::kRecorded;
    }
    has_deliveries = !deliveries_.empty();
  }
  if (is_sent) FlushLink();
  if (has_deliveries) Deliver();
  if (routed.held != nullptr) Settle(routed.held);
  if (submitted == Submitted::kDone) done(*routed.own_answer);
  return submitted;
}

void FsaHost::Impl::Post(fsa::Request request) {
  Routed routed;
  bool has_deliveries = false;
  bool is_sent = false;
  {
    absl::MutexLock lock(&mutex_);
    is_sent = place_ == Place::kRemote;
    Route(request, fsa::OpId(), &routed);
    has_deliveries = !deliveries_.empty();
  }
  if (is_sent) FlushLink();
  if (has_deliveries) Deliver();
  if (routed.held != nullptr) Settle(routed.held);
}

void FsaHost::Impl::Route(const fsa::Request& request, fsa::OpId own, Routed* routed) {
  switch (place_) {
    case Place::kLocal:
      scratch_.clear();
      fsa::Apply(&files_, request, &scratch_);
      Take(&scratch_, own, routed);
      if (std::holds_alternative<fsa::NotifyRequest>(request) ||
          std::holds_alternative<fsa::CloseRequest>(request) ||
          std::holds_alternative<fsa::DisconnectRequest>(request)) {
        CountWatches();
      }
      return;
    case Place::kRemote:
      if (const auto* notify = std::get_if<fsa::NotifyRequest>(&request)) {
        remote_watches_.insert(notify->open);
        CountWatches();
      }
      link_->Send(request);
      return;
    case Place::kConnecting:
    case Place::kAccepting:
      waiting_.push_back(request);
      return;
    case Place::kBroken: return;
  }
}

bool FsaHost::Impl::Note(const fsa::Effects& effects) {
  bool has_noted = false;
  for (const fsa::Effect& effect : effects) {
    const auto* changed = std::get_if<fsa::PersistentChanged>(&effect);
    const auto* ended = std::get_if<fsa::PersistentEnded>(&effect);
    if (changed == nullptr && ended == nullptr) continue;
    has_noted = true;
    if (options_.recorder == nullptr) continue;
    if (changed != nullptr) options_.recorder->Note(*changed);
    if (ended != nullptr) options_.recorder->Note(*ended);
  }
  return has_noted && options_.recorder != nullptr;
}

void FsaHost::Impl::Take(fsa::Effects* effects, fsa::OpId own, Routed* routed) {
  if (Note(*effects)) routed->held = std::make_shared<Held>();
  std::vector<Delivery>& deliveries =
      routed->held != nullptr ? routed->held->deliveries : deliveries_;
  for (fsa::Effect& effect : *effects) {
    const std::optional<fsa::OpId> op = fsa::AnsweredOp(effect);
    if (!op) {
      deliveries.push_back(Delivery{std::move(effect), nullptr});
      continue;
    }
    const auto it = pending_.find(*op);
    if (it != pending_.end()) {
      if (place_ != Place::kLocal) Mirror(it->second, effect);
      deliveries.push_back(Delivery{std::move(effect), std::move(it->second.done)});
      pending_.erase(it);
    } else if (own != fsa::OpId() && *op == own) {
      routed->own_answer = std::move(effect);
    }
  }
  effects->clear();
}

void FsaHost::Impl::Settle(const HeldRef& held) {
  const bool is_on_record = options_.recorder->Settle([weak = weak_from_this(), held] {
    const auto self = std::static_pointer_cast<Impl>(weak.lock());
    if (self != nullptr) self->Release(held);
  });
  if (is_on_record) Release(held);
}

void FsaHost::Impl::Release(const HeldRef& held) {
  {
    absl::MutexLock lock(&mutex_);
    held->is_on_record = true;
    const auto put = [this](Held& ready) ABSL_NO_THREAD_SAFETY_ANALYSIS {
      for (Delivery& delivery : ready.deliveries) deliveries_.push_back(std::move(delivery));
      ready.deliveries.clear();
    };
    const bool is_message =
        std::find(held_messages_.begin(), held_messages_.end(), held) != held_messages_.end();
    if (!is_message) put(*held);
    while (!held_messages_.empty() && held_messages_.front()->is_on_record) {
      put(*held_messages_.front());
      held_messages_.pop_front();
    }
  }
  Deliver();
}

void FsaHost::Impl::Mirror(const Pending& pending, const fsa::Effect& answer) {
  if (const auto* open = std::get_if<fsa::OpenRequest>(&pending.request)) {
    if (std::get<fsa::OpenCompleted>(answer).result.ok()) {
      remote_opens_[open->open] = StreamKey(open->file, open->stream);
    }
  } else if (const auto* restored = std::get_if<fsa::RestoreRequest>(&pending.request)) {
    if (std::get<fsa::OpCompleted>(answer).status.ok()) {
      remote_opens_[restored->open.open] = StreamKey(restored->open.file, restored->open.stream);
    }
  } else if (const auto* close = std::get_if<fsa::CloseRequest>(&pending.request)) {
    remote_opens_.erase(close->open);
    remote_watches_.erase(close->open);
    CountWatches();
  }
}

void FsaHost::Impl::CountWatches() {
  const size_t count =
      place_ == Place::kLocal ? files_.counters().watches : remote_watches_.size();
  watch_count_.store(count, std::memory_order_release);
}

void FsaHost::Impl::FlushLink() {
  if (FsaLink* link = flushed_link_.load(std::memory_order_acquire)) link->Flush();
}

void FsaHost::Impl::Deliver() {
  std::vector<Delivery> batch;
  for (bool is_first = true;; is_first = false) {
    {
      absl::MutexLock lock(&mutex_);
      if (is_first && is_delivering_) return;
      is_delivering_ = !deliveries_.empty();
      if (!is_delivering_) return;
      batch.swap(deliveries_);
    }
    for (Delivery& delivery : batch) CarryOut(&delivery);
    batch.clear();
  }
}

void FsaHost::Impl::CarryOut(Delivery* delivery) {
  if (delivery->done != nullptr) {
    delivery->done(delivery->effect);
  } else if (const auto* event = std::get_if<fsa::BreakToSend>(&delivery->effect)) {
    if (event->is_ack_required) StartTimer(event->break_id);
    if (options_.sink != nullptr) options_.sink->OnBreak(*event);
  } else if (const auto* ended = std::get_if<fsa::BreakEnded>(&delivery->effect)) {
    StopTimer(ended->break_id);
  } else if (const auto* purged = std::get_if<fsa::OpenPurged>(&delivery->effect)) {
    {
      absl::MutexLock lock(&mutex_);
      remote_opens_.erase(purged->open);
    }
    if (options_.sink != nullptr) options_.sink->OnOpenPurged(*purged);
  }
}

void FsaHost::Impl::StartTimer(fsa::BreakId id) {
  if (options_.timer == nullptr) return;
  const uint64_t timer =
      options_.timer->Schedule(options_.break_timeout, [weak = weak_from_this(), id] {
        const auto self = std::static_pointer_cast<Impl>(weak.lock());
        if (self == nullptr) return;
        {
          absl::MutexLock lock(&self->mutex_);
          self->timers_.erase(id);
        }
        self->Post(fsa::TimeOutRequest{id});
      });
  absl::MutexLock lock(&mutex_);
  timers_[id] = timer;
}

void FsaHost::Impl::StopTimer(fsa::BreakId id) {
  uint64_t timer = 0;
  {
    absl::MutexLock lock(&mutex_);
    const auto it = timers_.find(id);
    if (it == timers_.end()) return;
    timer = it->second;
    timers_.erase(it);
  }
  options_.timer->Cancel(timer);
}

void FsaHost::Impl::CancelTimers() {
  std::vector<uint64_t> timers;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [id, timer] : timers_) timers.push_back(timer);
    timers_.clear();
  }
  for (const uint64_t timer : timers) options_.timer->Cancel(timer);
}

NtStatus FsaHost::Impl::CheckIo(fsa::OpenId open, const fsa::IoRange& range) const {
  absl::MutexLock lock(&mutex_);
  if (place_ == Place::kLocal) return files_.CheckIo(open, range);
  const auto it = remote_opens_.find(open);
  if (it == remote_opens_.end()) {
    return place_ == Place::kBroken ? NtStatus::kUnexpectedNetworkError : NtStatus::kFileClosed;
  }
  const auto locks = remote_locks_.find(it->second);
  return locks == remote_locks_.end() ? NtStatus()
                                      : fsa::CheckIoAgainst(locks->second, open, range);
}

void FsaHost::Impl::BreakForWrite(fsa::OpenId open, fsa::BreakReason reason) {
  {
    absl::MutexLock lock(&mutex_);
    if (place_ == Place::kLocal && !files_.IsIoAffected(open)) return;
  }
  fsa::BreakRequest request;
  request.open = open;
  request.reason = reason;
  Post(std::move(request));
}

bool FsaHost::Impl::NeedsIoBarrier(fsa::OpenId open) const {
  absl::MutexLock lock(&mutex_);
  return place_ != Place::kLocal || files_.HasOtherOpens(open);
}

bool FsaHost::Impl::is_delegated() const {
  absl::MutexLock lock(&mutex_);
  return place_ == Place::kLocal;
}

fsa::Counters FsaHost::Impl::counters() const {
  absl::MutexLock lock(&mutex_);
  if (place_ == Place::kLocal) return files_.counters();
  fsa::Counters counters;
  counters.opens = remote_opens_.size();
  counters.waiting_operations = pending_.size();
  counters.watches = remote_watches_.size();
  return counters;
}

void FsaHost::Impl::ConnectTo(FsaLink* link) {
  absl::MutexLock lock(&mutex_);
  link_ = link;
  flushed_link_.store(link, std::memory_order_release);
  place_ = Place::kConnecting;
}

// What waited for the state's place, in its order. Route sees the new place.
void FsaHost::Impl::RunWaiting(std::vector<HeldRef>* held) {
  std::vector<fsa::Request> waiting;
  waiting.swap(waiting_);
  for (const fsa::Request& request : waiting) {
    Routed routed;
    Route(request, fsa::OpId(), &routed);
    if (routed.held != nullptr) held->push_back(std::move(routed.held));
  }
}

void FsaHost::Impl::OnServeRemotely() {
  {
    absl::MutexLock lock(&mutex_);
    if (place_ == Place::kBroken || place_ == Place::kRemote) return;
    if (place_ != Place::kConnecting) {
      Break();
    } else {
      place_ = Place::kRemote;
      std::vector<HeldRef> none;  // Sent, not run.
      RunWaiting(&none);
    }
  }
  FlushLink();
  Deliver();
}

void FsaHost::Impl::OnEffects(fsa::Effects effects) {
  Routed routed;
  bool must_record = false;
  {
    absl::MutexLock lock(&mutex_);
    if (place_ == Place::kBroken) return;
    const size_t before = deliveries_.size();
    Take(&effects, fsa::OpId(), &routed);
    must_record = routed.held != nullptr;
    if (!must_record && !held_messages_.empty()) {
      routed.held = std::make_shared<Held>();
      routed.held->is_on_record = true;
      const auto first = deliveries_.begin() + static_cast<std::ptrdiff_t>(before);
      routed.held->deliveries.assign(std::make_move_iterator(first),
                                     std::make_move_iterator(deliveries_.end()));
      deliveries_.erase(first, deliveries_.end());
    }
    if (routed.held != nullptr) held_messages_.push_back(routed.held);
  }
  FlushLink();
  Deliver();
  if (must_record) Settle(routed.held);
}

void FsaHost::Impl::OnLocks(const fsa::FileKey& file, const std::string& stream,
                            std::vector<fsa::HeldLock> locks) {
  absl::MutexLock lock(&mutex_);
  if (locks.empty()) {
    remote_locks_.erase(StreamKey(file, stream));
  } else {
    remote_locks_[StreamKey(file, stream)] = std::move(locks);
  }
}

void FsaHost::Impl::OnOffer() {
  {
    absl::MutexLock lock(&mutex_);
    if (place_ == Place::kBroken) return;
    if (place_ != Place::kRemote && place_ != Place::kConnecting) {
      Break();
    } else {
      place_ = Place::kAccepting;
      link_->SendAccept();
    }
  }
  FlushLink();
  Deliver();
}

void FsaHost::Impl::OnDownload(std::vector<fsa::FileSnapshot> files, bool is_last) {
  std::vector<HeldRef> held;
  {
    absl::MutexLock lock(&mutex_);
    if (place_ == Place::kBroken) return;
    const bool is_loaded =
        place_ == Place::kAccepting &&
        std::all_of(files.begin(), files.end(),
                    [&](const fsa::FileSnapshot& file) { return files_.Load(file); });
    if (!is_loaded) {
      Break();
    } else if (is_last) {
      place_ = Place::kLocal;
      remote_opens_.clear();
      remote_locks_.clear();
      remote_watches_.clear();
      RunWaiting(&held);
      CountWatches();
    }
  }
  FlushLink();
  Deliver();
  for (const HeldRef& one : held) Settle(one);
}

void FsaHost::Impl::OnRecall() {
  {
    absl::MutexLock lock(&mutex_);
    if (place_ == Place::kBroken || place_ == Place::kRemote) return;
    if (place_ != Place::kLocal) {
      Break();
    } else {
      std::vector<fsa::FileSnapshot> chunk;
      for (const fsa::FileKey& key : files_.Keys()) {
        if (chunk.size() == kFilesPerTransferMessage) link_->SendUpload(std::exchange(chunk, {}), false);
        fsa::FileSnapshot file = files_.Snapshot(key);
        files_.Remove(key);
        for (const fsa::OpenSnapshot& open : file.opens) {
          remote_opens_[open.open] = StreamKey(key, open.stream);
          if (open.watch) remote_watches_.insert(open.open);
        }
        for (const fsa::StreamSnapshot& stream : file.streams) {
          if (!stream.locks.empty()) remote_locks_[StreamKey(key, stream.stream)] = stream.locks;
        }
        chunk.push_back(std::move(file));
      }
      link_->SendUpload(std::move(chunk), true);
      place_ = Place::kRemote;
      CountWatches();
    }
  }
  FlushLink();
  Deliver();
}

void FsaHost::Impl::OnListing(uint64_t listing_id, uint64_t limit) {
  SendListing(listing_id, limit);
  FlushLink();
}

void FsaHost::Impl::SendListing(uint64_t listing_id, uint64_t limit) {
  absl::MutexLock lock(&mutex_);
  if (place_ == Place::kBroken) return;
  const fsa::Counters counters = files_.counters();
  std::vector<fsa::FileSnapshot> chunk;
  if (place_ == Place::kLocal) {
    uint64_t count = 0;
    for (const fsa::FileKey& key : files_.Keys()) {
      if (count++ == limit) break;
      if (chunk.size() == kFilesPerTransferMessage) {
        link_->SendListing(listing_id, std::exchange(chunk, {}), false, counters);
      }
      chunk.push_back(files_.Snapshot(key));
    }
  }
  link_->SendListing(listing_id, std::move(chunk), true, counters);
}

void FsaHost::Impl::OnLost() {
  {
    absl::MutexLock lock(&mutex_);
    if (place_ != Place::kBroken) Break();
  }
  FlushLink();
  Deliver();
}

// Everything that waits for an answer gets one; the node's group is about to be ended.
void FsaHost::Impl::Break() {
  place_ = Place::kBroken;
  waiting_.clear();
  for (auto& [op, pending] : pending_) {
    deliveries_.push_back(Delivery{
        fsa::FailureOf(pending.request, NtStatus::kUnexpectedNetworkError),
        std::move(pending.done)});
  }
  pending_.clear();
}

}  // namespace continuo::frontend
