// The two forms of a path: within its share, and absolute, as the FSA and change notifications use it.
#pragma once

#include <string>
#include <string_view>

#include "services/smb-frontend/session/share.h"

namespace continuo::open {

// "/srv/data" and "a/b" give "/srv/data/a/b"; the root of the share gives "/srv/data".
inline std::string AbsolutePath(const session::Share& share, std::string_view path_in_share) {
  std::string path = share.absolute_path;
  if (!path_in_share.empty()) path.append("/").append(path_in_share);
  return path;
}

// The inverse; a path that is not beneath the share comes back unchanged.
inline std::string PathInShare(const session::Share& share, std::string_view absolute) {
  const std::string& root = share.absolute_path;
  if (absolute == root) return "";
  if (absolute.size() > root.size() && absolute.substr(0, root.size()) == root &&
      absolute[root.size()] == '/') {
    return std::string(absolute.substr(root.size() + 1));
  }
  return std::string(absolute);
}

}  // namespace continuo::open
