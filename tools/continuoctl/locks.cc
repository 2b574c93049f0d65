#include "tools/continuoctl/locks.h"

#include <iostream>

#include <absl/strings/escaping.h>
#include <absl/strings/str_format.h>

#include "continuo/fsa/v1/fsa_admin_service.grpc.pb.h"
#include "tools/continuoctl/output.h"

namespace continuo::ctl {
namespace {

namespace pb = continuo::fsa::v1;
using Stub = pb::FsaAdminService::Stub;

const std::string kDaemon = "fsa-state-service";

template <typename Request, typename Response>
grpc::Status Ask(const Context& context,
                 grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                 Response& response) {
  const auto stub = pb::FsaAdminService::NewStub(context.Channel(kDaemon));
  return Call(context, *stub, method, Request(), response);
}

std::string PathText(const std::string& path, const std::string& stream) {
  const std::string name = path.empty() ? "\\" : path;
  return stream.empty() ? name : name + ":" + stream;
}

// R, H and W as [MS-SMB2] 2.2.13.2.8 numbers them.
std::string LeaseText(uint32_t state) {
  std::string text;
  if ((state & 1u) != 0) text += 'R';
  if ((state & 2u) != 0) text += 'H';
  if ((state & 4u) != 0) text += 'W';
  return OrDash(text);
}

std::string StateText(pb::DelegationState state) {
  switch (state) {
    case pb::DELEGATION_STATE_NO_FRONTEND: return "no frontend is attached";
    case pb::DELEGATION_STATE_SERVING: return "fsa-state-service decides";
    case pb::DELEGATION_STATE_OFFERED: return "offered to smb-frontend";
    case pb::DELEGATION_STATE_DELEGATED: return "smb-frontend decides";
    case pb::DELEGATION_STATE_RECALLING: return "being recalled from smb-frontend";
    default: return "unknown";
  }
}

template <typename Response>
int Show(const Context& context, const Response& response, const Table& table) {
  if (context.is_json) {
    PrintJson(response);
    return kExitOk;
  }
  std::cout << table.Text();
  if (response.is_truncated()) std::cout << "(there are more files than are listed at a time)\n";
  return kExitOk;
}

// An order whose answer says nothing.
template <typename Request, typename Response>
int Order(const Context& context,
          grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*)) {
  Response response;
  const grpc::Status status = Ask(context, method, response);
  if (!status.ok()) return ReportCallFailure(context, kDaemon, status);
  if (context.is_json) PrintJson(response);
  return kExitOk;
}

}  // namespace

int ListLocks(const Context& context) {
  pb::ListLocksResponse response;
  const grpc::Status status = Ask(context, &Stub::ListLocks, response);
  if (!status.ok()) return ReportCallFailure(context, kDaemon, status);
  Table table({"OPEN", "KIND", "OFFSET", "LENGTH", "STATE", "PATH"});
  for (const pb::LockInfo& lock : response.locks()) {
    table.Add({Hex(lock.open()), lock.is_exclusive() ? "exclusive" : "shared",
               absl::StrFormat("%u", lock.offset()), absl::StrFormat("%u", lock.length_bytes()),
               lock.is_waiting() ? "waiting" : "held", PathText(lock.path(), lock.stream())});
  }
  return Show(context, response, table);
}

int ListLeases(const Context& context) {
  pb::ListLeasesResponse response;
  const grpc::Status status = Ask(context, &Stub::ListLeases, response);
  if (!status.ok()) return ReportCallFailure(context, kDaemon, status);
  Table table({"KEY", "VERSION", "STATE", "BREAKING TO", "OPENS", "PATH"});
  for (const pb::LeaseInfo& lease : response.leases()) {
    table.Add({absl::BytesToHexString(lease.key()), absl::StrFormat("%u", lease.version()),
               LeaseText(lease.state()), lease.is_breaking() ? LeaseText(lease.break_to()) : "-",
               absl::StrFormat("%u", lease.open_count()),
               PathText(lease.path(), lease.stream())});
  }
  return Show(context, response, table);
}

int ShowDelegation(const Context& context) {
  pb::GetDelegationResponse response;
  const grpc::Status status = Ask(context, &Stub::GetDelegation, response);
  if (!status.ok()) return ReportCallFailure(context, kDaemon, status);
  if (context.is_json) {
    PrintJson(response);
  } else {
    std::cout << absl::StrFormat("%s (granted %u times, recalled %u times)\n",
                                 StateText(response.state()), response.grants(),
                                 response.recalls());
  }
  return kExitOk;
}

int RecallDelegation(const Context& context) { return Order(context, &Stub::RecallDelegation); }

int GrantDelegation(const Context& context) { return Order(context, &Stub::GrantDelegation); }

}  // namespace continuo::ctl
