#include "services/tickle-service/rpc/connection_listing.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>

namespace continuo::tickle {
namespace {

constexpr size_t kTokenFields = 5;

std::optional<uint16_t> ParsePort(const std::string& text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

std::string TokenOf(const v1::ClientConnection& row) {
  return absl::StrFormat("%s|%s|%u|%s|%u", row.log_name(), row.local_address(), row.local_port(),
                         row.remote_address(), row.remote_port());
}

std::optional<ListingPosition> ParseToken(const std::string& token) {
  const std::vector<std::string> fields = absl::StrSplit(token, '|');
  if (fields.size() != kTokenFields) return std::nullopt;
  const auto local = ParseIpAddress(fields[1]);
  const auto local_port = ParsePort(fields[2]);
  const auto remote = ParseIpAddress(fields[3]);
  const auto remote_port = ParsePort(fields[4]);
  if (!local || !local_port || !remote || !remote_port) return std::nullopt;
  return ListingPosition{fields[0], {*local, *local_port, *remote, *remote_port}};
}

// False when the page is full: the token says where the next one begins.
bool AddRow(const ListingRequest& request, const std::string& log_name,
            const Connection& connection, v1::ListConnectionsResponse* response) {
  if (static_cast<size_t>(response->connections_size()) == request.page_size) {
    response->set_next_page_token(
        TokenOf(response->connections(response->connections_size() - 1)));
    return false;
  }
  v1::ClientConnection* const row = response->add_connections();
  row->set_local_address(connection.local.ToString());
  row->set_local_port(connection.local_port);
  row->set_remote_address(connection.remote.ToString());
  row->set_remote_port(connection.remote_port);
  row->set_log_name(log_name);
  return true;
}

}  // namespace

std::optional<ListingRequest> DecodeListingRequest(const v1::ListConnectionsRequest& request) {
  ListingRequest decoded;
  decoded.all_nodes = request.all_nodes();
  if (request.page_size() != 0) decoded.page_size = std::min(request.page_size(), kPageSizeMax);
  if (request.page_token().empty()) return decoded;
  decoded.after = ParseToken(request.page_token());
  if (!decoded.after) return std::nullopt;
  return decoded;
}

void FillOwnPage(const ListingRequest& request, const std::string& own_log,
                 const std::vector<ConnectionTable::Row>& own,
                 v1::ListConnectionsResponse* response) {
  for (const ConnectionTable::Row& one : own) {
    if (!AddRow(request, own_log, one.connection, response)) return;
    response->mutable_connections(response->connections_size() - 1)
        ->mutable_connected_time()
        ->set_seconds(absl::ToUnixSeconds(one.connected));
  }
}

void FillPageOfLogs(const ListingRequest& request, const std::vector<OtherLog>& logs,
                    v1::ListConnectionsResponse* response) {
  std::vector<const OtherLog*> sorted;
  for (const OtherLog& log : logs) sorted.push_back(&log);
  std::sort(sorted.begin(), sorted.end(),
            [](const OtherLog* a, const OtherLog* b) { return a->name < b->name; });
  for (const OtherLog* log : sorted) {
    auto at = log->live.begin();
    if (request.after && log->name < request.after->log_name) continue;
    if (request.after && log->name == request.after->log_name) {
      at = log->live.upper_bound(request.after->connection);
    }
    for (; at != log->live.end(); ++at) {
      if (!AddRow(request, log->name, *at, response)) return;
    }
  }
}

}  // namespace continuo::tickle
