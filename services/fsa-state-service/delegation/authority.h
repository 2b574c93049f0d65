// The authority over this node's file-system-algorithm state, and the delegation of all of it to the
// one frontend: who decides at each moment, and how the state moves.
//
// Pure: events in, messages for the frontend and finished listings out, in order. The stream is
// ordered in both directions, which is all that moving the state relies on: what was sent before a
// message was meant for the state that held before it.
//
//   Authority authority(Policy::kDelegate);
//   Outgoing out;
//   authority.Attach(&out);               // → Offer
//   authority.Accepted(&out);             // → downloads, and the frontend decides
//   authority.WantServing(&out);          // → Recall; uploads follow, then operations
//
// Threading: none; the owner serialises all calls.
#pragma once

#include <cstdint>
#include <map>
#include <variant>
#include <vector>

#include <absl/status/status.h>

#include "common/fsa/apply.h"
#include "common/fsa/files.h"

namespace continuo::fsastate {

inline constexpr size_t kFilesPerDownload = 256;
inline constexpr size_t kListingsMax = 64;       // That wait for the frontend at one time.
inline constexpr uint64_t kListedFilesMax = 10'000;

// Messages to the frontend.
struct ServeRemotely {};
struct Offer {};
struct Recall {};
struct Download {
  std::vector<fsa::FileSnapshot> files;
  bool is_last = false;
};
struct ListingRequest {
  uint64_t listing_id = 0;
  uint64_t limit = 0;
};
// For the administrator who asked.
struct ListingDone {
  uint64_t listing_id = 0;
  absl::Status status;
  std::vector<fsa::FileSnapshot> files;
  fsa::Counters counters;
};
using Message = std::variant<ServeRemotely, Offer, Recall, Download, ListingRequest, ListingDone,
                             fsa::Effect, fsa::StreamLocks>;
using Outgoing = std::vector<Message>;

// What is wanted at rest: kDelegate unless `delegation = off`.
enum class Policy : uint8_t { kServe, kDelegate };

// Who decides. Events from the frontend in columns; a cell is the next state and what is sent.
//
//   state      | attach     | operation | accepted     | upload        | detach
//   -----------+------------+-----------+--------------+---------------+------------
//   no frontend| serving:   | error     | error        | error         | no frontend
//              |  ServeRemotely, or offered: Offer                      |
//   serving    | error      | answered  | error        | error         | no frontend
//   offered    | error      | answered  | delegated:   | error         | no frontend
//              |            |           |  Download... |               |
//   delegated  | error      | error     | error        | error         | no frontend
//   recalling  | error      | error     | error        | loaded; last: | no frontend
//              |            |           |              |  serving      |
//
//   state      | serving is wanted          | delegation is wanted
//   -----------+----------------------------+---------------------
//   no frontend| remembered                 | remembered
//   serving    | nothing                    | offered: Offer
//   offered    | recalled once it is        | nothing
//              |   accepted                 |
//   delegated  | recalling: Recall          | nothing
//   recalling  | nothing                    | offered when the last upload is in: Offer
//
// An error ends the stream, and with it the node's group: nobody can tell any more what was
// granted. Without a frontend nothing is open.
enum class State : uint8_t { kNoFrontend, kServing, kOffered, kDelegated, kRecalling };

class Authority {
 public:
  explicit Authority(Policy policy);

  // Errors: FailedPrecondition where the table says so, InvalidArgument for an upload that
  //         contradicts itself. The stream is then beyond use.
  absl::Status Attach(Outgoing* out);
  absl::Status Operation(const fsa::Request& request, Outgoing* out);
  absl::Status Accepted(Outgoing* out);
  absl::Status Upload(const std::vector<fsa::FileSnapshot>& files, bool is_last, Outgoing* out);
  // Part of a frontend's answer to a ListingRequest.
  absl::Status Listing(uint64_t listing_id, std::vector<fsa::FileSnapshot> files, bool is_last,
                       const fsa::Counters& counters, Outgoing* out);
  void Detach(Outgoing* out);

  void Want(Policy policy, Outgoing* out);
  // Ends in one ListingDone, at once or when the frontend has answered: at most `limit` files.
  void StartListing(uint64_t listing_id, uint64_t limit, Outgoing* out);
  void CancelListing(uint64_t listing_id);

  State state() const { return state_; }
  uint64_t grants() const { return grants_; }
  uint64_t recalls() const { return recalls_; }
  const fsa::Files& files() const { return *files_; }

 private:
  struct WaitingListing {
    uint64_t limit = 0;
    bool is_asked = false;
    std::vector<fsa::FileSnapshot> files;
  };

  // Moves towards what is wanted as far as the state allows now, and serves listings that waited.
  void Advance(Outgoing* out);
  void ServeListings(Outgoing* out);
  void ListHere(uint64_t listing_id, uint64_t limit, Outgoing* out) const;

  Policy wanted_;
  State state_ = State::kNoFrontend;
  std::unique_ptr<fsa::Files> files_;
  std::map<uint64_t, WaitingListing> listings_;
  uint64_t grants_ = 0;
  uint64_t recalls_ = 0;
};

}  // namespace continuo::fsastate
