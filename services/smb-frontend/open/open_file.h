// One open of a file, directory, stream or pipe: what a FileId stands for. [MS-SMB2] 3.3.1.10.
//
// Made by CREATE, found by every later command, ended by CLOSE, TREE_DISCONNECT, LOGOFF or the loss of
// the last channel. Requests that are under way keep it alive by their shared pointer, so that a
// descriptor is never closed under an I/O.
//
// Threading: const members from any thread; the others under mutex(), held for a few instructions
// and never across an await.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/base/thread_annotations.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/time.h>

#include "common/fsa/effects.h"
#include "common/fsa/requests.h"
#include "common/fsa/types.h"
#include "common/security/access_mask.h"
#include "common/smbwire/create_contexts.h"
#include "common/smbwire/header.h"
#include "services/smb-frontend/open/channel_sequence.h"
#include "services/smb-frontend/open/delayed_write_time.h"
#include "services/smb-frontend/session/session.h"
#include "services/smb-frontend/vfs/directory_stream.h"
#include "services/smb-frontend/vfs/streams.h"
#include "services/smb-frontend/vfs/vfs.h"

namespace continuo::pipes {
class PipeEndpoint;
}

namespace continuo::open {

// What never changes after CREATE.
struct OpenFacts {
  smbwire::FileId file_id;
  std::shared_ptr<session::Session> session;  // Of the CREATE; a durable open may get another.
  std::shared_ptr<session::TreeConnect> tree;
  smbwire::Guid client_guid{};
  security::AccessMask granted_access = 0;
  uint32_t share_access = 0;
  uint32_t create_options = 0;
  bool is_directory = false;
  fsa::FileKey file_key;
  std::optional<fsa::LeaseKey> lease_key;
  // Of an open from a record, which has no `stream` before its client is back.
  std::string stream_name;
  // Of a durable open version 2; all zero otherwise.
  smbwire::Guid create_guid{};
  absl::Time created;
  // Which instance of an application opened it ([MS-SMB2] 3.3.5.9.13).
  std::optional<smbwire::Guid> app_instance_id;
  std::optional<smbwire::AppInstanceVersion> app_instance_version;
  // An open that takes up another one's place shares it: requests of both are under way.
  std::shared_ptr<ChannelSequence> channel_sequence = std::make_shared<ChannelSequence>(0);
};

class OpenFile {
 public:
  explicit OpenFile(OpenFacts facts) : facts_(std::move(facts)) {}

  const OpenFacts& facts() const { return facts_; }
  smbwire::FileId file_id() const { return facts_.file_id; }
  fsa::OpenId fsa_id() const { return fsa::OpenId(facts_.file_id.volatile_id); }
  const std::shared_ptr<session::Session>& session() const { return facts_.session; }
  const std::shared_ptr<session::TreeConnect>& tree() const { return facts_.tree; }
  const session::Share& share() const { return *facts_.tree->share; }
  security::AccessMask granted_access() const { return facts_.granted_access; }
  bool Has(security::AccessMask any_of) const { return (facts_.granted_access & any_of) != 0; }
  bool is_directory() const { return facts_.is_directory; }
  bool is_pipe() const { return pipe != nullptr; }
  bool is_stream() const { return stream != nullptr; }
  vfs::Vfs vfs() const { return vfs::Vfs(share().root); }

  std::optional<std::string> StreamName() const {
    if (stream != nullptr) return stream->name();
    if (!facts_.stream_name.empty()) return facts_.stream_name;
    return std::nullopt;
  }

  // Set once before the open is published in the OpenTable, then const. A persistent open that came back
  // from its record has neither: the open that its client gets in its place has.
  std::shared_ptr<vfs::File> file;            // Disk: the file itself, also for a stream.
  std::shared_ptr<vfs::StreamHandle> stream;  // Set when a named stream is open.
  std::shared_ptr<pipes::PipeEndpoint> pipe;  // IPC$.

  // The first call returns true: whoever gets it closes the open in the FSA. After that the open
  // is found no more, but requests that hold it may still end.
  bool BeginClose() { return !is_closing_.exchange(true); }
  bool is_closing() const { return is_closing_.load(); }

  // Until the client uses the handle it may not have seen the CREATE's response and may repeat it.
  void AllowReplay() { may_be_replayed_.store(true); }
  // The first call after that returns true.
  bool EndReplay() {
    return may_be_replayed_.load(std::memory_order_relaxed) && may_be_replayed_.exchange(false);
  }

  // Serialises what changes the file's own facts on worker threads: path (rename), stat, stored
  // attributes. Held across blocking file-system calls, therefore only on worker threads.
  absl::Mutex& file_mutex() { return file_mutex_; }

  // Where the file is now; follows renames. Any thread.
  std::string PathInShare() const {
    absl::MutexLock lock(&path_mutex_);
    return path_in_share_;
  }
  void SetPathInShare(std::string path) {
    absl::MutexLock lock(&path_mutex_);
    path_in_share_ = std::move(path);
  }

  absl::Mutex& mutex() { return mutex_; }
  // Guarded by mutex().
  struct Mutable {
    fsa::OplockLevel oplock = fsa::OplockLevel::kNone;
    uint64_t position = 0;                    // FilePositionInformation.
    std::optional<uint32_t> mode;             // FileModeInformation, once it was set.
    size_t next_ea = 0;                       // Where a query of all EAs goes on.
    // Set explicitly by the client on this open: later writes leave it alone.
    std::optional<vfs::FileTime> pinned_write_time;
    // Written to or deleted: the kernel may have work to do at the close, see commands/release_open.h.
    bool closes_slowly = false;
    DelayedWriteTime write_time;
    bool is_enumerating = false;              // One QUERY_DIRECTORY at a time has the cursor.
    std::unique_ptr<vfs::DirectoryStream> directory;
    // Breaks that came before the client was told of the open; delivered with its CREATE response.
    bool is_answered = false;
    std::vector<fsa::BreakToSend> early_breaks;
    bool is_durable = false;
    // Durable, and on record: it outlives this process.
    bool is_persistent = false;
    absl::Duration durable_timeout;
    // Durable, and its session is gone: it waits for a client that claims it. Who clears this owns
    // what comes next: the reconnect, or the end.
    bool is_disconnected = false;
    // With a create GUID: what the client was told, should it ask again ([MS-SMB2] 3.3.5.9.10).
    fsa::OpenGrant grant;
    uint32_t create_action = 0;
  };
  Mutable& state() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return state_; }

 private:
  const OpenFacts facts_;
  std::atomic<bool> is_closing_{false};
  std::atomic<bool> may_be_replayed_{false};
  mutable absl::Mutex path_mutex_;
  std::string path_in_share_ ABSL_GUARDED_BY(path_mutex_);
  absl::Mutex file_mutex_;
  absl::Mutex mutex_;
  Mutable state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace continuo::open
