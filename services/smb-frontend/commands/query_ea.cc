// QUERY_INFO of FileFullEaInformation. [MS-FSA] 2.1.5.12.14.
#include <algorithm>

#include "common/bytes/utf16.h"
#include "common/smbwire/fscc_ea.h"
#include "common/smbwire/query_info.h"
#include "services/smb-frontend/commands/info_query.h"

namespace continuo::commands {
namespace {

std::string_view TextOf(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};  // NOLINT: same object type.
}

std::span<const uint8_t> BytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};  // NOLINT
}

// The EAs to show: those of the list that the client sent (missing ones with an empty value), or all.
NtResult<std::vector<vfs::ExtendedAttribute>> Selected(
    std::vector<vfs::ExtendedAttribute> present, std::span<const uint8_t> input) {
  if (input.empty()) return present;
  const auto names = smbwire::DecodeGetEaList(input);
  if (!names.ok()) return names.status();
  std::vector<vfs::ExtendedAttribute> out;
  out.reserve(names->size());
  for (const std::span<const uint8_t> wanted : *names) {
    const std::string_view name = TextOf(wanted);
    const auto found = std::find_if(present.begin(), present.end(), [&](const auto& ea) {
      return bytes::EqualsIgnoringCase(ea.name, name);
    });
    if (found != present.end()) {
      out.push_back(*found);
    } else {
      out.push_back({.name = std::string(name), .value = {}, .flags = 0});
    }
  }
  return out;
}

}  // namespace

NtStatus QueryFullEas(const InfoQuery& query, bytes::ByteWriter& out) {
  open::OpenFile& open = query.open;
  auto present = open.vfs().ListEas(*open.file);
  if (!present.ok()) return present.status();
  if (present->empty() && query.input.empty()) return NtStatus::kNoEasOnFile;
  CONTINUO_ASSIGN_OR_RETURN(const auto selected, Selected(*std::move(present), query.input));
  const bool is_named = !query.input.empty();
  const bool is_single = (query.flags & smbwire::kQueryInfoReturnSingleEntry) != 0;
  size_t next = 0;
  if (!is_named && (query.flags & smbwire::kQueryInfoRestartScan) == 0) {
    absl::MutexLock lock(&open.mutex());
    next = open.state().next_ea;
  }
  if (next > 0 && next >= selected.size()) {
    absl::MutexLock lock(&open.mutex());
    open.state().next_ea = 0;
    return NtStatus(uint32_t{0x80000012});  // STATUS_NO_MORE_EAS
  }
  smbwire::EaListBuilder list(query.limit_bytes, out);
  bool is_full = false;
  while (next < selected.size() && !is_full && !(is_single && list.count() > 0)) {
    const vfs::ExtendedAttribute& ea = selected[next];
    is_full = !list.Add({.flags = ea.flags, .name = BytesOf(ea.name), .value = ea.value});
    if (!is_full) ++next;
  }
  if (!is_named) {
    absl::MutexLock lock(&open.mutex());
    open.state().next_ea = next;
  }
  if (!is_full) return NtStatus::kSuccess;
  return list.count() == 0 ? NtStatus::kBufferTooSmall : NtStatus::kBufferOverflow;
}

}  // namespace continuo::commands
