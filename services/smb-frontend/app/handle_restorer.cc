#include "services/smb-frontend/app/handle_restorer.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/synchronization/notification.h>

#include "common/bytes/byte_reader.h"
#include "common/daemon/signals.h"
#include "common/logging/log.h"
#include "services/smb-frontend/commands/end_session.h"
#include "services/smb-frontend/commands/persistent_open.h"
#include "services/smb-frontend/commands/release_open.h"
#include "services/smb-frontend/net/worker_pool.h"
#include "services/smb-frontend/open/paths.h"
#include "services/smb-frontend/persistent/handle_state.h"

namespace continuo::app {
namespace {

constexpr size_t kRecordsPerItem = 64;
constexpr absl::Duration kStopPoll = absl::Milliseconds(100);

// Records of one handout that one worker thread handles.
class Work final : public net::WorkItem {
 public:
  explicit Work(std::function<void()> run) : run_(std::move(run)) {}
  void Run() override {
    const std::unique_ptr<Work> self(this);
    run_();
  }

 private:
  const std::function<void()> run_;
};

// Who opened it, in a session that is over: the owner is all that a claim looks at.
std::shared_ptr<session::Session> FormerSession(const castore::HandleRecord& record) {
  bytes::ByteReader in(record.owner_sid);
  const std::optional<security::Sid> owner = security::Sid::Decode(in);
  if (!owner) return nullptr;
  auto identity = std::make_shared<session::Identity>();
  identity->token.user = *owner;
  auto session = std::make_shared<session::Session>(
      smbwire::SessionId(), session::SessionOrigin{.client_guid = record.client_guid});
  session->Authenticate(std::move(identity), nullptr);
  (void)session->Close();
  return session;
}

fsa::OpenGrant GrantOf(const castore::HandleRecord& record) {
  fsa::OpenGrant grant;
  grant.oplock = record.oplock_level;
  grant.is_durable = true;
  if (record.lease) {
    grant.lease_state = record.lease->state;
    grant.lease_version = record.lease->version;
    grant.lease_epoch = record.lease->epoch;
  }
  return grant;
}

absl::Duration TimeLeft(const castore::HandleRecord& record) {
  const absl::Duration timeout = absl::Milliseconds(record.timeout_ms);
  if (!record.disconnected_since) return timeout;
  return std::clamp(*record.disconnected_since + timeout - absl::Now(), absl::ZeroDuration(),
                    timeout);
}

}  // namespace

class HandleRestorer::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(dispatch::ServerContext& server, frontend::FsaTimer* timer,
       std::function<void(absl::Status)> request_exit)
      : server_(server),
        handles_(std::make_shared<persistent::PersistentHandles>(timer)),
        request_exit_(std::move(request_exit)) {}

  frontend::FsaRecorder* recorder() { return handles_.get(); }

  void Attach(const std::string& socket_path) {
    clients::CaStoreEvents events;
    events.on_welcome = [this](const clients::CaWelcome& welcome) {
      server_.opens.StartIdsAt(welcome.persistent_id_first);
    };
    events.on_handout = [this](clients::CaHandout handout) { Begin(std::move(handout)); };
    events.on_lost = [this](const absl::Status& status) { request_exit_(status); };
    store_ = clients::CaStoreClient::Attach(socket_path, std::move(events));
    handles_->AttachTo(store_.get());
    server_.handles = handles_.get();
    attached_.Notify();  // Handouts may be waiting.
  }

  absl::Status WaitUntilRestored() {
    while (!restored_.WaitForNotificationWithTimeout(kStopPoll)) {
      if (daemon::IsStopPending()) return absl::CancelledError("stopped while handles came back");
    }
    logging::Info("handles.restored", {{"restored", counts.restored.load()},
                                       {"gone", counts.gone.load()},
                                       {"refused", counts.refused.load()}});
    return absl::OkStatus();
  }

  void Stop() {
    if (store_ != nullptr) store_->Stop();
  }

  RestoreCounts counts;

 private:
  // One handout; who finishes its last record says so.
  struct Expiry {
    std::shared_ptr<open::OpenFile> open;
    absl::Duration timeout;
  };
  struct Batch {
    clients::CaHandout handout;
    std::atomic<size_t> left{0};
    absl::Mutex mutex;
    std::vector<Expiry> expiries ABSL_GUARDED_BY(mutex);
  };

  void Begin(clients::CaHandout handout) {
    attached_.WaitForNotification();
    auto batch = std::make_shared<Batch>();
    batch->handout = std::move(handout);
    batch->left = batch->handout.records.size() + 1;
    for (castore::CreateIntent& intent : batch->handout.intents) {
      commands::AdoptIntent(server_, std::move(intent));
    }
    const size_t count = batch->handout.records.size();
    for (size_t first = 0; first < count; first += kRecordsPerItem) {
      const size_t end = std::min(first + kRecordsPerItem, count);
      server_.loops->workers().Submit(new Work([this, batch, first, end] {
        for (size_t i = first; i < end; ++i) RestoreOne(batch, batch->handout.records[i]);
      }));
    }
    Finish(batch);
  }

  void Finish(const std::shared_ptr<Batch>& batch) {
    if (batch->left.fetch_sub(1) != 1) return;
    ScheduleExpiries(*batch);
    store_->Restored(batch->handout.number);
    if (batch->handout.is_last && !is_restored_.exchange(true)) restored_.Notify();
  }

  void Leave(const std::shared_ptr<Batch>& batch, const castore::HandleRecord& record,
             std::string_view why) {
    counts.refused.fetch_add(1);
    logging::Warning("handle.left", {{"id", logging::Hex(record.persistent_id)},
                                     {"share", record.share_name},
                                     {"reason", why}});
    Finish(batch);
  }

  void RestoreOne(const std::shared_ptr<Batch>& batch, const castore::HandleRecord& record) {
    const auto share = server_.shares()->Find(record.share_name);
    if (share == nullptr || !commands::HasPersistentHandles(server_, *share)) {
      return Leave(batch, record, "its share is not served as continuously available");
    }
    const auto session = FormerSession(record);
    if (session == nullptr) return Leave(batch, record, "its owner is no SID");
    // Of another file system than the share is on now.
    if (record.file.fs != share->root->file_system()) {
      counts.gone.fetch_add(1);
      logging::Info("handle.gone", {{"id", logging::Hex(record.persistent_id)}});
      handles_->Discard(record.persistent_id);
      return Finish(batch);
    }
    auto open = MakeOpen(record, share, session);
    open->SetPathInShare(record.path);
    Enter(batch, record, std::move(open));
  }

  std::shared_ptr<open::OpenFile> MakeOpen(const castore::HandleRecord& record,
                                           std::shared_ptr<const session::Share> share,
                                           std::shared_ptr<session::Session> session) {
    auto tree = std::make_shared<session::TreeConnect>();
    tree->share = std::move(share);
    tree->created = record.create_time;
    tree->is_disconnected = true;
    open::OpenFacts facts;
    facts.file_id = {.persistent_id = record.persistent_id, .volatile_id = record.persistent_id};
    facts.session = std::move(session);
    facts.tree = std::move(tree);
    facts.client_guid = record.client_guid;
    facts.granted_access = record.access;
    facts.share_access = record.share_access;
    facts.create_options = record.create_options;
    facts.file_key = record.file;
    facts.stream_name = record.stream;
    if (record.lease) facts.lease_key = record.lease->key;
    facts.create_guid = record.create_guid;
    facts.created = record.create_time;
    facts.channel_sequence = std::make_shared<open::ChannelSequence>(record.channel_sequence);
    if (record.app_instance) {
      facts.app_instance_id = record.app_instance->id;
      const smbwire::AppInstanceVersion version{.high = record.app_instance->version_high,
                                                .low = record.app_instance->version_low};
      if (version.high != 0 || version.low != 0) facts.app_instance_version = version;
    }
    auto open = commands::NewOpenFile(std::move(facts));
    absl::MutexLock lock(&open->mutex());
    open::OpenFile::Mutable& state = open->state();
    state.oplock = record.oplock_level;
    state.is_durable = true;
    state.is_persistent = true;
    state.is_disconnected = true;
    state.durable_timeout = absl::Milliseconds(record.timeout_ms);
    state.grant = GrantOf(record);
    state.create_action = record.create_action;
    return open;
  }

  // Known to the table and the recorder before the FSA has it: a break may be due for it at once.
  void Enter(const std::shared_ptr<Batch>& batch, const castore::HandleRecord& record,
             std::shared_ptr<open::OpenFile> open) {
    castore::HandleRecord now = record;
    now.path = open->PathInShare();
    const std::string share_path = open->share().absolute_path;
    fsa::PersistentOpen state = persistent::ToState(now, share_path);
    handles_->Adopt(std::move(now), share_path);
    server_.opens.Add(open);
    const absl::Duration timeout = TimeLeft(record);
    server_.fsa->Restore(std::move(state),
                         [self = shared_from_this(), batch, open, timeout](NtStatus status) {
                           self->Entered(batch, open, timeout, status);
                         });
  }

  void Entered(const std::shared_ptr<Batch>& batch, const std::shared_ptr<open::OpenFile>& open,
               absl::Duration timeout, NtStatus status) {
    const uint64_t id = open->file_id().persistent_id;
    if (!status.ok()) {
      // It says what cannot be true together with what came back before it.
      counts.gone.fetch_add(1);
      logging::Error("handle.contradicts", {{"id", logging::Hex(id)}, {"status", status.name()}});
      server_.opens.Remove(open->file_id().volatile_id);
      handles_->Discard(id);
      return Finish(batch);
    }
    counts.restored.fetch_add(1);
    {
      absl::MutexLock lock(&batch->mutex);
      batch->expiries.push_back({open, timeout});
    }
    Finish(batch);
  }

  // One message to a loop for all of a handout.
  void ScheduleExpiries(Batch& batch) {
    absl::MutexLock lock(&batch.mutex);
    if (batch.expiries.empty()) return;
    net::EventLoop& loop =
        server_.loops->loop(batch.handout.number % server_.loops->size());
    loop.Post([this, &loop, expiries = std::move(batch.expiries)] {
      for (const Expiry& one : expiries) {
        commands::ScheduleExpiry(server_, loop, one.open, one.timeout);
      }
    });
  }

  dispatch::ServerContext& server_;
  const std::shared_ptr<persistent::PersistentHandles> handles_;
  const std::function<void(absl::Status)> request_exit_;
  std::unique_ptr<clients::CaStoreClient> store_;
  absl::Notification attached_;
  absl::Notification restored_;
  std::atomic<bool> is_restored_{false};
};

HandleRestorer::HandleRestorer(dispatch::ServerContext& server, frontend::FsaTimer* timer,
                               std::function<void(absl::Status)> request_exit)
    : impl_(std::make_shared<Impl>(server, timer, std::move(request_exit))) {}

HandleRestorer::~HandleRestorer() { impl_->Stop(); }

frontend::FsaRecorder* HandleRestorer::recorder() { return impl_->recorder(); }
void HandleRestorer::Attach(const std::string& socket_path) { impl_->Attach(socket_path); }
absl::Status HandleRestorer::WaitUntilRestored() { return impl_->WaitUntilRestored(); }
void HandleRestorer::Stop() { impl_->Stop(); }
const RestoreCounts& HandleRestorer::counts() const { return impl_->counts; }

}  // namespace continuo::app
