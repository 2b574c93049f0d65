// Integer identifiers that cannot be mistaken for one another.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace continuo::base {

// Shape: a trivially copyable wrapper around `Rep`; `Tag` only makes the type distinct.
template <typename Tag, typename Rep = uint64_t>
class StrongId {
 public:
  constexpr StrongId() = default;
  constexpr explicit StrongId(Rep value) : value_(value) {}
  constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(StrongId, StrongId) = default;

  template <typename H>
  friend H AbslHashValue(H h, StrongId id) {
    return H::combine(std::move(h), id.value_);
  }

 private:
  Rep value_ = 0;
};

}  // namespace continuo::base

template <typename Tag, typename Rep>
struct std::hash<continuo::base::StrongId<Tag, Rep>> {
  size_t operator()(continuo::base::StrongId<Tag, Rep> id) const {
    return std::hash<Rep>{}(id.value());
  }
};
