// The frontend's way to ca-store-service: records of persistent handles, over one stream in batches.
//
//   auto store = CaStoreClient::Attach(rpc::SocketPath(run_dir, "ca-store-service"),
//       {.on_welcome = [&](const CaWelcome& welcome) { ...ids to give out... },
//        .on_handout = [&](CaHandout handout) {
//          ...put the handles into the FSA on their loop, then there:
//          store->Restored(handout.number); },
//        .on_lost = [&](absl::Status status) { context.request_exit(status); }});
//   ...
//   store->PutRecord(record, CaIntent::kCompletes, [](absl::Status stored) { ...hop, reply... });
//
// What is called while a message is on its way travels together in the next one. Changes take effect
// in the order of the calls; their results come in any order.
//
// `done` gets OK when the change is on stable storage and this node still owned ca_path after it was:
// only then may a client be told. Any other status: the change is not there, nor ever will be, once a
// later change has succeeded; a crash before that may still bring it. So a CREATE whose put failed is
// granted without persistence, or given up, after which DeleteRecord is called until it succeeds.
//   ResourceExhausted   the disk below ca_path is full
//   Unavailable         ca_path cannot be written
//   DeadlineExceeded    ca_path has not answered for some seconds
//   InvalidArgument     the record breaks a limit of common/castore/handle_record.h
//   FailedPrecondition  another node has taken over; the group is about to end
//   Cancelled           the stream to the service is lost or was stopped; so is the group
// With the last two nobody may be told anything any more: what is stored decides.
//
// Threading: every method may be called from any thread and returns at once. Each `done` runs exactly
// once, on a gRPC thread, or before the call returns when the stream is lost already; it must not
// block. Events arrive on gRPC threads, one at a time, on_lost as the last one. Stop waits until
// nothing can arrive any more, so it must not be called from a callback.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "common/castore/handle_record.h"

namespace continuo::clients {

struct CaWelcome {
  std::string node;
  uint64_t epoch = 0;
  // Persistent ids that this process may give out; no node ever gets the same range again.
  uint64_t persistent_id_first = 0;
  uint64_t persistent_id_last = 0;
};

// Handles and intents from before. The next handout comes after Restored(number).
struct CaHandout {
  uint64_t number = 0;
  std::vector<castore::HandleRecord> records;
  std::vector<castore::CreateIntent> intents;
  bool is_last = false;  // Serving may begin; later ones are adopted from another node.
};

struct CaStoreEvents {
  std::function<void(const CaWelcome&)> on_welcome;
  std::function<void(CaHandout)> on_handout;
  std::function<void(absl::Status)> on_lost;  // Not after Stop.
};

enum class CaIntent { kNone, kCompletes };
enum class CaOutcome { kReclaimed, kExpired };

class CaStoreClient {
 public:
  using Done = std::function<void(absl::Status)>;

  virtual ~CaStoreClient() = default;

  // Attaches at once, and waits for the service as long as it takes.
  static std::unique_ptr<CaStoreClient> Attach(const std::string& socket_path,
                                               CaStoreEvents events);

  // Stores a handle over a former record with its id. kCompletes: in the same step the intent with
  // its two GUIDs goes.
  virtual void PutRecord(const castore::HandleRecord& record, CaIntent intent, Done done) = 0;
  virtual void DeleteRecord(uint64_t persistent_id, Done done) = 0;
  virtual void PutIntent(const castore::CreateIntent& intent, Done done) = 0;
  virtual void DeleteIntent(const castore::IntentKey& key, Done done) = 0;

  // All of a handout is in the frontend's hands, for good or refused.
  virtual void Restored(uint64_t handout_number) = 0;
  // For statistics: what became of a handle that was handed out, when it was not closed.
  virtual void ReportOutcome(uint64_t persistent_id, CaOutcome outcome) = 0;

  // Ends the stream.
  virtual void Stop() = 0;
};

}  // namespace continuo::clients
