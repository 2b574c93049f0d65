// Streams that no xattr holds: files of their own below ".continuo/streams" of the share's root.
//
// Shape: a store file is named by a random id in hexadecimal and carries its owner's file handle in
//        user.continuo.owner; the owner carries user.ContinuoStream.<name> = id. So it survives
//        rename of the owner; Remove takes it along; what a crash leaves behind (owner gone, or
//        owner without the marker) is found by the sweep at the share's start.
// A stream moves here by: file written and synced, marker set, old xattr removed. Where both exist
// the marker counts.
// Threading: stateless; blocks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/ntstatus/ntstatus.h"
#include "services/smb-frontend/vfs/share_root.h"
#include "services/smb-frontend/vfs/unique_fd.h"
#include "services/smb-frontend/vfs/xattr.h"

namespace continuo::vfs {

inline constexpr char kOverflowMarkerPrefix[] = "user.ContinuoStream.";

NtResult<UniqueFd> OpenOverflowDirectory(const ShareRoot& root);  // Makes it when missing.

struct NewOverflowFile {
  UniqueFd fd;
  std::string id;
};
NtResult<NewOverflowFile> CreateOverflowFile(const ShareRoot& root, XattrTarget owner);
NtResult<UniqueFd> OpenOverflowFile(const ShareRoot& root, std::string_view id);

// The ids that an object's markers name; of an object by name: empty unless that is its last name.
std::vector<std::string> OverflowIdsOf(const ShareRoot& root, XattrTarget owner);
std::vector<std::string> OverflowIdsOfChild(const ShareRoot& root, int directory_fd,
                                            const std::string& name);
void RemoveOverflowFiles(const ShareRoot& root, const std::vector<std::string>& ids);

// Requires: process identity or ScopedPrivilege. Leaves alone what changed in the last hour: another
// node may be about to finish it.
void SweepOverflowStore(const ShareRoot& root);

}  // namespace continuo::vfs
