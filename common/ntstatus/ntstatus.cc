#include "common/ntstatus/ntstatus.h"

namespace continuo {

std::string_view NtStatus::name() const {
  switch (code_) {
#define CONTINUO_NTSTATUS_NAME(enumerator, value, text) \
  case enumerator:                                      \
    return text;
    CONTINUO_NTSTATUS_LIST(CONTINUO_NTSTATUS_NAME)
#undef CONTINUO_NTSTATUS_NAME
  }
  return "STATUS_UNNAMED";
}

}  // namespace continuo
