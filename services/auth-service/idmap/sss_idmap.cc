#include "services/auth-service/idmap/sss_idmap.h"

#include <bit>
#include <string>
#include <vector>

#include "common/bytes/byte_reader.h"

namespace continuo::auth {

namespace {

constexpr uint32_t kSeed = 0xDEADBEEF;

uint32_t Scramble(uint32_t block) {
  block *= 0xCC9E2D51u;
  block = std::rotl(block, 15);
  return block * 0x1B873593u;
}

std::optional<security::Sid> DomainOf(const security::Sid& sid) {
  const auto subs = sid.sub_authorities();
  if (sid.authority() != 5 || subs.size() != 5 || subs[0] != 21) return std::nullopt;
  return security::Sid(5, subs.first(4));
}

}  // namespace

uint32_t MurmurHash3(std::span<const uint8_t> data, uint32_t seed) {
  uint32_t hash = seed;
  bytes::ByteReader in(data);
  while (in.remaining() >= 4) {
    hash ^= Scramble(in.U32());
    hash = std::rotl(hash, 13) * 5 + 0xE6546B64u;
  }
  uint32_t tail = 0;
  const auto rest = in.Span(in.remaining());
  for (size_t i = rest.size(); i > 0; --i) tail = (tail << 8) | rest[i - 1];
  if (!rest.empty()) hash ^= Scramble(tail);
  hash ^= static_cast<uint32_t>(data.size());
  hash ^= hash >> 16;
  hash *= 0x85EBCA6Bu;
  hash ^= hash >> 13;
  hash *= 0xC2B2AE35u;
  return hash ^ (hash >> 16);
}

uint32_t SssSliceOf(std::string_view domain_sid) {
  const std::vector<uint8_t> text(domain_sid.begin(), domain_sid.end());
  return MurmurHash3(text, kSeed) % kSssSliceCount;
}

std::optional<uint32_t> SssIdOfSid(const security::Sid& sid) {
  const auto domain = DomainOf(sid);
  if (!domain || *sid.rid() >= kSssSliceSize) return std::nullopt;
  return kSssFirstId + SssSliceOf(domain->ToString()) * kSssSliceSize + *sid.rid();
}

std::optional<security::Sid> SssSidOfId(const security::Sid& domain_sid, uint32_t id) {
  const uint32_t first = kSssFirstId + SssSliceOf(domain_sid.ToString()) * kSssSliceSize;
  if (id < first || id - first >= kSssSliceSize) return std::nullopt;
  return domain_sid.WithRid(id - first);
}

}  // namespace continuo::auth
