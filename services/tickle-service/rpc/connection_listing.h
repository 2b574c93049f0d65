// Pages of recorded connections, and the tokens between them. A token is the last row of the page:
// log name, then the connection, so that a page is right whatever came and went meanwhile.
//
// Threading: pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "continuo/tickle/v1/tickle_admin_service.pb.h"
#include "services/tickle-service/registry/connection_table.h"
#include "services/tickle-service/registry/other_logs.h"

namespace continuo::tickle {

inline constexpr uint32_t kPageSizeMax = 1'000;

struct ListingPosition {
  std::string log_name;
  Connection connection;
};

struct ListingRequest {
  size_t page_size = kPageSizeMax;
  std::optional<ListingPosition> after;
  bool all_nodes = false;
};

// None: a page token that was not made here.
std::optional<ListingRequest> DecodeListingRequest(const v1::ListConnectionsRequest& request);

// `own` is a page of this node's, from `after` on and one longer than the page.
void FillOwnPage(const ListingRequest& request, const std::string& own_log,
                 const std::vector<ConnectionTable::Row>& own,
                 v1::ListConnectionsResponse* response);
// The logs in the order of their names.
void FillPageOfLogs(const ListingRequest& request, const std::vector<OtherLog>& logs,
                    v1::ListConnectionsResponse* response);

}  // namespace continuo::tickle
