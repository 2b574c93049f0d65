#include "services/smb-frontend/pipes/share_info.h"

namespace continuo::pipes {
namespace {

// Levels 2 and 502 show paths and descriptors: [MS-SRVS] 3.1.4.8, 3.1.4.10.
constexpr ShareLevel kLevels[] = {
    {0, false, true},  {1, false, true},   {2, true, true},
    {501, false, true}, {502, true, true}, {1005, false, false},
};

uint32_t TypeOf(const ShareEntry& share) {
  return static_cast<uint32_t>(share.type) | share.type_flags;
}

}  // namespace

const ShareLevel* FindShareLevel(uint32_t level) {
  for (const ShareLevel& known : kLevels) {
    if (known.level == level) return &known;
  }
  return nullptr;
}

void WriteShareFixed(uint32_t level, const ShareEntry& share, ndr::NdrWriter& out) {
  if (level == 1005) return out.U32(share.share_flags);
  out.Pointer();  // shi_netname.
  if (level == 0) return;
  out.U32(TypeOf(share));
  out.Pointer();  // shi_remark.
  if (level == 1) return;
  if (level == 501) return out.U32(share.share_flags);
  out.U32(0);  // shi_permissions: share-level security does not exist any more.
  out.U32(share.max_uses);
  out.U32(share.current_uses);
  out.Pointer();  // shi_path.
  out.Pointer();  // shi_passwd: always empty.
  if (level == 2) return;
  out.U32(static_cast<uint32_t>(share.security_descriptor.size()));
  if (share.security_descriptor.empty()) {
    out.NullPointer();
  } else {
    out.Pointer();
  }
}

void WriteShareDeferred(uint32_t level, const ShareEntry& share, ndr::NdrWriter& out) {
  if (level == 1005) return;
  out.String(share.name);
  if (level == 0) return;
  out.String(share.remark);
  if (level == 1 || level == 501) return;
  out.String(share.path);
  out.String("");
  if (level == 502 && !share.security_descriptor.empty()) out.ByteArray(share.security_descriptor);
}

}  // namespace continuo::pipes
