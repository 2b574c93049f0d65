// Who gets a tickle when.
//
// Each connection is tried at kTickleTimes after it was added. It is done earlier when its client is
// back: the same connection is open here again, or its client's address has opened as many new
// connections to the server's address as it had on record. (A client behind address translation
// shares its address with others, so one new connection says nothing of the rest.)
//
// Threading: none; Recovery's thread.
#pragma once

#include <array>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include <absl/time/time.h>

#include "services/tickle-service/registry/connection.h"

namespace continuo::tickle {

// The first one gets through unless something is lost: the switch may still send to the dead node,
// the client's link may be busy.
inline constexpr std::array<absl::Duration, 4> kTickleTimes = {
    absl::ZeroDuration(), absl::Milliseconds(100), absl::Milliseconds(300), absl::Seconds(1)};

class Campaign {
 public:
  // False when it is under way already.
  bool Add(const Connection& connection, absl::Time now);
  // A client has connected here.
  void ClientConnected(const Connection& connection);

  // Those that are due, at most `count_max`; the next try of each is planned.
  std::vector<Connection> TakeDue(absl::Time now, size_t count_max);
  // When the next one is due; infinite when there is none.
  absl::Time next_due() const;
  // Those that are done since the last call: tried often enough, or back.
  std::vector<Connection> TakeDone() { return std::exchange(done_, {}); }
  size_t size() const { return tries_.size(); }

 private:
  struct Try {
    absl::Time begun;
    size_t count = 0;
    absl::Time due;
  };
  struct Client {
    size_t expected_count = 0;
    size_t returned_count = 0;
    std::set<Connection> open;  // Of those expected, the ones that are still being tried.
  };
  using ClientKey = std::pair<IpAddress, IpAddress>;  // Local, remote.
  void Finish(const Connection& connection);

  std::map<Connection, Try> tries_;
  std::multimap<absl::Time, Connection> due_;
  std::map<ClientKey, Client> clients_;  // While any of theirs is being tried.
  std::vector<Connection> done_;
};

}  // namespace continuo::tickle
