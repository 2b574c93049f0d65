#include "tools/continuoctl/handles.h"

#include <iostream>

#include <absl/strings/escaping.h>
#include <absl/strings/str_format.h>
#include <nlohmann/json.hpp>

#include "common/config/parser.h"
#include "continuo/castore/v1/ca_store_admin_service.grpc.pb.h"
#include "services/ca-store-service/store/ownership.h"
#include "tools/continuoctl/failover.h"
#include "tools/continuoctl/output.h"

namespace continuo::ctl {
namespace {

namespace pb = castore::v1;
using Stub = pb::CaStoreAdminService::Stub;

const std::string kDaemon = "ca-store-service";

const char* StateText(pb::HandleState state) {
  switch (state) {
    case pb::HANDLE_STATE_WRITTEN: return "open";
    case pb::HANDLE_STATE_OUTSTANDING: return "outstanding";
    case pb::HANDLE_STATE_RECLAIMED: return "reclaimed";
    case pb::HANDLE_STATE_SET_ASIDE: return "set aside";
    default: return "-";
  }
}

std::string PathText(const pb::HandleRecord& record) {
  if (record.stream().empty()) return OrDash(record.path());
  return record.path() + ":" + record.stream();
}

grpc::Status FetchHandles(const Context& context, const std::string& share,
                          pb::ListHandlesResponse& all) {
  constexpr int kMaxPages = 100'000;
  const auto stub = pb::CaStoreAdminService::NewStub(context.Channel(kDaemon));
  pb::ListHandlesRequest request;
  request.set_share_name(share);
  for (int page = 0; page < kMaxPages; ++page) {
    pb::ListHandlesResponse response;
    const grpc::Status status = Call(context, *stub, &Stub::ListHandles, request, response);
    if (!status.ok()) return status;
    const std::string token = response.next_page_token();
    all.MergeFrom(response);
    if (token.empty()) break;
    request.set_page_token(token);
  }
  all.clear_next_page_token();
  return grpc::Status::OK;
}

void PrintCounters(const pb::GetStoreResponse& store) {
  const pb::StoreCounters& counters = store.counters();
  std::cout << absl::StrFormat(
      "%d on record, %d reclaimed, %d expired, %d set aside, %d lost, %d creates under way\n",
      counters.outstanding(), counters.reclaimed(), counters.expired(), counters.set_aside(),
      counters.lost(), counters.intents());
  if (!store.detail().empty()) std::cout << "degraded: " << store.detail() << '\n';
  for (const std::string& loss : store.losses()) std::cout << "lost: " << loss << '\n';
}

// ca_path of the configuration, or an exit code.
std::string CaPathOf(const Context& context, int* exit_code) {
  const config::ParseResult parsed =
      config::LoadConfigFile(context.config_path, config::ParseOptions());
  if (!parsed.ok()) {
    std::cerr << parsed.DescribeErrors();
    *exit_code = kExitBadConfig;
    return "";
  }
  const std::string path = parsed.config.global.ca_path;
  if (path.empty()) *exit_code = Fail(kExitFailure, context.config_path + " has no ca_path");
  return path;
}

}  // namespace

int ListHandles(const Context& context, const std::string& share) {
  pb::GetStoreResponse store;
  const auto stub = pb::CaStoreAdminService::NewStub(context.Channel(kDaemon));
  grpc::Status status = Call(context, *stub, &Stub::GetStore, pb::GetStoreRequest(), store);
  pb::ListHandlesResponse all;
  if (status.ok()) status = FetchHandles(context, share, all);
  if (!status.ok()) return ReportCallFailure(context, kDaemon, status);
  if (context.is_json) {
    std::cout << "{\"store\": " << ToJson(store) << ", \"handles\": " << ToJson(all) << "}\n";
    return kExitOk;
  }
  PrintCounters(store);
  Table table({"ID", "STATE", "CLIENT", "SHARE", "LOCKS", "PATH", "NOTE"});
  for (const pb::HandleInfo& handle : all.handles()) {
    const pb::HandleRecord& record = handle.record();
    table.Add({Hex(record.persistent_id()), StateText(handle.state()),
               absl::BytesToHexString(record.client_guid()), OrDash(record.share_name()),
               absl::StrFormat("%d", record.locks_size()), PathText(record),
               OrDash(handle.detail())});
  }
  std::cout << table.Text();
  return kExitOk;
}

int ShowOwner(const Context& context, OwnerFormat format) {
  int exit_code = kExitOk;
  const std::string ca_path = CaPathOf(context, &exit_code);
  if (ca_path.empty()) return exit_code;
  const auto files = castore::MakePosixStableFiles();
  const absl::StatusOr<castore::OwnerRecord> owner = castore::ReadOwner(*files, ca_path);
  if (absl::IsNotFound(owner.status()) && format == OwnerFormat::kName) return kExitOk;
  if (!owner.ok()) return Fail(kExitFailure, std::string(owner.status().message()));
  if (format == OwnerFormat::kName) {
    if (!owner->is_released) std::cout << owner->who.node << '\n';
    return kExitOk;
  }
  if (context.is_json) {
    const nlohmann::ordered_json json = {{"node", owner->who.node},
                                         {"boot_id", owner->who.boot_id},
                                         {"pid", owner->who.pid},
                                         {"epoch", owner->epoch},
                                         {"since", absl::FormatTime(owner->since, absl::UTCTimeZone())},
                                         {"is_released", owner->is_released}};
    std::cout << json.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
    return kExitOk;
  }
  std::cout << absl::StrFormat("%s: node %s, process %d, epoch %d, since %s%s\n", ca_path,
                               owner->who.node, owner->who.pid, owner->epoch,
                               absl::FormatTime(owner->since, absl::UTCTimeZone()),
                               owner->is_released ? "; stopped in order" : "");
  return kExitOk;
}

int ConfirmFencedOwner(const Context& context, const std::string& node) {
  int exit_code = kExitOk;
  const std::string ca_path = CaPathOf(context, &exit_code);
  if (ca_path.empty()) return exit_code;
  const auto files = castore::MakePosixStableFiles();
  const absl::Status status = castore::ConfirmFenced(*files, ca_path, node);
  if (!status.ok()) return Fail(kExitFailure, std::string(status.message()));
  NoteFence(context, node);
  if (!context.is_json) {
    std::cout << "the next start takes " << ca_path << " over from node " << node << '\n';
  }
  return kExitOk;
}

}  // namespace continuo::ctl
