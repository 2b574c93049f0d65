// continuo.supervisor.v1.SupervisorService.
//
// Threading: handlers run on gRPC threads and ask the source, which must not block for long.
#pragma once

#include <sys/types.h>

#include <array>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "continuo/supervisor/v1/supervisor_service.grpc.pb.h"
#include "services/watchdog-supervisor/escalation/group_watch.h"
#include "services/watchdog-supervisor/history/history_file.h"

namespace continuo::supervisor {

struct GroupSnapshot {
  struct Entry {
    pid_t pid = -1;
    DaemonView view;
  };
  Limits limits;
  std::array<Entry, kDaemonCount> daemons;
};

// Where the service finds what it shows.
class GroupSource {
 public:
  virtual ~GroupSource() = default;
  virtual GroupSnapshot Snapshot() const = 0;
  virtual std::vector<HistoryEvent> History(size_t max_entries) const = 0;
};

class SupervisorServiceImpl final : public v1::SupervisorService::CallbackService {
 public:
  explicit SupervisorServiceImpl(const GroupSource* source) : source_(source) {}

  grpc::ServerUnaryReactor* ListDaemons(grpc::CallbackServerContext* context,
                                        const v1::ListDaemonsRequest* request,
                                        v1::ListDaemonsResponse* response) override;
  grpc::ServerUnaryReactor* ListHistory(grpc::CallbackServerContext* context,
                                        const v1::ListHistoryRequest* request,
                                        v1::ListHistoryResponse* response) override;

 private:
  const GroupSource* const source_;
};

}  // namespace continuo::supervisor
