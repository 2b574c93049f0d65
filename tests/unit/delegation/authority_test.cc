// Goal: every cell of the table above State, and that listings show one truth in each state.
#include <catch2/catch.hpp>

#include "services/fsa-state-service/delegation/authority.h"

namespace continuo::fsastate {
namespace {

fsa::OpenRequest OpenOf(uint64_t id) {
  fsa::OpenRequest request;
  request.op = fsa::OpId(id);
  request.open = fsa::OpenId(id);
  const uint8_t bytes[] = {static_cast<uint8_t>(id)};
  REQUIRE(fsa::FileKey::Make({}, bytes, &request.file));
  request.path = "/s/f";
  request.access = 0x1F01FF;
  request.share_access = 7;
  return request;
}

fsa::FileSnapshot StateWithOneOpen(uint64_t id) {
  fsa::Files files;
  fsa::Effects effects;
  REQUIRE(files.Open(OpenOf(id), &effects)->ok());
  return files.Snapshot(OpenOf(id).file);
}

template <typename T>
size_t Count(const Outgoing& out) {
  size_t count = 0;
  for (const Message& message : out) {
    if (std::holds_alternative<T>(message)) ++count;
  }
  return count;
}

// Brings an authority into a state.
void Reach(State state, Authority* authority) {
  Outgoing out;
  if (state == State::kNoFrontend) return;
  authority->Want(state == State::kServing ? Policy::kServe : Policy::kDelegate, &out);
  REQUIRE(authority->Attach(&out).ok());
  if (state == State::kServing || state == State::kOffered) return;
  REQUIRE(authority->Accepted(&out).ok());
  if (state == State::kRecalling) authority->Want(Policy::kServe, &out);
}

TEST_CASE("authority: what the frontend may do in which state", "[unit][delegation]") {
  struct Case { State state; bool attach; bool operation; bool accept; bool upload; };
  const auto c = GENERATE(values<Case>({
      {State::kNoFrontend, true, false, false, false},
      {State::kServing, false, true, false, false},
      {State::kOffered, false, true, true, false},
      {State::kDelegated, false, false, false, false},
      {State::kRecalling, false, false, false, true},
  }));
  const int event = GENERATE(0, 1, 2, 3, 4);
  Authority authority(Policy::kDelegate);
  Reach(c.state, &authority);
  REQUIRE(authority.state() == c.state);
  CAPTURE(static_cast<int>(c.state), event);
  Outgoing out;
  switch (event) {
    case 0: CHECK(authority.Attach(&out).ok() == c.attach); break;
    case 1: CHECK(authority.Operation(OpenOf(1), &out).ok() == c.operation); break;
    case 2: CHECK(authority.Accepted(&out).ok() == c.accept); break;
    case 3: CHECK(authority.Upload({}, true, &out).ok() == c.upload); break;
    case 4:
      authority.Detach(&out);
      CHECK(authority.state() == State::kNoFrontend);
      CHECK(authority.files().counters().files == 0);
      break;
  }
}

TEST_CASE("authority: attach serves or offers, as is wanted", "[unit][delegation]") {
  Outgoing out;
  Authority serving(Policy::kServe);
  REQUIRE(serving.Attach(&out).ok());
  CHECK(Count<ServeRemotely>(out) == 1);
  CHECK(serving.state() == State::kServing);
  out.clear();
  Authority delegating(Policy::kDelegate);
  REQUIRE(delegating.Attach(&out).ok());
  CHECK(Count<Offer>(out) == 1);
  CHECK(out.size() == 1);
}

TEST_CASE("authority: state goes out with a grant and comes back with a recall",
          "[unit][delegation]") {
  Authority authority(Policy::kServe);
  Outgoing out;
  REQUIRE(authority.Attach(&out).ok());
  REQUIRE(authority.Operation(OpenOf(1), &out).ok());
  authority.Want(Policy::kDelegate, &out);
  // What was sent before the offer was seen is still answered.
  out.clear();
  REQUIRE(authority.Operation(OpenOf(2), &out).ok());
  REQUIRE(Count<fsa::Effect>(out) == 1);
  out.clear();
  REQUIRE(authority.Accepted(&out).ok());
  REQUIRE(out.size() == 1);
  const Download download = std::get<Download>(out[0]);
  CHECK(download.is_last);
  CHECK(download.files.size() == 2);
  CHECK(authority.files().counters().files == 0);
  CHECK(authority.grants() == 1);

  out.clear();
  authority.Want(Policy::kServe, &out);
  CHECK(Count<Recall>(out) == 1);
  REQUIRE(authority.Upload({download.files[0]}, false, &out).ok());
  CHECK(authority.state() == State::kRecalling);
  CHECK_FALSE(authority.Upload({download.files[0]}, true, &out).ok());  // The same file twice.
  REQUIRE(authority.Upload({download.files[1]}, true, &out).ok());
  CHECK(authority.state() == State::kServing);
  CHECK(authority.files().counters().opens == 2);
  REQUIRE(authority.Operation(fsa::CloseRequest{fsa::OpId(3), fsa::OpenId(1)}, &out).ok());
}

TEST_CASE("authority: a wish that comes at the wrong moment is kept", "[unit][delegation]") {
  Authority authority(Policy::kDelegate);
  Outgoing out;
  REQUIRE(authority.Attach(&out).ok());
  authority.Want(Policy::kServe, &out);  // Offered: cannot be taken back before it is accepted.
  CHECK(Count<Recall>(out) == 0);
  REQUIRE(authority.Accepted(&out).ok());
  CHECK(Count<Recall>(out) == 1);
  authority.Want(Policy::kDelegate, &out);
  CHECK(Count<Offer>(out) == 1);
  REQUIRE(authority.Upload({}, true, &out).ok());
  CHECK(Count<Offer>(out) == 2);
}

TEST_CASE("authority: locks are told before the answer that rests on them", "[unit][delegation]") {
  Authority authority(Policy::kServe);
  Outgoing out;
  REQUIRE(authority.Attach(&out).ok());
  REQUIRE(authority.Operation(OpenOf(1), &out).ok());
  out.clear();
  fsa::LockRequest lock;
  lock.op = fsa::OpId(2);
  lock.open = fsa::OpenId(1);
  lock.locks = {{0, 1, fsa::kLockExclusive}};
  REQUIRE(authority.Operation(lock, &out).ok());
  REQUIRE(out.size() == 2);
  CHECK(std::get<fsa::StreamLocks>(out[0]).locks.size() == 1);
  CHECK(std::holds_alternative<fsa::Effect>(out[1]));
  out.clear();
  REQUIRE(authority.Operation(fsa::CloseRequest{fsa::OpId(3), fsa::OpenId(1)}, &out).ok());
  CHECK(std::get<fsa::StreamLocks>(out[0]).locks.empty());
}

TEST_CASE("authority: a listing is answered from where the state is", "[unit][delegation]") {
  Authority authority(Policy::kServe);
  Outgoing out;
  SECTION("nobody attached") {
    authority.StartListing(1, 10, &out);
    CHECK(std::get<ListingDone>(out.at(0)).files.empty());
  }
  SECTION("here") {
    REQUIRE(authority.Attach(&out).ok());
    REQUIRE(authority.Operation(OpenOf(1), &out).ok());
    out.clear();
    authority.StartListing(1, 10, &out);
    CHECK(std::get<ListingDone>(out.at(0)).files.size() == 1);
  }
  SECTION("at the frontend") {
    Reach(State::kDelegated, &authority);
    authority.StartListing(1, 10, &out);
    CHECK(std::get<ListingRequest>(out.at(0)).limit == 10);
    out.clear();
    REQUIRE(authority.Listing(1, {StateWithOneOpen(1)}, false, {}, &out).ok());
    CHECK(out.empty());
    REQUIRE(authority.Listing(1, {StateWithOneOpen(2)}, true, {}, &out).ok());
    CHECK(std::get<ListingDone>(out.at(0)).files.size() == 2);
    CHECK(authority.Listing(1, {}, true, {}, &out).ok());  // Late and no longer known.
  }
  SECTION("on its way") {
    Reach(State::kRecalling, &authority);
    authority.StartListing(1, 10, &out);
    CHECK(out.empty());
    REQUIRE(authority.Upload({StateWithOneOpen(1)}, true, &out).ok());
    CHECK(std::get<ListingDone>(out.at(0)).files.size() == 1);
  }
  SECTION("the frontend goes away") {
    Reach(State::kDelegated, &authority);
    authority.StartListing(1, 10, &out);
    authority.Detach(&out);
    CHECK_FALSE(std::get<ListingDone>(out.at(1)).status.ok());
  }
}

}  // namespace
}  // namespace continuo::fsastate
