// Change notifications, [MS-SMB2] 3.3.5.19 and [MS-FSA] 2.1.5.11: who is told of which event.
#include <algorithm>

#include "common/base/text.h"
#include "common/fsa/files_impl.h"

namespace continuo::fsa {
namespace {

// FILE_NOTIFY_INFORMATION, [MS-FSCC] 2.7.1: what an entry takes in the client's buffer.
constexpr size_t kEntryHeaderBytes = 12;

size_t Utf16Units(std::string_view utf8) {
  size_t units = 0;
  for (const char c : utf8) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte & 0xC0) != 0x80) units += byte >= 0xF0 ? 2 : 1;
  }
  return units;
}

size_t EntrySize(std::string_view name) {
  const size_t size = kEntryHeaderBytes + 2 * Utf16Units(name);
  return (size + 3) & ~size_t{3};
}

size_t TotalSize(const std::vector<NotifyEntry>& entries) {
  size_t size = 0;
  for (const NotifyEntry& entry : entries) size += EntrySize(entry.name);
  return size;
}

}  // namespace

std::optional<NtResult<std::vector<NotifyEntry>>> FilesImpl::Notify(const NotifyRequest& request) {
  using Answer = std::optional<NtResult<std::vector<NotifyEntry>>>;
  Open* open = FindOpen(request.open);
  if (open == nullptr) return Answer(std::in_place, NtStatus::kFileClosed);
  if (!open->is_directory || waiting_.contains(request.op)) {
    return Answer(std::in_place, NtStatus::kInvalidParameter);
  }
  if (open->stream->is_delete_pending) return Answer(std::in_place, NtStatus::kDeletePending);
  if (open->watch == nullptr) {
    open->watch = std::make_unique<Watch>();
    open->watch->filter = request.filter;
    open->watch->is_recursive = request.is_recursive;
    open->watch->capacity_bytes =
        std::min<size_t>(request.max_size_bytes, kMaxNotifyBufferedBytes);
    ++watch_count_;
    IndexWatch(*open);
  }
  Watch& watch = *open->watch;
  if (watch.has_overflowed) {
    watch.has_overflowed = false;
    return Answer(std::in_place, NtStatus::kNotifyEnumDir);
  }
  if (!watch.kept.empty()) {
    std::vector<NotifyEntry> entries = std::move(watch.kept);
    watch.kept.clear();
    watch.kept_bytes = 0;
    if (TotalSize(entries) > request.max_size_bytes) return Answer(std::in_place, NtStatus::kNotifyEnumDir);
    return Answer(std::in_place, std::move(entries));
  }
  watch.waiting.push_back({.op = request.op, .max_size_bytes = request.max_size_bytes});
  waiting_[request.op] = open->stream->file->key;
  return std::nullopt;
}

void FilesImpl::IndexWatch(Open& open) {
  if (open.watch != nullptr) watches_[open.path].push_back(&open);
}

void FilesImpl::UnindexWatch(Open& open) {
  if (open.watch == nullptr) return;
  const auto it = watches_.find(open.path);
  if (it == watches_.end()) return;
  it->second.erase(std::remove(it->second.begin(), it->second.end(), &open), it->second.end());
  if (it->second.empty()) watches_.erase(it);
}

void FilesImpl::DropWatch(Open& open) {
  UnindexWatch(open);
  open.watch.reset();
  --watch_count_;
}

void FilesImpl::EndWatch(Open& open, NtStatus status, Effects* effects) {
  for (const WatchSnapshot::Waiting& waiting : open.watch->waiting) {
    effects->push_back(NotifyCompleted{waiting.op, status, {}});
    waiting_.erase(waiting.op);
  }
  DropWatch(open);
}

void FilesImpl::Offer(std::string_view directory, std::string_view name, const NameEvent& event,
                      bool is_below, std::vector<Open*>* touched) {
  const auto it = watches_.find(base::ToAbsl(directory));
  if (it == watches_.end()) return;
  for (Open* open : it->second) {
    Watch& watch = *open->watch;
    if ((watch.filter & event.filter) == 0 || (is_below && !watch.is_recursive)) continue;
    if (std::find(touched->begin(), touched->end(), open) == touched->end()) {
      touched->push_back(open);
    }
    if (watch.has_overflowed) continue;
    // The same modification twice in a row tells nothing new.
    if (!watch.kept.empty() && event.action == NotifyAction::kModified &&
        watch.kept.back().action == event.action && watch.kept.back().name == name) {
      continue;
    }
    watch.kept_bytes += EntrySize(name);
    if (watch.kept_bytes > watch.capacity_bytes) {
      watch.has_overflowed = true;
      watch.kept.clear();
      watch.kept_bytes = 0;
      continue;
    }
    watch.kept.push_back(NotifyEntry{.action = event.action, .name = std::string(name)});
  }
}

void FilesImpl::NameEvents(const NameEventsRequest& request, Effects* effects) {
  if (watches_.empty()) return;
  std::vector<Open*> touched;
  for (const NameEvent& event : request.events) {
    const std::string_view path = event.path;
    bool is_below = false;
    for (size_t slash = path.rfind('/'); slash != std::string_view::npos;
         slash = slash == 0 ? std::string_view::npos : path.rfind('/', slash - 1)) {
      Offer(path.substr(0, slash), path.substr(slash + 1), event, is_below, &touched);
      is_below = true;
    }
  }
  for (Open* open : touched) CompleteWatch(*open, effects);
}

void FilesImpl::CompleteWatch(Open& open, Effects* effects) {
  Watch& watch = *open.watch;
  if (watch.waiting.empty()) return;
  const WatchSnapshot::Waiting waiting = watch.waiting.front();
  watch.waiting.erase(watch.waiting.begin());
  waiting_.erase(waiting.op);
  NotifyCompleted completed{waiting.op, NtStatus(), std::move(watch.kept)};
  watch.kept.clear();
  watch.kept_bytes = 0;
  if (watch.has_overflowed || TotalSize(completed.entries) > waiting.max_size_bytes) {
    watch.has_overflowed = false;
    completed.status = NtStatus::kNotifyEnumDir;
    completed.entries.clear();
  }
  effects->push_back(std::move(completed));
}

}  // namespace continuo::fsa
