#include "tests/sim/castore/sim_disk.h"

#include <utility>

#include "common/base/check.h"

namespace continuo::castore::sim {
namespace {

bool IsBelow(const std::string& path, const std::string& directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

// RocksDB names its files with doubled slashes here and there.
std::string Clean(const std::string& path) {
  std::string clean;
  for (const char c : path) {
    if (c != '/' || clean.empty() || clean.back() != '/') clean.push_back(c);
  }
  if (clean.size() > 1 && clean.back() == '/') clean.pop_back();
  return clean;
}

}  // namespace

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

SimDisk::SimDisk() {
  live_.directories.insert("/");
  durable_.directories.insert("/");
}

SimDisk::SimDisk(const SimDisk& other) {
  absl::MutexLock lock(&other.mutex_);
  inodes_ = other.inodes_;
  // The strings are shared until one of the two appends.
  live_ = other.live_;
  durable_ = other.durable_;
  pending_names_ = other.pending_names_;
  last_inode_ = other.last_inode_;
}

void SimDisk::Record(Step step) {
  ApplyLocked(step);
  log_.push_back(std::move(step));
}

uint64_t SimDisk::Create(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  const uint64_t inode = last_inode_ + 1;
  Record({.kind = Step::Kind::kCreate, .path = Clean(path), .inode = inode});
  return inode;
}

void SimDisk::Append(uint64_t inode, const std::string& data) {
  absl::MutexLock lock(&mutex_);
  Record({.kind = Step::Kind::kAppend, .inode = inode, .data = data});
}

void SimDisk::SyncFile(uint64_t inode) {
  absl::MutexLock lock(&mutex_);
  Record({.kind = Step::Kind::kSyncFile, .inode = inode});
}

bool SimDisk::Rename(const std::string& from, const std::string& to) {
  absl::MutexLock lock(&mutex_);
  const std::string source = Clean(from);
  if (!live_.files.contains(source) && !live_.directories.contains(source)) return false;
  Record({.kind = Step::Kind::kRename, .path = source, .to = Clean(to)});
  return true;
}

bool SimDisk::Unlink(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  const std::string clean = Clean(path);
  if (!live_.files.contains(clean) && !live_.directories.contains(clean)) return false;
  Record({.kind = Step::Kind::kUnlink, .path = clean});
  return true;
}

bool SimDisk::MakeDirectory(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  const std::string clean = Clean(path);
  if (live_.directories.contains(clean)) return false;
  CONTINUO_CHECK(live_.directories.contains(ParentOf(clean)));
  Record({.kind = Step::Kind::kMakeDirectory, .path = clean});
  return true;
}

void SimDisk::SyncDirectory(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  Record({.kind = Step::Kind::kSyncDirectory, .path = Clean(path)});
}

bool SimDisk::FileExists(const std::string& path) const {
  absl::MutexLock lock(&mutex_);
  return live_.files.contains(Clean(path));
}

bool SimDisk::DirectoryExists(const std::string& path) const {
  absl::MutexLock lock(&mutex_);
  return live_.directories.contains(Clean(path));
}

bool SimDisk::Read(const std::string& path, std::string* data) const {
  const uint64_t inode = InodeOf(path);
  if (inode == 0) return false;
  *data = ReadInode(inode);
  return true;
}

std::string SimDisk::ReadInode(uint64_t inode) const {
  absl::MutexLock lock(&mutex_);
  const Inode& found = inodes_.at(inode);
  return found.data->substr(0, found.size_bytes);
}

uint64_t SimDisk::InodeOf(const std::string& path) const {
  absl::MutexLock lock(&mutex_);
  const auto found = live_.files.find(Clean(path));
  return found == live_.files.end() ? 0 : found->second;
}

std::vector<std::string> SimDisk::List(const std::string& path) const {
  absl::MutexLock lock(&mutex_);
  const std::string directory = Clean(path);
  std::set<std::string> names;
  for (const auto& [file, inode] : live_.files) {
    if (ParentOf(file) == directory) names.insert(file.substr(file.rfind('/') + 1));
  }
  for (const std::string& child : live_.directories) {
    if (child != "/" && ParentOf(child) == directory) names.insert(child.substr(child.rfind('/') + 1));
  }
  return {names.begin(), names.end()};
}

void SimDisk::Apply(const Step& step) {
  absl::MutexLock lock(&mutex_);
  ApplyLocked(step);
}

void SimDisk::ApplyLocked(const Step& step) {
  switch (step.kind) {
    case Step::Kind::kAppend: {
      Inode& inode = inodes_.at(step.inode);
      if (inode.data.use_count() > 1 || inode.data->size() != inode.size_bytes) {
        inode.data = std::make_shared<std::string>(inode.data->substr(0, inode.size_bytes));
      }
      inode.data->append(step.data);
      inode.size_bytes = inode.data->size();
      return;
    }
    case Step::Kind::kSyncFile: {
      Inode& inode = inodes_.at(step.inode);
      inode.synced_bytes = inode.size_bytes;
      return;
    }
    case Step::Kind::kSyncDirectory: {
      std::vector<Step> left;
      for (Step& name : pending_names_) {
        const bool is_synced = ParentOf(name.path) == step.path ||
                               (!name.to.empty() && ParentOf(name.to) == step.path);
        if (is_synced) {
          ApplyName(name, durable_);
        } else {
          left.push_back(std::move(name));
        }
      }
      pending_names_ = std::move(left);
      return;
    }
    case Step::Kind::kCreate:
      inodes_[step.inode] = Inode();
      last_inode_ = step.inode;
      break;
    default: break;
  }
  ApplyName(step, live_);
  pending_names_.push_back(step);
}

void SimDisk::ApplyName(const Step& step, Names& names) {
  switch (step.kind) {
    case Step::Kind::kCreate: names.files[step.path] = step.inode; return;
    case Step::Kind::kMakeDirectory: names.directories.insert(step.path); return;
    case Step::Kind::kUnlink:
      names.files.erase(step.path);
      names.directories.erase(step.path);
      return;
    case Step::Kind::kRename: break;
    default: return;
  }
  if (const auto file = names.files.extract(step.path)) {
    names.files[step.to] = file.mapped();
    return;
  }
  // A directory with all that is in it; where it is not there yet nothing of it is.
  if (names.directories.erase(step.path) == 0) return;
  names.directories.insert(step.to);
  const Names before = names;
  for (const auto& [path, inode] : before.files) {
    if (!IsBelow(path, step.path)) continue;
    names.files.erase(path);
    names.files[step.to + path.substr(step.path.size())] = inode;
  }
  for (const std::string& path : before.directories) {
    if (!IsBelow(path, step.path)) continue;
    names.directories.erase(path);
    names.directories.insert(step.to + path.substr(step.path.size()));
  }
}

SimDisk SimDisk::AfterPowerCut(Tear tear, std::mt19937_64& random) const {
  SimDisk after;
  absl::MutexLock lock(&mutex_);
  absl::MutexLock lock_after(&after.mutex_);
  after.live_ = durable_;
  if (tear == Tear::kPartlyThere) {
    const size_t count = random() % (pending_names_.size() + 1);
    for (size_t i = 0; i < count; ++i) ApplyName(pending_names_[i], after.live_);
  }
  // Names whose directory did not make it are not to be found.
  std::erase_if(after.live_.files, [&after](const auto& file) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return !after.live_.directories.contains(ParentOf(file.first));
  });
  constexpr size_t kZerosMax = 600;
  for (const auto& [path, number] : after.live_.files) {
    const Inode& from = inodes_.at(number);
    std::string data = from.data->substr(0, from.synced_bytes);
    if (tear == Tear::kPartlyThere && from.size_bytes > from.synced_bytes) {
      const size_t more = random() % (from.size_bytes - from.synced_bytes + 1);
      data += from.data->substr(from.synced_bytes, more);
      if (random() % 2 == 0) data.append(random() % kZerosMax, '\0');
    }
    Inode& to = after.inodes_[number];
    to.data = std::make_shared<std::string>(std::move(data));
    to.size_bytes = to.synced_bytes = to.data->size();
  }
  after.durable_ = after.live_;
  after.last_inode_ = last_inode_;
  return after;
}

size_t SimDisk::step_count() const {
  absl::MutexLock lock(&mutex_);
  return log_.size();
}

std::vector<Step> SimDisk::log() const {
  absl::MutexLock lock(&mutex_);
  return log_;
}

}  // namespace continuo::castore::sim
