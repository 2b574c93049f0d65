// Owners of GSSAPI's handles, and its errors as text. Included by this folder's .cc files only.
#pragma once

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>

#include <span>
#include <string>
#include <utility>

#include <absl/time/time.h>

#include "common/base/bytes.h"
#include "services/auth-service/kerberos/kerberos_mechanism.h"

namespace continuo::auth::kerberos {

// Source: RFC 4121 (mechanism OID 1.2.840.113554.1.2.2).
gss_OID KerberosMech();

std::string Describe(OM_uint32 major, OM_uint32 minor);

// GSSAPI's buffers are not const.
inline gss_buffer_desc ToGss(std::span<const uint8_t> data) {
  return {data.size(), const_cast<uint8_t*>(data.data())};
}

class GssBuffer {
 public:
  GssBuffer() = default;
  ~GssBuffer() {
    OM_uint32 minor = 0;
    gss_release_buffer(&minor, &buffer_);
  }
  GssBuffer(const GssBuffer&) = delete;
  GssBuffer& operator=(const GssBuffer&) = delete;
  gss_buffer_t get() { return &buffer_; }
  std::span<const uint8_t> view() const {
    return {static_cast<const uint8_t*>(buffer_.value), buffer_.length};
  }
  Bytes ToBytes() const { return {view().begin(), view().end()}; }
  std::string ToString() const { return {view().begin(), view().end()}; }

 private:
  gss_buffer_desc buffer_ = GSS_C_EMPTY_BUFFER;
};

struct AcceptorCredential::Impl {
  gss_cred_id_t credential = GSS_C_NO_CREDENTIAL;
  absl::Duration clock_skew;  // What the library tolerates between two clocks.
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    OM_uint32 minor = 0;
    gss_release_cred(&minor, &credential);
  }
};

}  // namespace continuo::auth::kerberos
