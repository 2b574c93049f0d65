// Which keys a keytab has: names and versions, never the keys.
//
// Errors:    what libkrb5 says of a keytab that is missing or cannot be read.
// Threading: any thread; reads a file.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include <absl/status/statusor.h>

namespace continuo::auth::kerberos {

// Principal ("cifs/fs1.example.com@EXAMPLE.COM") to its highest key version.
absl::StatusOr<std::map<std::string, uint32_t>> ReadKeytabKeys(const std::string& path);

}  // namespace continuo::auth::kerberos
