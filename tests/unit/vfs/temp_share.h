// A share over a new directory below /tmp that is removed at the end.
#pragma once

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "services/smb-frontend/vfs/vfs.h"

namespace continuo::vfs::test {

class TempShare {
 public:
  explicit TempShare(ShareOptions options = {}) {
    char pattern[] = "/tmp/continuo_vfs_XXXXXX";
    path_ = ::mkdtemp(pattern);
    options.path = path_;
    auto root = ShareRoot::Open(std::move(options));
    REQUIRE(root.ok());
    root_ = *root;
  }
  ~TempShare() {
    root_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempShare(const TempShare&) = delete;
  TempShare& operator=(const TempShare&) = delete;

  Vfs vfs() const { return Vfs(root_); }
  const ShareRoot& root() const { return *root_; }
  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  void Put(const std::string& name, const std::string& content = "x") const {
    std::ofstream(Path(name)) << content;
  }
  Found Find(const std::string& name, FileAccess access = FileAccess::kRead) const {
    const auto parsed = ParseNameUtf8(name, {});
    REQUIRE(parsed.ok());
    auto found = vfs().Find(*parsed, access);
    INFO(name << ": " << found.status().name());
    REQUIRE(found.ok());
    return *std::move(found);
  }
  NtStatus FindStatus(const std::string& name) const {
    const auto parsed = ParseNameUtf8(name, {});
    if (!parsed.ok()) return parsed.status();
    return vfs().Find(*parsed, FileAccess::kRead).status();
  }
  std::shared_ptr<File> Make(const std::string& name, const CreateSpec& spec = {}) const {
    const Found found = Find(name);
    REQUIRE(found.file == nullptr);
    auto file = vfs().CreateFile(*found.parent, found.leaf, spec);
    INFO(name << ": " << file.status().name());
    REQUIRE(file.ok());
    return *file;
  }

 private:
  std::string path_;
  std::shared_ptr<ShareRoot> root_;
};

}  // namespace continuo::vfs::test
