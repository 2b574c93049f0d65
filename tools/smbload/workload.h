// A measured run: connections × slots, each slot doing one operation after the other.
//
//   Workload workload(options, random);
//   CONTINUO_RETURN_IF_ERROR(workload.Connect());
//   CONTINUO_RETURN_IF_ERROR(workload.Prepare());
//   const Results results = workload.Run();
//
// Threading: none; everything runs on the calling thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>
#include <absl/time/time.h>

#include "tools/smbload/client.h"
#include "tools/smbload/histogram.h"
#include "tools/smbload/loop.h"
#include "tools/smbload/operations.h"

namespace continuo::smbload {

enum class Operation { kOpen, kRead, kWrite, kStat, kList, kCreate, kEcho };
std::string_view OperationName(Operation operation);

struct MixEntry {
  Operation operation = Operation::kEcho;
  uint32_t weight = 1;
};
// "read", or "read=70,write=20,open=10". "idle" is an empty mix.
// Errors: InvalidArgument for unknown operations and bad weights.
absl::StatusOr<std::vector<MixEntry>> ParseMix(const std::string& text);

struct WorkloadOptions {
  ClientOptions client;
  uint32_t connections = 1;
  uint32_t depth = 1;
  std::vector<MixEntry> mix;
  // Ends by whichever comes first; one of them is set.
  std::optional<absl::Duration> duration;
  std::optional<uint64_t> operation_count;
  uint32_t io_size_bytes = 65536;
  uint64_t file_size_bytes = 8u << 20;
  uint32_t file_count = 100;
  std::string directory = "smbload";
  Keep keep = Keep::kKeep;
  bool random_offsets = false;
  bool skip_prepare = false;
  bool is_persistent = false;  // Operation::kOpen asks for persistent handles.
};

struct OperationResults {
  uint64_t operations = 0;
  uint64_t bytes = 0;
  Histogram latency;
};

struct Results {
  absl::Duration elapsed;
  std::map<Operation, OperationResults> by_operation;
  std::map<uint32_t, uint64_t> errors;  // By NTSTATUS.
  uint64_t connections_lost = 0;
  std::string first_loss;
};

class Workload {
 public:
  Workload(WorkloadOptions options, base::RandomSource& random);

  // Connects and logs on everything, a few at a time.
  absl::Status Connect();
  // Makes the directory and the files that the mix needs.
  absl::Status Prepare();
  // Runs the mix and waits for what is still under way at the end.
  Results Run();

  // For an idle run: keeps the connections until `fd` reports its end.
  void HoldUntilEndOf(int fd);

  // Of the first connection.
  const Client& first_client() const { return *workers_.front()->client; }

 private:
  struct Worker {
    uint32_t index = 0;
    std::unique_ptr<Client> client;
    smbwire::FileId data_file;
    uint64_t next_offset = 0;
    uint64_t created = 0;
    bool is_lost_counted = false;
    std::minstd_rand random;
  };
  using StartTask = std::function<void(uint32_t index, Done done)>;

  // Runs `count` tasks on one client, `depth` at a time.
  absl::Status RunTasks(Client& client, uint32_t count, const StartTask& start);
  absl::Status MakeDirectory(const std::string& path);
  absl::Status PrepareDataFile(Worker& worker, bool must_fill);
  bool MixHas(Operation operation) const;

  void StartSlot(Worker& worker);
  void StartOperation(Worker& worker, Operation operation, Done done);
  Operation Choose(Worker& worker) const;
  uint64_t NextOffset(Worker& worker);
  // A new name for a persistent handle, when such are wanted.
  std::optional<smbwire::Guid> CreateGuid();
  void CountLost();

  const WorkloadOptions options_;
  base::RandomSource& random_;
  Loop loop_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Bytes data_;
  uint32_t total_weight_ = 0;

  bool is_stopping_ = false;
  uint64_t started_ = 0;
  uint64_t active_slots_ = 0;
  Results results_;
};

}  // namespace continuo::smbload
