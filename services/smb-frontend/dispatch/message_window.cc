#include "services/smb-frontend/dispatch/message_window.h"

#include <algorithm>

#include "common/base/check.h"

namespace continuo::dispatch {

bool MessageWindow::Consume(uint64_t first, uint32_t count) {
  if (count == 0 || count > available_) return false;
  if (first < low_ || first >= high_ || count > high_ - first) return false;
  for (uint64_t id = first; id < first + count; ++id) {
    if (used_.test(id % kWindowBits)) return false;
  }
  for (uint64_t id = first; id < first + count; ++id) used_.set(id % kWindowBits);
  available_ -= count;
  while (low_ < high_ && used_.test(low_ % kWindowBits)) {
    used_.reset(low_ % kWindowBits);
    ++low_;
  }
  return true;
}

uint32_t MessageWindow::Grant(uint32_t count) {
  CONTINUO_CHECK(high_ - low_ <= kWindowBits);
  const uint64_t room_in_bits = kWindowBits - (high_ - low_);
  const uint32_t room_in_credits = kMaxCredits - std::min(available_, kMaxCredits);
  const uint32_t granted = static_cast<uint32_t>(
      std::min<uint64_t>({count, room_in_bits, static_cast<uint64_t>(room_in_credits)}));
  high_ += granted;
  available_ += granted;
  return granted;
}

}  // namespace continuo::dispatch
