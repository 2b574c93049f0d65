// Digests and message authentication codes over bytes in memory.
//
//   Sha512 preauth;                       // Incremental.
//   preauth.Update(previous_hash);
//   preauth.Update(message);
//   const Sha512::Digest hash = preauth.Finish();
//
//   const Md4Digest nt_hash = Md4(password_utf16le);   // One shot.
//
// MD4, MD5 and RC4 are broken and are here only because NTLMv2 ([MS-NLMP]) is made of them. MD4 and
// RC4 are our own code, because OpenSSL 3 keeps them in a provider that may not be installed.
// Threading: an incremental object belongs to one function; the free functions are pure.
// Errors: none; an OpenSSL that cannot hash at all is our own bug and aborts the process.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>

namespace continuo::crypto {

using Md4Digest = std::array<uint8_t, 16>;
using Md5Digest = std::array<uint8_t, 16>;
using Sha256Digest = std::array<uint8_t, 32>;
using Sha512Digest = std::array<uint8_t, 64>;

// The pieces of a message that lie apart, hashed as if they were joined.
using Pieces = std::initializer_list<std::span<const uint8_t>>;

Md4Digest Md4(std::span<const uint8_t> data);  // RFC 1320
Md5Digest Md5(Pieces pieces);                  // RFC 1321
Sha256Digest Sha256(Pieces pieces);            // FIPS 180-4
Sha512Digest Sha512Of(Pieces pieces);          // FIPS 180-4

Md5Digest HmacMd5(std::span<const uint8_t> key, Pieces pieces);        // RFC 2104
Sha256Digest HmacSha256(std::span<const uint8_t> key, Pieces pieces);  // RFC 2104

// Incremental SHA-512. Finish() leaves the object as new.
class Sha512 {
 public:
  using Digest = Sha512Digest;
  Sha512();
  ~Sha512();
  Sha512(Sha512&&) noexcept;
  Sha512& operator=(Sha512&&) noexcept;
  void Update(std::span<const uint8_t> data);
  Digest Finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// RC4 key stream; a second call goes on where the first ended. [MS-NLMP] uses it to wrap the
// exported session key.
class Rc4 {
 public:
  // Requires: key is not empty.
  explicit Rc4(std::span<const uint8_t> key);
  ~Rc4();
  Rc4(const Rc4&) = delete;
  Rc4& operator=(const Rc4&) = delete;
  void Apply(std::span<uint8_t> data);

 private:
  std::array<uint8_t, 256> state_{};
  uint8_t i_ = 0;
  uint8_t j_ = 0;
};

// The next value of a connection's or session's PreauthIntegrityHashValue:
// SHA-512(previous ++ message). [MS-SMB2] 3.2.5.2, 3.3.5.4; both start as 64 zero bytes.
Sha512Digest NextPreauthHash(const Sha512Digest& previous, std::span<const uint8_t> message);

}  // namespace continuo::crypto
