// Splits one transport message into its compounded SMB2 elements.
//
// Source: [MS-SMB2] 3.3.5.2.7.
// Threading: pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include <absl/container/inlined_vector.h>

#include "common/ntstatus/ntstatus.h"

namespace continuo::smbwire {

inline constexpr size_t kMaxCompoundElements = 64;

// Each element starts at its SMB2 header and ends where the next one starts: padding is included,
// because the signature covers it. Borrowed from the message. At least one element.
using CompoundElements = absl::InlinedVector<std::span<const uint8_t>, 4>;

// Checks the chain only (protocol id, StructureSize and NextCommand of each header), never
// revisits a byte, and returns all elements or none.
// Errors:    InvalidParameter when a NextCommand is not a multiple of 8, is shorter than a header,
//            leads past the end or leaves less than a header; when an element is not SMB2; or for
//            more than kMaxCompoundElements. The caller disconnects or answers the first header.
NtResult<CompoundElements> SplitCompound(std::span<const uint8_t> message);

}  // namespace continuo::smbwire
