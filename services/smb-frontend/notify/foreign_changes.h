// What others than SMB clients do in directories that SMB clients watch: local processes, scripts,
// other file servers on the same tree.
//
// The kernel (vfs::WatchHub) reports all changes, those of this process too; what SMB clients did has
// been announced to the FSA by the command that did it. So a kernel event is held back for a moment,
// and dropped when an announced change of the same name happened around it; the rest is announced to
// the FSA like a client's change. A change by others to a name that a client changes at the same
// moment is therefore not told a second time, which costs nothing: watchers know that the name
// changed. Below a watched directory only its own entries are seen: the kernel has no recursive watch.
//
//   foreign.Watch(open);               // with each CHANGE_NOTIFY; cheap when it is watched already
//   foreign.OnOwnEvents(events);       // from the host, for everything that commands announce
//
// Threading: any thread. One thread of its own polls, from the first watch on.
#pragma once

#include <memory>
#include <span>

#include "common/base/loop_progress.h"
#include "services/smb-frontend/fsa_host/fsa_host.h"
#include "services/smb-frontend/open/open_file.h"

namespace continuo::notify {

class ForeignChanges {
 public:
  // `fsa` outlives it. Without inotify it watches nothing.
  explicit ForeignChanges(frontend::FsaHost* fsa);
  ~ForeignChanges();
  ForeignChanges(const ForeignChanges&) = delete;
  ForeignChanges& operator=(const ForeignChanges&) = delete;

  // Watches the directory of `open` until the open ends. Without effect when the kernel has no watch
  // left: SMB clients' changes are told anyway.
  void Watch(const std::shared_ptr<open::OpenFile>& open);

  // Remembers what SMB clients did for a moment. One atomic load while nothing is watched.
  void OnOwnEvents(std::span<const fsa::NameEvent> events);

  // Ends the thread; nothing is announced afterwards.
  void Stop();

  // Makes the thread come round, when there is one: for health checks.
  void Nudge();
  const base::LoopProgress& progress() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace continuo::notify
