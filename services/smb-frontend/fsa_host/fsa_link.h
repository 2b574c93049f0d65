// What the host says to fsa-state-service and hears from it, without the transport: fsa_stream.h
// is the real one, tests have another.
//
// Everything travels in one order in each direction. The frontend's side of a delegation:
//
//   state      | serve remotely | offer            | download (last) | recall           | lost
//   -----------+----------------+------------------+-----------------+------------------+-----
//   connecting | remote, send   | accepting        | never           | never            | broken
//              |   what waited  |                  |                 |                  |
//   remote     | remote         | accepting        | never           | remote (nothing) | broken
//   accepting  | never          | never            | local, run what | never            | broken
//              |                |                  |   waited        |                  |
//   local      | never          | never            | never           | upload, remote   | broken
//   broken     | broken         | broken           | broken          | broken           | broken
//
// In connecting and accepting, operations wait in the host in their order. A `never` cell is the
// other process's bug: the host is broken from then on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/fsa/effects.h"
#include "common/fsa/files.h"
#include "common/fsa/snapshot.h"

namespace continuo::frontend {

inline constexpr size_t kFilesPerTransferMessage = 256;

// The way out. Sends are called with the host's lock held, in order: append and return. Flush comes
// after them without the lock, and starts the transport.
class FsaLink {
 public:
  virtual ~FsaLink() = default;
  virtual void Send(const fsa::Request& request) = 0;
  virtual void SendAccept() = 0;
  // A recall's upload in bounded messages, `is_last` with the final one.
  virtual void SendUpload(std::vector<fsa::FileSnapshot> files, bool is_last) = 0;
  // The answer to OnListing.
  virtual void SendListing(uint64_t listing_id, std::vector<fsa::FileSnapshot> files, bool is_last,
                           const fsa::Counters& counters) = 0;
  virtual void Flush() = 0;
};

// The way in; FsaHost::link_events() is it. Called from one thread at a time.
class FsaLinkEvents {
 public:
  virtual ~FsaLinkEvents() = default;
  virtual void OnServeRemotely() = 0;
  virtual void OnEffects(fsa::Effects effects) = 0;
  // All locks of a stream, whenever they change.
  virtual void OnLocks(const fsa::FileKey& file, const std::string& stream,
                       std::vector<fsa::HeldLock> locks) = 0;
  virtual void OnOffer() = 0;
  virtual void OnDownload(std::vector<fsa::FileSnapshot> files, bool is_last) = 0;
  virtual void OnRecall() = 0;
  // An administrator's listing of what is delegated, at most `limit` files.
  virtual void OnListing(uint64_t listing_id, uint64_t limit) = 0;
  virtual void OnLost() = 0;
};

}  // namespace continuo::frontend
