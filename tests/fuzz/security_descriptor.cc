// Self-relative security descriptors: decoding never reads outside, and what decodes encodes to
// something that decodes to the same.
#include <cstdlib>
#include <span>

#include "common/security/access_check.h"
#include "common/security/inheritance.h"
#include "common/security/security_descriptor.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace continuo::security;
  const auto sd = DecodeSecurityDescriptor(std::span(data, size));
  if (!sd.ok()) return 0;
  const auto again = DecodeSecurityDescriptor(EncodeSecurityDescriptor(*sd));
  if (!again.ok()) std::abort();
  if (again->owner != sd->owner || again->group != sd->group) std::abort();
  if (again->dacl != sd->dacl || again->sacl != sd->sacl) std::abort();
  SecurityToken token;
  token.user = kBuiltinUsersSid;
  AddWellKnownGroups(token);
  const auto maximum = MaximalAccess(*sd, token, {});
  // Whatever MAXIMUM_ALLOWED gives is granted when asked for by name.
  if (maximum != 0 && !CheckAccess(*sd, token, maximum, {}).status.ok()) std::abort();
  (void)DescriptorForNewObject(&*sd, nullptr, token, token.user, ObjectKind::kDirectory);
  (void)MergeSecurity(SecurityDescriptor(), *sd, 0xFFFFFFFF);
  return 0;
}
