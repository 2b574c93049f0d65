// The entries of a directory, for QUERY_DIRECTORY.
//
//   NtResult<std::unique_ptr<DirectoryStream>> dir = DirectoryStream::Open(vfs, file);
//   (*dir)->Restart("*.txt", EntryDetail::kFull);     // first call, or with SMB2_REOPEN
//   while (const DirectoryEntry* e = (*dir)->Peek()) { // stays until Advance()
//     if (!encoder.Append(*e)) break;                  // reply full: the entry comes first next time
//     (*dir)->Advance();
//   }
//
// Shape: "." and ".." first, then the directory's order. An entry that vanished between listing and
//        stat is left out.
// Threading: one open's cursor; the caller serialises. Calls block.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ntstatus/ntstatus.h"
#include "services/smb-frontend/vfs/vfs.h"
#include "services/smb-frontend/vfs/wildcard.h"

namespace continuo::vfs {

class DirentReader;

enum class EntryDetail {
  kNamesOnly,  // FileNamesInformation: no stat.
  kFull,       // Times, sizes, attributes, EA size, file id.
};

struct DirectoryEntry {
  std::string name;        // As a client sees it.
  std::string disk_name;   // As the file system has it.
  std::string short_name;  // Empty when the name is 8.3 already.
  FileStat stat;           // kFull only, as all below.
  uint32_t attributes = 0;
  FileTime creation_time = 0;
  uint32_t ea_size_bytes = 0;
  uint64_t file_id = 0;
};

class DirectoryStream {
 public:
  // Requires: `file` is a directory opened with FileAccess::kRead at least.
  static NtResult<std::unique_ptr<DirectoryStream>> Open(const Vfs& vfs,
                                                         std::shared_ptr<const File> file);
  ~DirectoryStream();

  // Starts over with `pattern`. Errors: kObjectNameInvalid.
  NtStatus Restart(std::string_view pattern, EntryDetail detail);
  // Starts over with the pattern that is set (SMB2_RESTART_SCANS).
  NtStatus Restart();
  bool HasPattern() const { return pattern_.has_value(); }
  void SetDetail(EntryDetail detail) { detail_ = detail; }
  // EA sizes cost calls per entry; only the "full" classes report them. Off at first.
  void SetReportsEaSize(bool reports) { reports_ea_size_ = reports; }

  // The current entry, or null at the end or on an error (see status()).
  const DirectoryEntry* Peek();
  void Advance();
  NtStatus status() const { return status_; }
  // Whether any entry matched since the last restart: decides NO_SUCH_FILE against NO_MORE_FILES.
  bool HasMatched() const { return has_matched_; }

 private:
  DirectoryStream(const Vfs& vfs, std::shared_ptr<const File> file, UniqueFd fd);
  bool LoadDots(bool is_parent);
  bool LoadEntry(std::string_view disk_name);
  bool LoadDetail();
  bool LoadSingleName();

  Vfs vfs_;
  std::shared_ptr<const File> file_;
  UniqueFd fd_;
  std::unique_ptr<DirentReader> reader_;
  std::optional<NamePattern> pattern_;
  EntryDetail detail_ = EntryDetail::kFull;
  bool reports_ea_size_ = false;
  int dots_sent_ = 0;
  bool at_end_ = false;
  bool has_matched_ = false;
  bool is_current_ = false;
  DirectoryEntry current_;
  std::vector<std::string> xattrs_;  // Of the current entry.
  NtStatus status_;
};

}  // namespace continuo::vfs
