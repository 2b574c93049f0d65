// Owners of libkrb5's handles, and its errors as text. Included by this folder's .cc files only.
#pragma once

#include <krb5/krb5.h>
#include <profile.h>

#include <string>

#include <absl/status/status.h>

namespace continuo::auth::kerberos {

class Krb5Context {
 public:
  // Errors: Internal when krb5.conf cannot be read.
  Krb5Context() : code_(krb5_init_context(&context_)) {}
  ~Krb5Context() {
    if (code_ == 0) krb5_free_context(context_);
  }
  Krb5Context(const Krb5Context&) = delete;
  Krb5Context& operator=(const Krb5Context&) = delete;

  krb5_error_code code() const { return code_; }
  krb5_context get() const { return context_; }
  std::string Message(krb5_error_code code) const {
    const char* const text = krb5_get_error_message(code_ == 0 ? context_ : nullptr, code);
    std::string message(text);
    krb5_free_error_message(code_ == 0 ? context_ : nullptr, text);
    return message;
  }

 private:
  krb5_context context_ = nullptr;
  const krb5_error_code code_;
};

// A keytab that is open for reading.
class Keytab {
 public:
  Keytab(const Krb5Context& context, const std::string& path)
      : context_(context), code_(krb5_kt_resolve(context.get(), ("FILE:" + path).c_str(), &keytab_)) {}
  ~Keytab() {
    if (code_ == 0) krb5_kt_close(context_.get(), keytab_);
  }
  Keytab(const Keytab&) = delete;
  Keytab& operator=(const Keytab&) = delete;

  krb5_error_code code() const { return code_; }
  krb5_keytab get() const { return keytab_; }

 private:
  const Krb5Context& context_;
  krb5_keytab keytab_ = nullptr;
  const krb5_error_code code_;
};

class Principal {
 public:
  Principal(const Krb5Context& context, const std::string& name)
      : context_(context), code_(krb5_parse_name(context.get(), name.c_str(), &principal_)) {}
  ~Principal() {
    if (code_ == 0) krb5_free_principal(context_.get(), principal_);
  }
  Principal(const Principal&) = delete;
  Principal& operator=(const Principal&) = delete;

  krb5_error_code code() const { return code_; }
  krb5_principal get() const { return principal_; }

 private:
  const Krb5Context& context_;
  krb5_principal principal_ = nullptr;
  const krb5_error_code code_;
};

}  // namespace continuo::auth::kerberos
