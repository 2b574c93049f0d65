// MD4 (RFC 1320) and RC4, which NTLM needs and OpenSSL 3 keeps in an optional provider.
#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

#include "common/base/check.h"
#include "common/bytes/byte_reader.h"
#include "common/bytes/byte_writer.h"
#include "common/crypto/hash.h"
#include "common/crypto/secret.h"

namespace continuo::crypto {
namespace {

constexpr size_t kMd4BlockSizeBytes = 64;
using Md4State = std::array<uint32_t, 4>;

// One of the three rounds of RFC 1320 3.4: which message word a step takes, how far it rotates,
// and the constant that is added.
struct Md4Round {
  std::array<uint8_t, 16> word;
  std::array<int, 4> rotation;
  uint32_t constant;
};

constexpr std::array<Md4Round, 3> kMd4Rounds = {{
    {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {3, 7, 11, 19}, 0},
    {{0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15}, {3, 5, 9, 13}, 0x5a827999},
    {{0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15}, {3, 9, 11, 15}, 0x6ed9eba1},
}};

uint32_t Md4Mix(size_t round, uint32_t x, uint32_t y, uint32_t z) {
  if (round == 0) return (x & y) | (~x & z);
  if (round == 1) return (x & y) | (x & z) | (y & z);
  return x ^ y ^ z;
}

void Md4Block(Md4State& state, std::span<const uint8_t> block) {
  bytes::ByteReader in(block);
  std::array<uint32_t, 16> words{};
  for (uint32_t& word : words) word = in.U32();

  Md4State s = state;
  for (size_t round = 0; round < kMd4Rounds.size(); ++round) {
    const Md4Round& rule = kMd4Rounds[round];
    for (size_t step = 0; step < 16; ++step) {
      const uint32_t sum =
          s[0] + Md4Mix(round, s[1], s[2], s[3]) + words[rule.word[step]] + rule.constant;
      s = {s[3], std::rotl(sum, rule.rotation[step % 4]), s[1], s[2]};
    }
  }
  for (size_t i = 0; i < state.size(); ++i) state[i] += s[i];
}

}  // namespace

Md4Digest Md4(std::span<const uint8_t> data) {
  Md4State state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
  const size_t whole_size_bytes = data.size() - data.size() % kMd4BlockSizeBytes;
  for (size_t at = 0; at < whole_size_bytes; at += kMd4BlockSizeBytes) {
    Md4Block(state, data.subspan(at, kMd4BlockSizeBytes));
  }

  bytes::ByteWriter tail;
  tail.Append(data.subspan(whole_size_bytes));
  tail.U8(0x80);
  while (tail.size() % kMd4BlockSizeBytes != kMd4BlockSizeBytes - 8) tail.U8(0);
  tail.U64(uint64_t{data.size()} * 8);
  for (size_t at = 0; at < tail.size(); at += kMd4BlockSizeBytes) {
    Md4Block(state, tail.view().subspan(at, kMd4BlockSizeBytes));
  }
  Bytes padded = std::move(tail).Take();
  SecureWipe(padded);  // It held the end of a password.

  Md4Digest digest{};
  for (size_t i = 0; i < state.size(); ++i) bytes::StoreU32(digest, 4 * i, state[i]);
  return digest;
}

Rc4::Rc4(std::span<const uint8_t> key) {
  CONTINUO_CHECK(!key.empty());
  std::iota(state_.begin(), state_.end(), uint8_t{0});
  uint8_t j = 0;
  for (size_t i = 0; i < state_.size(); ++i) {
    j = static_cast<uint8_t>(j + state_[i] + key[i % key.size()]);
    std::swap(state_[i], state_[j]);
  }
}

Rc4::~Rc4() { SecureWipe(state_); }

void Rc4::Apply(std::span<uint8_t> data) {
  for (uint8_t& byte : data) {
    i_ = static_cast<uint8_t>(i_ + 1);
    j_ = static_cast<uint8_t>(j_ + state_[i_]);
    std::swap(state_[i_], state_[j_]);
    byte ^= state_[static_cast<uint8_t>(state_[i_] + state_[j_])];
  }
}

}  // namespace continuo::crypto
