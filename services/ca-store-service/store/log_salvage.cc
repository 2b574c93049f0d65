#include "services/ca-store-service/store/log_salvage.h"

#include <algorithm>
#include <optional>
#include <span>

#include "common/bytes/byte_reader.h"
#include "common/bytes/crc32c.h"

namespace continuo::castore {
namespace {

constexpr size_t kBlockBytes = 32768;
constexpr size_t kHeaderBytes = 7;
constexpr size_t kTypeOffset = 6;
constexpr uint32_t kMaskDelta = 0xA282EAD8;

enum class Type : uint8_t { kFull = 1, kFirst = 2, kMiddle = 3, kLast = 4 };

struct Fragment {
  Type type = Type::kFull;
  std::string_view payload;
};

uint32_t Mask(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + kMaskDelta; }

std::span<const uint8_t> Raw(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// The fragment that begins a block's rest, if a whole and good one does.
std::optional<Fragment> FragmentAt(std::string_view rest) {
  bytes::ByteReader in(Raw(rest));
  const uint32_t crc = in.U32();
  const size_t size = in.U16();
  const uint8_t type = in.U8();
  if (!in.ok() || type < 1 || type > 4 || size > in.remaining()) return std::nullopt;
  // The checksum is of type and payload.
  if (crc != Mask(bytes::Crc32c(Raw(rest.substr(kTypeOffset, 1 + size))))) return std::nullopt;
  return Fragment{static_cast<Type>(type), rest.substr(kHeaderBytes, size)};
}

class Assembler {
 public:
  explicit Assembler(std::vector<std::string>* out) : out_(out) {}

  void Add(const Fragment& fragment) {
    const bool is_begin = fragment.type == Type::kFull || fragment.type == Type::kFirst;
    if (!is_begin && !is_open_) return;
    if (is_begin) open_.clear();
    open_ += fragment.payload;
    is_open_ = fragment.type == Type::kFirst || fragment.type == Type::kMiddle;
    if (!is_open_) out_->push_back(std::move(open_));
  }
  // A batch that damage interrupts is lost.
  void Interrupt() { is_open_ = false; }

 private:
  std::vector<std::string>* const out_;
  std::string open_;
  bool is_open_ = false;
};

}  // namespace

std::vector<std::string> SalvageLog(std::string_view log) {
  std::vector<std::string> batches;
  Assembler assembler(&batches);
  for (size_t begin = 0; begin < log.size(); begin += kBlockBytes) {
    std::string_view rest = log.substr(begin, kBlockBytes);
    while (rest.size() >= kHeaderBytes) {
      const std::optional<Fragment> fragment = FragmentAt(rest);
      if (fragment) {
        assembler.Add(*fragment);
        rest.remove_prefix(kHeaderBytes + fragment->payload.size());
      } else {
        // Sizes behind damage cannot be trusted: the next good fragment is looked for byte by byte.
        assembler.Interrupt();
        rest.remove_prefix(1);
      }
    }
  }
  return batches;
}

}  // namespace continuo::castore
