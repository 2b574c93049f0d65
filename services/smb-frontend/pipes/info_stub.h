// The two shapes that nearly all calls of srvsvc and wkssvc have: "get info at a level" and
// "enumerate at a level".
//
// Source: [MS-SRVS] 2.2.3 and 2.2.4 (unions and containers), 3.1.4; [MS-WKST] 2.2.5.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "common/base/bytes.h"
#include "common/ndr/ndr_reader.h"
#include "common/ndr/ndr_writer.h"
#include "services/smb-frontend/pipes/win32_error.h"

namespace continuo::pipes {

// Entries in one answer; a caller with a resume handle gets the others with its next call.
inline constexpr size_t kMaxEntriesPerAnswer = 16384;

// [in, unique, string] wchar_t*: absent and empty read the same.
inline std::string OptionalString(ndr::NdrReader& in) {
  return in.UniquePointer() ? in.String() : std::string();
}

struct EnumRequest {
  uint32_t level = 0;
  bool has_resume_handle = false;
  uint32_t resume_handle = 0;
};

// From the InfoStruct on: level, union of an (empty) container, PreferedMaximumLength, which is
// advice that no client depends on, and ResumeHandle.
inline EnumRequest ReadEnumRequest(ndr::NdrReader& in) {
  EnumRequest request;
  request.level = in.U32();
  (void)in.U32();  // The union's discriminant; the call goes by the level.
  if (in.UniquePointer()) {
    (void)in.U32();  // EntriesRead, of what the client does not send.
    // An array here would have to be empty: clients send a null pointer.
    if (in.UniquePointer() && in.U32() != 0) return {.level = UINT32_MAX};
  }
  (void)in.U32();  // PreferedMaximumLength.
  request.has_resume_handle = in.UniquePointer();
  if (request.has_resume_handle) request.resume_handle = in.U32();
  return request;
}

// The answer to an enumeration. `write_fixed(entry, out)` writes an entry's fixed part and
// `write_deferred(entry, out)` what its pointers point to, in the same order.
template <typename Entry, typename WriteFixed, typename WriteDeferred>
Bytes EncodeEnum(const EnumRequest& request, std::span<const Entry> all,
                 const WriteFixed& write_fixed, const WriteDeferred& write_deferred) {
  const size_t first = std::min<size_t>(request.resume_handle, all.size());
  const size_t count = std::min(all.size() - first, kMaxEntriesPerAnswer);
  const auto entries = all.subspan(first, count);
  const bool has_more = first + count < all.size();

  ndr::NdrWriter out;
  out.U32(request.level);
  out.U32(request.level);
  out.Pointer();
  out.U32(static_cast<uint32_t>(count));
  if (entries.empty()) {
    out.NullPointer();
  } else {
    out.Pointer();
    out.U32(static_cast<uint32_t>(count));
    for (const Entry& entry : entries) write_fixed(entry, out);
    for (const Entry& entry : entries) write_deferred(entry, out);
  }
  out.U32(static_cast<uint32_t>(all.size() - first));  // TotalEntries: from here on.
  if (request.has_resume_handle) {
    out.Pointer();
    out.U32(has_more ? static_cast<uint32_t>(first + count) : 0);
  } else {
    out.NullPointer();
  }
  out.U32(static_cast<uint32_t>(has_more ? Win32Error::kMoreData : Win32Error::kSuccess));
  return std::move(out).Take();
}

// The answer when there is nothing but an error.
inline Bytes EncodeEnumError(const EnumRequest& request, Win32Error error) {
  ndr::NdrWriter out;
  out.U32(request.level);
  out.U32(request.level);
  out.NullPointer();
  out.U32(0);
  if (request.has_resume_handle) {
    out.Pointer();
    out.U32(0);
  } else {
    out.NullPointer();
  }
  out.U32(static_cast<uint32_t>(error));
  return std::move(out).Take();
}

// The answer to a get-info call; `write(out)` writes the structure with what it points to.
template <typename Write>
Bytes EncodeInfo(uint32_t level, const Write& write) {
  ndr::NdrWriter out;
  out.U32(level);
  out.Pointer();
  write(out);
  out.U32(static_cast<uint32_t>(Win32Error::kSuccess));
  return std::move(out).Take();
}

inline Bytes EncodeInfoError(uint32_t level, Win32Error error) {
  ndr::NdrWriter out;
  out.U32(level);
  out.NullPointer();
  out.U32(static_cast<uint32_t>(error));
  return std::move(out).Take();
}

}  // namespace continuo::pipes
