#include "common/crypto/hash.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "common/crypto/openssl_util.h"
#include "common/crypto/secret.h"

namespace continuo::crypto {
namespace {

void Begin(EVP_MD_CTX* context, const EVP_MD* digest) {
  const int started = EVP_DigestInit_ex2(context, digest, nullptr);
  CONTINUO_CHECK(started == 1);
}

void Feed(EVP_MD_CTX* context, std::span<const uint8_t> data) {
  const int updated = EVP_DigestUpdate(context, data.data(), data.size());
  CONTINUO_CHECK(updated == 1);
}

template <size_t N>
std::array<uint8_t, N> End(EVP_MD_CTX* context) {
  std::array<uint8_t, N> out{};
  unsigned int size_bytes = 0;
  const int finished = EVP_DigestFinal_ex(context, out.data(), &size_bytes);
  CONTINUO_CHECK(finished == 1);
  CONTINUO_CHECK(size_bytes == N);
  return out;
}

template <size_t N>
std::array<uint8_t, N> DigestOf(const EVP_MD* digest, Pieces pieces) {
  thread_local const DigestContext context = NewDigestContext();
  Begin(context.get(), digest);
  for (const auto piece : pieces) Feed(context.get(), piece);
  return End<N>(context.get());
}

// RFC 2104. Both digests in use have blocks of 64 bytes.
template <size_t N>
std::array<uint8_t, N> HmacOf(const EVP_MD* digest, std::span<const uint8_t> key, Pieces pieces) {
  constexpr size_t kBlockSizeBytes = 64;
  std::array<uint8_t, kBlockSizeBytes> block{};
  if (key.size() > kBlockSizeBytes) {
    const auto short_key = DigestOf<N>(digest, {key});
    std::copy(short_key.begin(), short_key.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }

  thread_local const DigestContext context = NewDigestContext();
  for (uint8_t& byte : block) byte ^= 0x36;
  Begin(context.get(), digest);
  Feed(context.get(), block);
  for (const auto piece : pieces) Feed(context.get(), piece);
  const auto inner = End<N>(context.get());

  for (uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
  Begin(context.get(), digest);
  Feed(context.get(), block);
  Feed(context.get(), inner);
  SecureWipe(block);
  return End<N>(context.get());
}

}  // namespace

Md5Digest Md5(Pieces pieces) { return DigestOf<16>(FetchedMd5(), pieces); }
Sha256Digest Sha256(Pieces pieces) { return DigestOf<32>(FetchedSha256(), pieces); }
Sha512Digest Sha512Of(Pieces pieces) { return DigestOf<64>(FetchedSha512(), pieces); }

Md5Digest HmacMd5(std::span<const uint8_t> key, Pieces pieces) {
  return HmacOf<16>(FetchedMd5(), key, pieces);
}
Sha256Digest HmacSha256(std::span<const uint8_t> key, Pieces pieces) {
  return HmacOf<32>(FetchedSha256(), key, pieces);
}

struct Sha512::Impl {
  DigestContext context = NewDigestContext();
};

Sha512::Sha512() : impl_(std::make_unique<Impl>()) { Begin(impl_->context.get(), FetchedSha512()); }
Sha512::~Sha512() = default;
Sha512::Sha512(Sha512&&) noexcept = default;
Sha512& Sha512::operator=(Sha512&&) noexcept = default;

void Sha512::Update(std::span<const uint8_t> data) { Feed(impl_->context.get(), data); }

Sha512Digest Sha512::Finish() {
  const auto digest = End<64>(impl_->context.get());
  Begin(impl_->context.get(), FetchedSha512());
  return digest;
}

Sha512Digest NextPreauthHash(const Sha512Digest& previous, std::span<const uint8_t> message) {
  return Sha512Of({previous, message});
}

}  // namespace continuo::crypto
