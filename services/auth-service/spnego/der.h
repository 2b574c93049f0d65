// The little of DER that SPNEGO and GSS framing need: definite lengths, one-byte tags.
//
// Source:    ITU-T X.690 8.1, 10.1.
// Threading: pure. A DerReader borrows its bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "common/base/bytes.h"

namespace continuo::auth::spnego {

inline constexpr uint8_t kTagOctetString = 0x04;
inline constexpr uint8_t kTagOid = 0x06;
inline constexpr uint8_t kTagEnumerated = 0x0A;
inline constexpr uint8_t kTagGeneralString = 0x1B;
inline constexpr uint8_t kTagSequence = 0x30;
inline constexpr uint8_t kTagApplication0 = 0x60;
constexpr uint8_t ContextTag(uint8_t number) { return static_cast<uint8_t>(0xA0 + number); }

struct DerElement {
  uint8_t tag = 0;
  std::span<const uint8_t> content;
  std::span<const uint8_t> whole;  // With tag and length.
};

class DerReader {
 public:
  explicit DerReader(std::span<const uint8_t> data) : rest_(data) {}

  bool empty() const { return rest_.empty(); }
  // The tag of the next element, 0 at the end.
  uint8_t PeekTag() const { return rest_.empty() ? 0 : rest_[0]; }
  // Takes the next element; nullopt when it is malformed or runs past the end.
  std::optional<DerElement> Next();
  // Takes the next element if it has `tag`.
  std::optional<DerElement> Next(uint8_t tag);
  // What is left, e.g. the token behind a GSS header.
  std::span<const uint8_t> rest() const { return rest_; }

 private:
  std::span<const uint8_t> rest_;
};

// `content` wrapped in tag and length.
Bytes Der(uint8_t tag, std::span<const uint8_t> content);

}  // namespace continuo::auth::spnego
