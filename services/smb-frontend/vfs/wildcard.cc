#include "services/smb-frontend/vfs/wildcard.h"

#include <vector>

#include "common/bytes/utf16.h"

namespace continuo::vfs {
namespace {

constexpr char16_t kDosStar = u'<';
constexpr char16_t kDosQuestion = u'>';
constexpr char16_t kDosDot = u'"';

std::u16string Fold(std::string_view utf8) {
  std::u16string units = bytes::Utf8ToUtf16(utf8).value_or(std::u16string());
  for (char16_t& unit : units) unit = bytes::FoldUpper(unit);
  return units;
}

// Pattern positions that the name so far can have led to. A set of positions instead of
// backtracking bounds the work by pattern size times name size.
class PositionSet {
 public:
  explicit PositionSet(size_t size) : members_(size, 0) {}
  void Add(const std::u16string& pattern, size_t position, size_t name_left) {
    // What matches nothing lets the position behind it be reached, too.
    for (;; ++position) {
      if (members_[position] != 0) return;
      members_[position] = 1;
      any_ = true;
      if (position == pattern.size()) return;
      const char16_t unit = pattern[position];
      const bool may_be_empty = unit == u'*' || unit == kDosStar ||
                                (name_left == 0 && (unit == kDosQuestion || unit == kDosDot));
      if (!may_be_empty) return;
    }
  }
  bool Has(size_t position) const { return members_[position] != 0; }
  bool any() const { return any_; }
  void Clear() {
    members_.assign(members_.size(), 0);
    any_ = false;
  }

 private:
  std::vector<char> members_;
  bool any_ = false;
};

}  // namespace

NamePattern::NamePattern(std::string_view utf8_pattern)
    : text_(utf8_pattern), folded_(Fold(utf8_pattern)) {
  has_wildcards_ = folded_.find_first_of(u"*?<>\"") != std::u16string::npos;
  // "*.*" has meant every name since FAT; clients send it as "*" or "<.*"-like forms otherwise.
  matches_all_ = folded_.empty() || folded_ == u"*" || folded_ == u"*.*";
}

bool NamePattern::Matches(std::string_view utf8_name) const {
  if (matches_all_) return true;
  const std::u16string name = Fold(utf8_name);
  if (!has_wildcards_) return name == folded_;
  const size_t last_dot = name.rfind(u'.');
  PositionSet now(folded_.size() + 1);
  PositionSet next(folded_.size() + 1);
  now.Add(folded_, 0, name.size());
  for (size_t i = 0; i < name.size() && now.any(); ++i) {
    const char16_t unit = name[i];
    const size_t left = name.size() - i - 1;
    next.Clear();
    for (size_t p = 0; p < folded_.size(); ++p) {
      if (!now.Has(p)) continue;
      switch (folded_[p]) {
        case u'*':
          next.Add(folded_, p, left);
          break;
        case kDosStar:
          // Through the last dot of the name, or to its end when no dot is left.
          next.Add(folded_, i == last_dot ? p + 1 : p, left);
          break;
        case u'?':
          next.Add(folded_, p + 1, left);
          break;
        case kDosQuestion:
          // One character that is no dot; at a dot it matches nothing.
          if (unit != u'.') {
            next.Add(folded_, p + 1, left);
          } else {
            size_t behind = p + 1;
            while (behind < folded_.size() && folded_[behind] == kDosQuestion) ++behind;
            if (behind < folded_.size() && (folded_[behind] == u'.' || folded_[behind] == kDosDot)) {
              next.Add(folded_, behind + 1, left);
            }
          }
          break;
        case kDosDot:
          if (unit == u'.') next.Add(folded_, p + 1, left);
          break;
        default:
          if (unit == folded_[p]) next.Add(folded_, p + 1, left);
      }
    }
    std::swap(now, next);
  }
  return now.Has(folded_.size());
}

}  // namespace continuo::vfs
