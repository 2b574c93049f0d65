#include "services/smb-frontend/vfs/streams.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>

#include "common/base/check.h"
#include "common/bytes/utf16.h"
#include "common/ntstatus/errno_status.h"
#include "services/smb-frontend/vfs/overflow_store.h"
#include "services/smb-frontend/vfs/vfs_internal.h"

namespace continuo::vfs {
namespace {

constexpr std::string_view kPrefix = "user.DosStream.";
constexpr std::string_view kSuffix = ":$DATA";
constexpr std::string_view kMarker = kOverflowMarkerPrefix;
// One byte of the kernel's limit is the NUL that Samba appends.
constexpr size_t kInlineMaxSizeBytes = kXattrMaxSizeBytes - 1;
constexpr uint64_t kStreamMaxSizeBytes = uint64_t{1} << 44;

std::string InlineXattr(std::string_view name) {
  return std::string(kPrefix) + std::string(name) + std::string(kSuffix);
}
std::string MarkerXattr(std::string_view name) { return std::string(kMarker) + std::string(name); }

struct Place {
  std::string name;
  bool is_overflow = false;
};

// The stream that an xattr's name stands for, or nullopt.
std::optional<Place> PlaceOfXattr(std::string_view xattr) {
  if (xattr.starts_with(kMarker)) return Place{std::string(xattr.substr(kMarker.size())), true};
  if (!xattr.starts_with(kPrefix)) return std::nullopt;
  xattr.remove_prefix(kPrefix.size());
  if (xattr.ends_with(kSuffix)) xattr.remove_suffix(kSuffix.size());
  if (xattr.empty()) return std::nullopt;
  return Place{std::string(xattr), false};
}

// Every stream once; one that is in both places (a crash while moving) counts as overflowed.
NtResult<std::vector<Place>> ListPlaces(const File& file) {
  std::vector<std::string> xattrs;
  const int error = ListXattrs(TargetOf(file), xattrs);
  if (IsXattrUnsupported(error)) return std::vector<Place>();
  if (error != 0) return NtStatusFromErrno(error);
  std::vector<Place> out;
  for (const std::string& xattr : xattrs) {
    auto place = PlaceOfXattr(xattr);
    if (!place) continue;
    const auto twin = std::find_if(out.begin(), out.end(),
                                   [&](const Place& p) { return p.name == place->name; });
    if (twin != out.end()) {
      twin->is_overflow = true;
    } else {
      out.push_back(*std::move(place));
    }
  }
  return out;
}

}  // namespace

// All that is shared between the handles of one stream in this process.
struct StreamState {
  std::mutex mutex;
  std::shared_ptr<const ShareRoot> root;  // Constant.
  std::string name;                       // Guarded by mutex.
  std::atomic<bool> is_removed{false};    // Set once.
  UniqueFd overflow;                      // Guarded by mutex; invalid: in the xattr.

  NtResult<Bytes> ReadInline(const File& file) {
    Bytes value;
    const int error = ReadXattr(TargetOf(file), InlineXattr(name).c_str(), value);
    if (error == ENODATA) return NtStatus::kFileDeleted;
    if (error != 0) return NtStatusFromErrno(error);
    if (!value.empty()) value.pop_back();  // Samba's NUL.
    return value;
  }

  NtStatus WriteInline(const File& file, Bytes value) {
    if (value.size() <= kInlineMaxSizeBytes) {
      value.push_back(0);
      const int error = WriteXattr(TargetOf(file), InlineXattr(name).c_str(), value);
      if (error == 0) return NtStatus();
      if (!IsNoXattrSpace(error)) return NtStatusFromErrno(error);
      value.pop_back();
    }
    return MoveToOverflow(file, value);
  }

  NtStatus MoveToOverflow(const File& file, std::span<const uint8_t> value) {
    CONTINUO_ASSIGN_OR_RETURN(NewOverflowFile made, CreateOverflowFile(*root, TargetOf(file)));
    NtStatus status = WriteFile(made.fd.get(), 0, value);
    if (status.ok() && ::fsync(made.fd.get()) != 0) status = NtStatusFromErrno(errno);
    const Bytes id(made.id.begin(), made.id.end());
    if (status.ok()) {
      int error = WriteXattr(TargetOf(file), MarkerXattr(name).c_str(), id);
      if (IsNoXattrSpace(error)) {
        // The old value itself is what takes the room; the new one is safe in the store.
        (void)RemoveXattr(TargetOf(file), InlineXattr(name).c_str());
        error = WriteXattr(TargetOf(file), MarkerXattr(name).c_str(), id);
      }
      status = error == 0 ? NtStatus() : StatusOfXattr(error);
    }
    if (!status.ok()) {
      RemoveOverflowFiles(*root, {made.id});
      return status;
    }
    (void)RemoveXattr(TargetOf(file), InlineXattr(name).c_str());
    overflow = std::move(made.fd);
    return NtStatus();
  }

  static NtStatus WriteFile(int fd, uint64_t offset, std::span<const uint8_t> data) {
    while (!data.empty()) {
      const ssize_t count = ::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return NtStatusFromErrno(errno);
      data = data.subspan(static_cast<size_t>(count));
      offset += static_cast<uint64_t>(count);
    }
    return NtStatus();
  }

  NtStatus OpenOverflow(const File& file) {
    Bytes id;
    const int error = ReadXattr(TargetOf(file), MarkerXattr(name).c_str(), id);
    if (error != 0) return NtStatusFromErrno(error);
    CONTINUO_ASSIGN_OR_RETURN(overflow, OpenOverflowFile(*root, std::string(id.begin(), id.end())));
    return NtStatus();
  }
};

namespace {

// The states of open streams. An entry dies with its last handle.
class Registry {
 public:
  std::shared_ptr<StreamState> Get(std::shared_ptr<const ShareRoot> owner, const FileKey& key,
                                   std::string_view name) {
    const std::lock_guard lock(mutex_);
    std::weak_ptr<StreamState>& slot = states_[{key, bytes::FoldName(name)}];
    std::shared_ptr<StreamState> state = slot.lock();
    if (state == nullptr || state->is_removed) {
      state = std::make_shared<StreamState>();
      state->root = std::move(owner);
      state->name = name;
      slot = state;
    }
    if (states_.size() > sweep_at_) Sweep();
    return state;
  }

  // Who opens the stream by its new name shares the object of those who have it open: each keeps
  // track of where the data is. What had the name before is gone.
  void Rename(const FileKey& key, std::string_view from, std::string_view to) {
    const std::lock_guard lock(mutex_);
    auto moved = states_.extract({key, bytes::FoldName(from)});
    if (moved.empty()) return;
    if (const auto replaced = states_.find({key, bytes::FoldName(to)}); replaced != states_.end()) {
      if (const auto state = replaced->second.lock()) state->is_removed = true;
      states_.erase(replaced);
    }
    moved.key().second = bytes::FoldName(to);
    states_.insert(std::move(moved));
  }

 private:
  void Sweep() {
    std::erase_if(states_, [](const auto& item) { return item.second.expired(); });
    sweep_at_ = std::max<size_t>(1024, states_.size() * 2);
  }
  std::mutex mutex_;
  std::map<std::pair<FileKey, std::string>, std::weak_ptr<StreamState>> states_;
  size_t sweep_at_ = 1024;
};

Registry& States() {
  static Registry registry;
  return registry;
}

std::optional<Place> FindPlace(const std::vector<Place>& places, std::string_view name) {
  for (const Place& place : places) {
    if (place.name == name) return place;
  }
  for (const Place& place : places) {
    if (bytes::EqualsIgnoringCase(place.name, name)) return place;
  }
  return std::nullopt;
}

}  // namespace

StreamHandle::StreamHandle(std::shared_ptr<const File> file, std::shared_ptr<StreamState> state,
                           bool created)
    : file_(std::move(file)), state_(std::move(state)), was_created_(created) {}
StreamHandle::~StreamHandle() = default;

std::string StreamHandle::name() const {
  const std::lock_guard lock(state_->mutex);
  return state_->name;
}

NtResult<std::shared_ptr<StreamHandle>> OpenStream(const Vfs& vfs, std::shared_ptr<const File> file,
                                                   std::string_view name, StreamOpen how) {
  if (!vfs.root().options().has_named_streams) return NtStatus::kObjectNameInvalid;
  if (name.empty() || name.size() > kStreamNameMaxSizeBytes) return NtStatus::kObjectNameInvalid;
  CONTINUO_ASSIGN_OR_RETURN(const auto places, ListPlaces(*file));
  const auto place = FindPlace(places, name);
  if (!place && how == StreamOpen::kExisting) return NtStatus::kObjectNameNotFound;
  if (place && how == StreamOpen::kCreateExclusive) return NtStatus::kObjectNameCollision;
  if (!place && places.size() >= kStreamsPerFileMax) return NtStatus::kInsufficientResources;
  const std::string actual = place ? place->name : std::string(name);
  auto state = States().Get(vfs.shared_root(), file->key, actual);
  const std::lock_guard lock(state->mutex);
  if (!place) {
    CONTINUO_RETURN_IF_ERROR(state->WriteInline(*file, {}));
  } else if (place->is_overflow && !state->overflow.valid()) {
    CONTINUO_RETURN_IF_ERROR(state->OpenOverflow(*file));
  }
  return std::make_shared<StreamHandle>(std::move(file), state, !place);
}

NtResult<uint64_t> StreamHandle::SizeBytes() const {
  const std::lock_guard lock(state_->mutex);
  if (state_->overflow.valid()) {
    struct stat stat{};
    if (::fstat(state_->overflow.get(), &stat) != 0) return NtStatusFromErrno(errno);
    return static_cast<uint64_t>(stat.st_size);
  }
  const ssize_t size = XattrSize(TargetOf(*file_), InlineXattr(state_->name).c_str());
  if (size < 0) return errno == ENODATA ? NtStatus(NtStatus::kFileDeleted)
                                        : NtStatusFromErrno(errno);
  return static_cast<uint64_t>(size > 0 ? size - 1 : 0);
}

NtResult<size_t> StreamHandle::Read(uint64_t offset, std::span<uint8_t> out) const {
  const std::lock_guard lock(state_->mutex);
  if (offset > kStreamMaxSizeBytes) return size_t{0};
  if (state_->overflow.valid()) {
    size_t done = 0;
    while (done < out.size()) {
      const ssize_t count = ::pread(state_->overflow.get(), out.data() + done, out.size() - done,
                                    static_cast<off_t>(offset + done));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return NtStatusFromErrno(errno);
      if (count == 0) break;
      done += static_cast<size_t>(count);
    }
    return done;
  }
  CONTINUO_ASSIGN_OR_RETURN(const Bytes value, state_->ReadInline(*file_));
  if (offset >= value.size()) return size_t{0};
  const size_t count = std::min(out.size(), value.size() - static_cast<size_t>(offset));
  std::copy_n(value.begin() + static_cast<std::ptrdiff_t>(offset), count, out.begin());
  return count;
}

NtResult<size_t> StreamHandle::Write(uint64_t offset, std::span<const uint8_t> data) {
  if (offset > kStreamMaxSizeBytes || data.size() > kStreamMaxSizeBytes - offset) {
    return NtStatus::kInvalidParameter;
  }
  const std::lock_guard lock(state_->mutex);
  if (state_->is_removed) return NtStatus::kFileDeleted;
  const uint64_t end = offset + data.size();
  if (!state_->overflow.valid()) {
    CONTINUO_ASSIGN_OR_RETURN(Bytes value, state_->ReadInline(*file_));
    if (end <= kInlineMaxSizeBytes) {
      if (value.size() < end) value.resize(static_cast<size_t>(end));
      std::copy(data.begin(), data.end(), value.begin() + static_cast<std::ptrdiff_t>(offset));
      CONTINUO_RETURN_IF_ERROR(state_->WriteInline(*file_, std::move(value)));
      return data.size();
    }
    CONTINUO_RETURN_IF_ERROR(state_->MoveToOverflow(*file_, value));
  }
  CONTINUO_RETURN_IF_ERROR(StreamState::WriteFile(state_->overflow.get(), offset, data));
  return data.size();
}

NtStatus StreamHandle::SetSize(uint64_t size_bytes) {
  if (size_bytes > kStreamMaxSizeBytes) return NtStatus::kInvalidParameter;
  const std::lock_guard lock(state_->mutex);
  if (state_->is_removed) return NtStatus::kFileDeleted;
  if (!state_->overflow.valid()) {
    CONTINUO_ASSIGN_OR_RETURN(Bytes value, state_->ReadInline(*file_));
    if (size_bytes <= kInlineMaxSizeBytes) {
      value.resize(static_cast<size_t>(size_bytes));
      return state_->WriteInline(*file_, std::move(value));
    }
    CONTINUO_RETURN_IF_ERROR(state_->MoveToOverflow(*file_, value));
  }
  if (::ftruncate(state_->overflow.get(), static_cast<off_t>(size_bytes)) != 0) {
    return NtStatusFromErrno(errno);
  }
  return NtStatus();
}

NtStatus StreamHandle::Zero(uint64_t offset, uint64_t end) {
  const std::lock_guard lock(state_->mutex);
  if (state_->is_removed) return NtStatus::kFileDeleted;
  if (!state_->overflow.valid()) {
    CONTINUO_ASSIGN_OR_RETURN(Bytes value, state_->ReadInline(*file_));
    end = std::min<uint64_t>(end, value.size());
    if (offset >= end) return NtStatus();
    std::fill(value.begin() + static_cast<std::ptrdiff_t>(offset),
              value.begin() + static_cast<std::ptrdiff_t>(end), uint8_t{0});
    return state_->WriteInline(*file_, std::move(value));
  }
  struct stat stat{};
  const int fd = state_->overflow.get();
  if (::fstat(fd, &stat) != 0) return NtStatusFromErrno(errno);
  end = std::min(end, static_cast<uint64_t>(stat.st_size));
  if (offset >= end) return NtStatus();
  return NtStatusFromErrno(ZeroFileRange(fd, offset, end - offset, FALLOC_FL_ZERO_RANGE));
}

NtStatus StreamHandle::Flush() {
  const std::lock_guard lock(state_->mutex);
  if (state_->overflow.valid() && ::fsync(state_->overflow.get()) != 0) {
    return NtStatusFromErrno(errno);
  }
  if (file_->is_path_only) return NtStatus();
  return ::fsync(file_->fd.get()) == 0 ? NtStatus() : NtStatusFromErrno(errno);
}

NtStatus StreamHandle::Rename(std::string_view new_name, ReplaceMode mode) {
  if (new_name.empty() || new_name.size() > kStreamNameMaxSizeBytes) {
    return NtStatus::kObjectNameInvalid;
  }
  const std::lock_guard lock(state_->mutex);
  const XattrTarget target = TargetOf(*file_);
  CONTINUO_ASSIGN_OR_RETURN(const auto places, ListPlaces(*file_));
  const auto taken = FindPlace(places, new_name);
  const bool is_other = taken && taken->name != state_->name;
  if (is_other && mode == ReplaceMode::kRefuseExisting) return NtStatus::kObjectNameCollision;
  const std::string old_name = state_->name;
  if (old_name == new_name) return NtStatus();
  const bool is_overflow = state_->overflow.valid();
  const std::string from = is_overflow ? MarkerXattr(old_name) : InlineXattr(old_name);
  const std::string to = is_overflow ? MarkerXattr(new_name) : InlineXattr(new_name);
  Bytes value;
  if (const int error = ReadXattr(target, from.c_str(), value); error != 0) {
    return NtStatusFromErrno(error);
  }
  if (is_other) {
    (void)RemoveXattr(target, InlineXattr(taken->name).c_str());
    if (taken->is_overflow) {
      Bytes id;
      (void)ReadXattr(target, MarkerXattr(taken->name).c_str(), id);
      (void)RemoveXattr(target, MarkerXattr(taken->name).c_str());
      RemoveOverflowFiles(*state_->root, {std::string(id.begin(), id.end())});
    }
  }
  // Both at once may not fit: the old one goes first then, and comes back if the new one fails.
  int error = WriteXattr(target, to.c_str(), value);
  if (IsNoXattrSpace(error)) {
    (void)RemoveXattr(target, from.c_str());
    error = WriteXattr(target, to.c_str(), value);
    if (error != 0) (void)WriteXattr(target, from.c_str(), value);
  }
  if (error != 0) return StatusOfXattr(error);
  (void)RemoveXattr(target, from.c_str());
  States().Rename(file_->key, old_name, new_name);
  state_->name = new_name;
  return NtStatus();
}

NtStatus StreamHandle::Remove() {
  const std::lock_guard lock(state_->mutex);
  if (state_->is_removed) return NtStatus();
  const XattrTarget target = TargetOf(*file_);
  Bytes id;
  const bool has_marker = ReadXattr(target, MarkerXattr(state_->name).c_str(), id) == 0;
  int error = has_marker ? RemoveXattr(target, MarkerXattr(state_->name).c_str()) : 0;
  const int inline_error = RemoveXattr(target, InlineXattr(state_->name).c_str());
  if (error == 0 && inline_error != ENODATA) error = inline_error;
  if (error != 0) return NtStatusFromErrno(error);
  if (has_marker) RemoveOverflowFiles(*state_->root, {std::string(id.begin(), id.end())});
  state_->is_removed = true;
  return NtStatus();
}

NtResult<std::vector<StreamInfo>> ListStreams(const Vfs& vfs, const File& file) {
  std::vector<StreamInfo> out;
  if (file.stat.IsRegular()) {
    CONTINUO_ASSIGN_OR_RETURN(const FileStat stat, vfs.Stat(file));
    out.push_back({.name = "", .size_bytes = stat.size_bytes,
                   .allocation_bytes = stat.allocation_bytes});
  }
  if (!vfs.root().options().has_named_streams) return out;
  CONTINUO_ASSIGN_OR_RETURN(const auto places, ListPlaces(file));
  for (const Place& place : places) {
    StreamInfo info{.name = place.name, .size_bytes = 0, .allocation_bytes = 0};
    if (place.is_overflow) {
      Bytes id;
      struct stat stat{};
      if (ReadXattr(TargetOf(file), MarkerXattr(place.name).c_str(), id) != 0) continue;
      const auto fd = OpenOverflowFile(vfs.root(), std::string(id.begin(), id.end()));
      if (!fd.ok() || ::fstat(fd->get(), &stat) != 0) continue;
      info.size_bytes = static_cast<uint64_t>(stat.st_size);
    } else {
      const ssize_t size = XattrSize(TargetOf(file), InlineXattr(place.name).c_str());
      if (size < 0) continue;
      info.size_bytes = static_cast<uint64_t>(size > 0 ? size - 1 : 0);
    }
    info.allocation_bytes = (info.size_bytes + 4095) / 4096 * 4096;
    out.push_back(std::move(info));
  }
  return out;
}

NtStatus RemoveAllStreams(const Vfs& vfs, const File& file) {
  CONTINUO_ASSIGN_OR_RETURN(const auto places, ListPlaces(file));
  if (places.empty()) return NtStatus();
  const std::vector<std::string> ids = OverflowIdsOf(vfs.root(), TargetOf(file));
  for (const Place& place : places) {
    for (const std::string& xattr : {MarkerXattr(place.name), InlineXattr(place.name)}) {
      const int error = RemoveXattr(TargetOf(file), xattr.c_str());
      if (error != 0 && error != ENODATA) return NtStatusFromErrno(error);
    }
  }
  RemoveOverflowFiles(vfs.root(), ids);
  return NtStatus();
}

}  // namespace continuo::vfs
