// The window of MessageIds that a connection may use: the server's half of SMB2 flow control.
//
// A request uses CreditCharge consecutive ids, each once; each credit that a response grants adds
// one id at the top. The bottom moves up over ids that were used.
//
//   MessageWindow window;
//   if (!window.Consume(message_id, charge)) disconnect;
//   window.Grant(n);
//
// Source:    [MS-SMB2] 3.3.1.1, 3.3.1.2, 3.3.5.2.3.
// Units:     credits; one credit is one MessageId.
// Threading: belongs to its connection's loop.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>

namespace continuo::dispatch {

// The most credits that a client may hold; also the most ids that are open at once. 8192 is what
// clients are tuned for.
inline constexpr uint32_t kMaxCredits = 8192;
// Ids open at the same time include those of requests in flight: twice the credits, because the
// bottom waits for the oldest request while newer ones are granted anew.
inline constexpr uint32_t kWindowBits = 2 * kMaxCredits;
static_assert(kWindowBits >= kMaxCredits);

class MessageWindow {
 public:
  // Marks [first, first + count) as used. False, and no change, when an id lies outside the window,
  // was used before, or count is 0 or larger than any window.
  bool Consume(uint64_t first, uint32_t count);

  // Opens up to `count` further ids; returns how many, less when the window has its full size.
  uint32_t Grant(uint32_t count);

  // Ids that are open and unused: what the client may still send.
  uint32_t available() const { return available_; }
  uint64_t low() const { return low_; }
  uint64_t high() const { return high_; }

 private:
  uint64_t low_ = 0;   // The smallest id that may be unused.
  uint64_t high_ = 1;  // One past the largest open id. A new connection may use id 0.
  uint32_t available_ = 1;
  std::bitset<kWindowBits> used_;  // Indexed by id modulo kWindowBits; meaningful in [low, high).
};

}  // namespace continuo::dispatch
