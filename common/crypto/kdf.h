// The key derivation of SMB 3: SP800-108 in counter mode with HMAC-SHA256, r = 32, L in bits.
//
// Source: [MS-SMB2] 3.1.4.2; labels and contexts in 3.3.5.5.3 (server) and 3.2.5.3.1 (client).
// Threading: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "common/crypto/algorithms.h"
#include "common/crypto/hash.h"
#include "common/crypto/secret.h"

namespace continuo::crypto {

inline constexpr size_t kSessionKeySizeBytes = 16;

// One derived key.
//
// Shape:    `label` and `context` are used as given: pass the terminating zero byte where the
//           specification counts it (it does for every label and for the 3.0 contexts).
// Requires: size_bytes is 16 or 32 (128 or 256 bit).
SecretBytes DeriveKey(std::span<const uint8_t> key, std::string_view label,
                      std::span<const uint8_t> context, size_t size_bytes);

// What the keys of a session, or of one channel of it, are derived from.
struct SessionKeyInputs {
  Dialect dialect = Dialect::kSmb311;
  // Session.SessionKey: the first 16 bytes of the key of the authentication, padded with zeros
  // when that is shorter. For a bound channel's signing key: the key of the channel's own
  // authentication.
  SecretBytes session_key;
  // Session.FullSessionKey: the authentication's whole key (Kerberos AES-256: 32 bytes). Used in
  // place of session_key for the sealing keys when the cipher is AES-256. Empty: session_key.
  SecretBytes full_session_key;
  // Session.PreauthIntegrityHashValue when the keys are made: after the last SESSION_SETUP request
  // and before the response. Used for 3.1.1 only.
  Sha512Digest preauth_hash{};
  Cipher cipher = Cipher::kNone;
};

// The keys of a session, named from the server's side: a client swaps encryption and decryption.
struct SessionKeys {
  SecretBytes signing;      // 16 bytes. 2.0.2 and 2.1: the session key itself.
  SecretBytes encryption;   // Server to client. Empty below 3.0; 16 bytes, or 32 with AES-256.
  SecretBytes decryption;   // Client to server. As encryption.
  SecretBytes application;  // 16 bytes; below 3.0 the session key itself.
};

SessionKeys DeriveSessionKeys(const SessionKeyInputs& inputs);

// Channel.SigningKey of a channel that is bound to an existing session: the same derivation, from
// the binding's own authentication and preauthentication hash. The sealing keys stay the session's.
SecretBytes DeriveChannelSigningKey(const SessionKeyInputs& inputs);

// Pads with zeros or cuts to the 16 bytes of Session.SessionKey.
SecretBytes ToSessionKey(std::span<const uint8_t> full_session_key);

}  // namespace continuo::crypto
