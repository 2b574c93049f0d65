#include "tools/smbload/workload.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include <absl/strings/numbers.h>
#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>
#include <absl/time/clock.h>

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/smbwire/file_flags.h"

namespace continuo::smbload {
namespace {

// Handshakes under way at once: more would only measure the listen queue.
constexpr uint32_t kConnectingAtOnce = 64;
constexpr absl::Duration kConnectTimeout = absl::Seconds(30);
constexpr absl::Duration kTaskTimeout = absl::Seconds(120);
constexpr absl::Duration kDrainTimeout = absl::Seconds(10);
constexpr absl::Duration kPollStep = absl::Milliseconds(50);
constexpr uint32_t kPrepareDepth = 32;

struct NamedOperation {
  Operation operation;
  std::string_view name;
};
constexpr NamedOperation kOperations[] = {
    {Operation::kOpen, "open"},   {Operation::kRead, "read"},     {Operation::kWrite, "write"},
    {Operation::kStat, "stat"},   {Operation::kList, "list"},     {Operation::kCreate, "create"},
    {Operation::kEcho, "echo"},
};

std::string FilePath(const std::string& directory, uint32_t index) {
  return absl::StrFormat("%s\\f%06d", directory, index);
}

}  // namespace

std::string_view OperationName(Operation operation) {
  for (const NamedOperation& known : kOperations) {
    if (known.operation == operation) return known.name;
  }
  return "unknown";
}

absl::StatusOr<std::vector<MixEntry>> ParseMix(const std::string& text) {
  std::vector<MixEntry> mix;
  if (text == "idle") return mix;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    const std::pair<absl::string_view, absl::string_view> name_and_weight =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    const auto [name, weight_text] = name_and_weight;
    MixEntry entry;
    const bool has_weight = part.find('=') != absl::string_view::npos;
    if (has_weight &&
        (!absl::SimpleAtoi(weight_text, &entry.weight) || entry.weight < 1 ||
         entry.weight > 1000000)) {
      return absl::InvalidArgumentError(absl::StrFormat("mix: weight \"%s\"", weight_text));
    }
    const auto known = std::find_if(
        std::begin(kOperations), std::end(kOperations),
        [name = name](const NamedOperation& o) { return base::ToAbsl(o.name) == name; });
    if (known == std::end(kOperations)) {
      return absl::InvalidArgumentError(absl::StrFormat("mix: unknown operation \"%s\"", name));
    }
    entry.operation = known->operation;
    mix.push_back(entry);
  }
  return mix;
}

Workload::Workload(WorkloadOptions options, base::RandomSource& random)
    : options_(std::move(options)), random_(random) {
  for (const MixEntry& entry : options_.mix) total_weight_ += entry.weight;
  data_.resize(options_.io_size_bytes);
  random_.Fill(data_);
}

absl::Status Workload::Connect() {
  uint32_t connecting = 0;
  absl::Status failure;
  for (uint32_t i = 0; i < options_.connections; ++i) {
    auto worker = std::make_unique<Worker>();
    worker->index = i;
    worker->random.seed(i + 1);
    worker->client = std::make_unique<Client>(options_.client, random_);
    Client& client = *worker->client;
    workers_.push_back(std::move(worker));
    ++connecting;
    client.Start([&connecting, &failure](absl::Status ready) {
      --connecting;
      if (failure.ok()) failure = std::move(ready);
    });
    loop_.Add(client);
    const absl::Time give_up = absl::Now() + kConnectTimeout;
    const uint32_t allowed = i + 1 < options_.connections ? kConnectingAtOnce - 1 : 0;
    while (failure.ok() && connecting > allowed) {
      loop_.Poll(kPollStep);
      if (absl::Now() > give_up) {
        failure = absl::DeadlineExceededError(
            absl::StrFormat("%d of %d connections are still logging on", connecting, i + 1));
      }
    }
    if (!failure.ok()) {
      workers_.clear();  // Their callbacks hold references into this frame.
      return failure;
    }
  }
  return absl::OkStatus();
}

bool Workload::MixHas(Operation operation) const {
  return std::any_of(options_.mix.begin(), options_.mix.end(),
                     [=](const MixEntry& entry) { return entry.operation == operation; });
}

absl::Status Workload::RunTasks(Client& client, uint32_t count, const StartTask& start) {
  struct State {
    uint32_t finished = 0;
    absl::Status failure;
  };
  const auto state = std::make_shared<State>();
  uint32_t started = 0;
  const absl::Time give_up = absl::Now() + kTaskTimeout;
  while (state->finished < count && state->failure.ok() && client.failure().ok()) {
    while (started < count && started - state->finished < kPrepareDepth) {
      start(started, [state, index = started](const Outcome& outcome) {
        ++state->finished;
        if (outcome.status.ok() || !state->failure.ok()) return;
        state->failure = absl::FailedPreconditionError(absl::StrFormat(
            "preparation step %d: %s (0x%08x)", index, std::string(outcome.status.name()),
            outcome.status.value()));
      });
      ++started;
    }
    client.Flush();
    loop_.Update(client);
    loop_.Poll(kPollStep);
    if (absl::Now() > give_up) return absl::DeadlineExceededError("preparation takes too long");
  }
  return client.failure().ok() ? state->failure : client.failure();
}

absl::Status Workload::MakeDirectory(const std::string& path) {
  Client& client = *workers_.front()->client;
  const OpenOptions options = {.desired_access = smbwire::kFileReadAttributes,
                               .share_access = smbwire::kShareAll,
                               .disposition = smbwire::kDispositionOpenIf,
                               .options = smbwire::kOptionDirectoryFile};
  return RunTasks(client, 1, [&](uint32_t, Done done) {
    Open(client, path, options, [&client, done](NtStatus status, smbwire::FileId file) {
      if (!status.ok()) return done({status, 0});
      Close(client, file, done);
    });
  });
}

absl::Status Workload::PrepareDataFile(Worker& worker, bool must_fill) {
  Client& client = *worker.client;
  const OpenOptions options = {
      .desired_access = smbwire::kFileGenericRead | smbwire::kFileGenericWrite,
      .share_access = smbwire::kShareAll,
      .disposition = smbwire::kDispositionOpenIf,
      .options = smbwire::kOptionNonDirectoryFile};
  const std::string path = absl::StrFormat("%s\\data%05d", options_.directory, worker.index);
  CONTINUO_RETURN_IF_ERROR(RunTasks(client, 1, [&](uint32_t, Done done) {
    Open(client, path, options, [&worker, done](NtStatus status, smbwire::FileId file) {
      worker.data_file = file;
      done({status, 0});
    });
  }));
  if (!must_fill) return absl::OkStatus();
  const auto block_count =
      static_cast<uint32_t>((options_.file_size_bytes - 1) / data_.size() + 1);
  return RunTasks(client, block_count, [&](uint32_t index, Done done) {
    Write(client, worker.data_file, uint64_t{index} * data_.size(), data_, std::move(done));
  });
}

absl::Status Workload::Prepare() {
  if (options_.mix.empty()) return absl::OkStatus();
  const bool uses_files = MixHas(Operation::kOpen) || MixHas(Operation::kStat) ||
                          MixHas(Operation::kList);
  const bool uses_data = MixHas(Operation::kRead) || MixHas(Operation::kWrite);
  if (!uses_files && !uses_data && !MixHas(Operation::kCreate)) return absl::OkStatus();

  CONTINUO_RETURN_IF_ERROR(MakeDirectory(options_.directory));
  if (uses_files && !options_.skip_prepare) {
    Client& client = *workers_.front()->client;
    const OpenOptions options = {
        .desired_access = smbwire::kFileGenericRead | smbwire::kFileGenericWrite,
        .share_access = smbwire::kShareAll,
        .disposition = smbwire::kDispositionOpenIf,
        .options = smbwire::kOptionNonDirectoryFile};
    CONTINUO_RETURN_IF_ERROR(RunTasks(client, options_.file_count, [&](uint32_t i, Done done) {
      Open(client, FilePath(options_.directory, i), options,
           [&client, done](NtStatus status, smbwire::FileId file) {
             if (!status.ok()) return done({status, 0});
             Close(client, file, done);
           });
    }));
  }
  if (uses_data) {
    const bool must_fill = MixHas(Operation::kRead) && !options_.skip_prepare;
    for (const auto& worker : workers_) {
      CONTINUO_RETURN_IF_ERROR(PrepareDataFile(*worker, must_fill));
    }
  }
  return absl::OkStatus();
}

Operation Workload::Choose(Worker& worker) const {
  uint32_t point = static_cast<uint32_t>(worker.random()) % total_weight_;
  for (const MixEntry& entry : options_.mix) {
    if (point < entry.weight) return entry.operation;
    point -= entry.weight;
  }
  return options_.mix.back().operation;
}

uint64_t Workload::NextOffset(Worker& worker) {
  const uint64_t blocks = std::max<uint64_t>(options_.file_size_bytes / options_.io_size_bytes, 1);
  const uint64_t block =
      options_.random_offsets ? worker.random() % blocks : worker.next_offset++ % blocks;
  return block * options_.io_size_bytes;
}

std::optional<smbwire::Guid> Workload::CreateGuid() {
  if (!options_.is_persistent) return std::nullopt;
  smbwire::Guid guid{};
  random_.Fill(guid);
  return guid;
}

void Workload::StartOperation(Worker& worker, Operation operation, Done done) {
  Client& client = *worker.client;
  const auto file = [&] {
    return FilePath(options_.directory,
                    static_cast<uint32_t>(worker.random()) % options_.file_count);
  };
  switch (operation) {
    case Operation::kOpen: return OpenClose(client, file(), CreateGuid(), std::move(done));
    case Operation::kStat: return Stat(client, file(), std::move(done));
    case Operation::kList: return List(client, options_.directory, std::move(done));
    case Operation::kEcho: return Echo(client, std::move(done));
    case Operation::kRead:
      return Read(client, worker.data_file, NextOffset(worker), options_.io_size_bytes,
                  std::move(done));
    case Operation::kWrite:
      return Write(client, worker.data_file, NextOffset(worker), data_, std::move(done));
    case Operation::kCreate:
      return CreateFile(client,
                        absl::StrFormat("%s\\n%05d_%d_%d", options_.directory, worker.index,
                                        getpid(), worker.created++),
                        options_.keep, std::move(done));
  }
}

void Workload::StartSlot(Worker& worker) {
  const bool has_enough = options_.operation_count && started_ >= *options_.operation_count;
  if (is_stopping_ || has_enough || !worker.client->failure().ok()) {
    --active_slots_;
    return;
  }
  ++started_;
  const Operation operation = Choose(worker);
  const absl::Time start = absl::Now();
  StartOperation(worker, operation, [this, &worker, operation, start](const Outcome& outcome) {
    if (outcome.status.ok()) {
      OperationResults& result = results_.by_operation[operation];
      ++result.operations;
      result.bytes += outcome.bytes;
      result.latency.Record(absl::Now() - start);
    } else {
      ++results_.errors[outcome.status.value()];
    }
    StartSlot(worker);
  });
}

// The slots of a lost connection never come back.
void Workload::CountLost() {
  for (const auto& worker : workers_) {
    if (worker->is_lost_counted || worker->client->failure().ok()) continue;
    worker->is_lost_counted = true;
    ++results_.connections_lost;
    if (results_.first_loss.empty()) results_.first_loss = worker->client->failure().ToString();
  }
}

Results Workload::Run() {
  results_ = Results();
  is_stopping_ = false;
  started_ = 0;
  active_slots_ = uint64_t{options_.connections} * options_.depth;
  const absl::Time start = absl::Now();
  const absl::Time end =
      options_.duration ? start + *options_.duration : absl::InfiniteFuture();
  for (uint32_t slot = 0; slot < options_.depth; ++slot) {
    for (const auto& worker : workers_) StartSlot(*worker);
  }
  for (const auto& worker : workers_) {
    worker->client->Flush();
    loop_.Update(*worker->client);
  }
  const auto live_slots = [&] {
    const uint64_t lost = results_.connections_lost * options_.depth;
    return active_slots_ > lost ? active_slots_ - lost : 0;
  };
  while (live_slots() > 0 && absl::Now() < end) {
    loop_.Poll(std::min(kPollStep, end - absl::Now() + absl::Milliseconds(1)));
    CountLost();
  }
  results_.elapsed = absl::Now() - start;
  is_stopping_ = true;
  const Results measured = results_;  // What ends later is not counted.
  const absl::Time give_up = absl::Now() + kDrainTimeout;
  while (live_slots() > 0 && absl::Now() < give_up) {
    loop_.Poll(kPollStep);
    CountLost();
  }
  return measured;
}

void Workload::HoldUntilEndOf(int fd) {
  pollfd watched{fd, POLLIN, 0};
  std::array<char, 256> ignored;
  while (true) {
    loop_.Poll(absl::Milliseconds(100));
    if (poll(&watched, 1, 0) > 0 && read(fd, ignored.data(), ignored.size()) <= 0) return;
  }
}

}  // namespace continuo::smbload
