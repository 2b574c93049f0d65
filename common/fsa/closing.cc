// How opens end, what is deleted then, and who gets his turn afterwards.
#include <algorithm>

#include "common/fsa/files_impl.h"

namespace continuo::fsa {
namespace {

constexpr size_t kMaxSpareObjects = 1024;

template <typename Vector, typename Value>
void EraseFirst(Vector* vector, const Value& value) {
  const auto it = std::find(vector->begin(), vector->end(), value);
  if (it != vector->end()) vector->erase(it);
}

}  // namespace

NtResult<CloseResult> FilesImpl::Close(OpenId id, Effects* effects) {
  Open* open = FindOpen(id);
  if (open == nullptr) return NtStatus::kFileClosed;
  File& file = *open->stream->file;
  CloseResult result;
  EndOpen(*open, &result.delete_now, effects);
  Settle(file, effects);
  return result;
}

// Takes the open out of everything. The caller settles the file afterwards.
void FilesImpl::EndOpen(Open& open, std::optional<DeleteNow>* delete_now, Effects* effects) {
  Stream& stream = *open.stream;
  File& file = *stream.file;
  AnswerWaitersOf(open, effects);
  if (open.watch != nullptr) EndWatch(open, NtStatus::kNotifyCleanup, effects);
  DetachCaching(open, effects);
  if (open.lock_count != 0) {
    const auto first = std::remove_if(stream.locks.begin(), stream.locks.end(),
                                      [&](const HeldLock& lock) { return lock.open == open.id; });
    stream.locks.erase(first, stream.locks.end());
    lock_count_ -= open.lock_count;
    NoteLockChange(stream);
  }
  EraseFirst(&stream.opens, &open);
  if (open.is_delete_on_close && !stream.is_delete_pending) {
    MarkDeletePending(stream, open, false, effects);
  }
  *delete_now = DecideDelete(file, open);
  file.is_dirty = true;
  if (open.durability == Durability::kPersistent) {
    changed_.push_back(
        {.open = open.id, .has_ended = true, .is_deleting = delete_now->has_value()});
  }

  const auto it = opens_.find(open.id);
  std::unique_ptr<Open> owned = std::move(it->second);
  opens_.erase(it);
  if (spare_opens_.size() < kMaxSpareObjects) {
    std::string path = std::move(owned->path);
    path.clear();
    *owned = Open();
    owned->path = std::move(path);
    spare_opens_.push_back(std::move(owned));
  }
}

void FilesImpl::AnswerWaitersOf(Open& open, Effects* effects) {
  auto& locks = open.stream->waiting_locks;
  for (size_t i = 0; i < locks.size();) {
    if (locks[i].lock.open != open.id) {
      ++i;
      continue;
    }
    effects->push_back(OpCompleted{locks[i].op, NtStatus::kRangeNotLocked});
    waiting_.erase(locks[i].op);
    locks.erase(locks.begin() + static_cast<ptrdiff_t>(i));
  }
  auto& breaks = open.stream->file->waiting_breaks;
  for (size_t i = 0; i < breaks.size();) {
    if (breaks[i].by != open.id) {
      ++i;
      continue;
    }
    effects->push_back(OpCompleted{breaks[i].op, NtStatus::kFileClosed});
    waiting_.erase(breaks[i].op);
    breaks.erase(breaks.begin() + static_cast<ptrdiff_t>(i));
  }
}

// A watch of a directory that is going away has nothing more to report.
void FilesImpl::MarkDeletePending(Stream& stream, const Open& by, bool is_posix,
                                  Effects* effects) {
  if (by.path.empty()) return;  // Its name is gone already.
  stream.is_delete_pending = true;
  stream.is_posix_delete = is_posix;
  stream.is_directory = by.is_directory;
  stream.delete_set_by = by.id;
  stream.delete_path = by.path;
  Touch(stream);
  if (!by.is_directory) return;
  for (Open* open : stream.opens) {
    if (open->watch == nullptr) continue;
    for (const WatchSnapshot::Waiting& waiting : open->watch->waiting) {
      effects->push_back(NotifyCompleted{waiting.op, NtStatus::kDeletePending, {}});
      waiting_.erase(waiting.op);
    }
    open->watch->waiting.clear();
  }
}

// Source: [MS-FSA] 2.1.5.4 (close): the name goes with the last open that came by it; with POSIX
// semantics with the open that asked. A file takes its streams along.
std::optional<DeleteNow> FilesImpl::DecideDelete(File& file, const Open& closing) {
  Stream* main = file.Find("");
  Stream* own = closing.stream;
  for (Stream* stream : {main, own}) {
    if (stream == nullptr || !stream->is_delete_pending || stream->is_being_deleted) continue;
    const bool is_posix_turn = stream->is_posix_delete && stream->delete_set_by == closing.id;
    bool has_users = false;
    if (stream->is_main()) {
      for (const auto& other : file.streams) {
        has_users |= std::any_of(other->opens.begin(), other->opens.end(), [&](const Open* open) {
          return open->path == stream->delete_path;
        });
      }
    } else {
      has_users = !stream->opens.empty();
    }
    if (has_users && !is_posix_turn) continue;
    stream->is_being_deleted = true;
    return DeleteNow{.file = file.key,
                     .stream = stream->name,
                     .path = stream->delete_path,
                     .is_directory = stream->is_directory,
                     .is_posix = stream->is_posix_delete,
                     .set_by = stream->delete_set_by};
  }
  return std::nullopt;
}

void FilesImpl::DeleteDone(const DeleteDoneRequest& request, Effects* effects) {
  File* file = FindFile(request.file);
  Stream* stream = file != nullptr ? file->Find(request.stream) : nullptr;
  if (stream == nullptr || !stream->is_being_deleted) return;
  const std::string path = std::move(stream->delete_path);
  stream->is_delete_pending = false;
  stream->is_being_deleted = false;
  stream->is_posix_delete = false;
  stream->delete_set_by = OpenId();
  stream->delete_path.clear();
  Touch(*stream);
  if (stream->is_main()) {
    // Streams go with their file, or stay with it.
    for (const auto& other : file->streams) {
      if (!other->is_delete_pending || other->is_being_deleted || !other->opens.empty()) continue;
      other->is_delete_pending = false;
      other->delete_path.clear();
    }
  }
  if (request.is_deleted) {
    // Opens that outlive the name (POSIX semantics) have none to delete or rename.
    for (const auto& other : file->streams) {
      if (!stream->is_main()) break;
      for (Open* open : other->opens) {
        if (open->path != path) continue;
        UnindexWatch(*open);
        open->path.clear();
      }
    }
    auto& waiting = file->waiting_opens;
    for (size_t i = 0; i < waiting.size();) {
      const bool is_gone = stream->is_main() ? waiting[i].path == path
                                             : waiting[i].stream == request.stream;
      if (!is_gone) {
        ++i;
        continue;
      }
      effects->push_back(
          OpenCompleted{waiting[i].op, waiting[i].open, NtStatus(NtStatus::kFileDeleted)});
      waiting_.erase(waiting[i].op);
      waiting.erase(waiting.begin() + static_cast<ptrdiff_t>(i));
    }
  }
  file->is_dirty = true;
  Settle(*file, effects);
}

NtStatus FilesImpl::SetDeletePending(const SetDeletePendingRequest& request, Effects* effects) {
  Open* open = FindOpen(request.open);
  if (open == nullptr) return NtStatus::kFileClosed;
  Stream& stream = *open->stream;
  if (stream.is_being_deleted) return NtStatus::kDeletePending;
  if (request.is_delete) {
    MarkDeletePending(stream, *open, request.is_posix, effects);
  } else {
    stream.is_delete_pending = false;
    stream.is_posix_delete = false;
    stream.delete_set_by = OpenId();
    stream.delete_path.clear();
    Touch(stream);
    stream.file->is_dirty = true;
    Settle(*stream.file, effects);
  }
  return NtStatus();
}

bool FilesImpl::IsDeletePending(OpenId id) const {
  const Open* open = FindOpen(id);
  if (open == nullptr) return false;
  const Stream* main = open->stream->file->Find("");
  return open->stream->is_delete_pending ||
         (main != nullptr && main->is_delete_pending && main->delete_path == open->path);
}

void FilesImpl::Purge(Open& open, Effects* effects) {
  OpenPurged purged{.open = open.id, .delete_now = std::nullopt};
  EndOpen(open, &purged.delete_now, effects);
  effects->push_back(std::move(purged));
}

// Gives everybody who waits for something in this file another look, until nothing changes.
// The file may be gone afterwards.
void FilesImpl::Settle(File& file, Effects* effects) {
  while (file.is_dirty) {
    file.is_dirty = false;
    for (size_t i = 0; i < file.streams.size(); ++i) RetryLocks(*file.streams[i], effects);
    RetryOpens(file, effects);
    RetryBreaks(file, effects);
  }
  ForgetIfIdle(file);
}

void FilesImpl::RetryOpens(File& file, Effects* effects) {
  for (size_t i = 0; i < file.waiting_opens.size();) {
    const Evaluation evaluation =
        Evaluate(file, file.waiting_opens[i], Attempt::kRetry, effects);
    if (evaluation.verdict == Verdict::kWait) {
      ++i;
      continue;
    }
    const OpenRequest request = std::move(file.waiting_opens[i]);
    file.waiting_opens.erase(file.waiting_opens.begin() + static_cast<ptrdiff_t>(i));
    waiting_.erase(request.op);
    OpenCompleted completed{request.op, request.open, evaluation.status.ok()
                                                          ? NtResult<OpenGrant>(OpenGrant())
                                                          : NtResult<OpenGrant>(evaluation.status)};
    if (evaluation.verdict == Verdict::kGrant) completed.result = Grant(file, request);
    effects->push_back(std::move(completed));
  }
}

void FilesImpl::DropIdleStreams(File& file) {
  for (size_t i = file.streams.size(); i > 0; --i) {
    if (file.streams[i - 1]->is_idle()) {
      file.streams.erase(file.streams.begin() + static_cast<ptrdiff_t>(i - 1));
    }
  }
}

bool FilesImpl::ForgetIfIdle(File& file) {
  if (!file.waiting_opens.empty() || !file.waiting_breaks.empty()) return false;
  // The unnamed stream of a recycled file is kept, so that the next open finds it made.
  const bool is_plain = file.streams.size() == 1 && file.streams[0]->is_main();
  if (!is_plain) DropIdleStreams(file);
  const bool is_idle =
      file.streams.empty() || (is_plain && file.streams[0]->is_idle());
  if (!is_idle) return false;
  const auto it = files_.find(file.key);
  std::unique_ptr<File> owned = std::move(it->second);
  files_.erase(it);
  if (spare_files_.size() < kMaxSpareObjects) {
    owned->is_dirty = false;
    spare_files_.push_back(std::move(owned));
  }
  return true;
}

void FilesImpl::Renamed(const RenamedRequest& request) {
  const auto move_path = [&](Open& open, std::string path) {
    UnindexWatch(open);
    open.path = std::move(path);
    IndexWatch(open);
    Touch(open);
  };
  if (File* file = FindFile(request.file)) {
    for (const auto& stream : file->streams) {
      for (Open* open : stream->opens) {
        if (open->path == request.old_path) move_path(*open, request.new_path);
      }
      if (stream->delete_path == request.old_path) stream->delete_path = request.new_path;
    }
    for (OpenRequest& waiting : file->waiting_opens) {
      if (waiting.path == request.old_path) waiting.path = request.new_path;
    }
  }
  if (!request.is_directory) return;
  const auto moved = [&](std::string* path) {
    if (!IsUnder(*path, request.old_path)) return false;
    *path = request.new_path + path->substr(request.old_path.size());
    return true;
  };
  for (const auto& [id, open] : opens_) {
    std::string path = open->path;
    if (moved(&path)) move_path(*open, std::move(path));
  }
  for (const auto& [key, file] : files_) {
    for (const auto& stream : file->streams) moved(&stream->delete_path);
    for (OpenRequest& waiting : file->waiting_opens) moved(&waiting.path);
  }
}

// What cannot be kept is closed by the caller: no durability, caching that is no longer enough for
// it, or a delete that waits for this very close.
DisconnectResult FilesImpl::Disconnect(OpenId id, Effects* effects) {
  Open* open = FindOpen(id);
  if (open == nullptr || open->durability == Durability::kNone) {
    return DisconnectResult::kMustBeClosed;
  }
  const bool needs_caching = open->durability == Durability::kDurable;
  if (needs_caching) {
    const bool has_caching = open->lease != nullptr
                                 ? (open->lease->state & kLeaseHandle) != 0
                                 : open->oplock == OplockLevel::kBatch;
    const bool is_breaking =
        open->is_breaking() || (open->lease != nullptr && open->lease->is_breaking());
    if (!has_caching || is_breaking || open->is_delete_on_close ||
        open->stream->is_delete_pending) {
      return DisconnectResult::kMustBeClosed;
    }
  }
  open->is_connected = false;
  AnswerWaitersOf(*open, effects);
  if (open->watch != nullptr) EndWatch(*open, NtStatus::kNotifyCleanup, effects);
  open->stream->file->is_dirty = true;
  Settle(*open->stream->file, effects);
  return DisconnectResult::kKept;
}

// The grant is what the client had: breaks that those who waited for it cause follow.
NtResult<OpenGrant> FilesImpl::Reconnect(const ReconnectRequest& request, Effects* effects) {
  Open* open = FindOpen(request.open);
  if (open == nullptr || open->is_connected) return NtStatus::kObjectNameNotFound;
  open->is_connected = true;
  open->session_id = request.session_id;
  const OpenGrant grant = GrantOf(*open);
  open->stream->file->is_dirty = true;
  Settle(*open->stream->file, effects);
  return grant;
}

void FilesImpl::Cancel(OpId op, Effects* effects) {
  const auto it = waiting_.find(op);
  if (it == waiting_.end()) return;
  File* file = FindFile(it->second);
  CONTINUO_CHECK(file != nullptr);
  waiting_.erase(it);
  const auto has_op = [op](const auto& waiting) { return waiting.op == op; };
  const auto take = [&](auto* list) {
    const auto found = std::find_if(list->begin(), list->end(), has_op);
    if (found == list->end()) return false;
    list->erase(found);
    return true;
  };
  for (const OpenRequest& waiting : file->waiting_opens) {
    if (waiting.op != op) continue;
    effects->push_back(OpenCompleted{op, waiting.open, NtStatus(NtStatus::kCancelled)});
    take(&file->waiting_opens);
    Settle(*file, effects);
    return;
  }
  if (take(&file->waiting_breaks)) {
    effects->push_back(OpCompleted{op, NtStatus::kCancelled});
    Settle(*file, effects);
    return;
  }
  for (const auto& stream : file->streams) {
    if (take(&stream->waiting_locks)) {
      effects->push_back(OpCompleted{op, NtStatus::kCancelled});
      return;
    }
    for (Open* open : stream->opens) {
      if (open->watch != nullptr && take(&open->watch->waiting)) {
        effects->push_back(NotifyCompleted{op, NtStatus::kCancelled, {}});
        return;
      }
    }
  }
}

}  // namespace continuo::fsa
