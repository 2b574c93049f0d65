#include "services/ca-store-service/store/incarnation.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_format.h>
#include <absl/strings/strip.h>

#include "common/base/check.h"
#include "common/base/fault_point.h"
#include "common/logging/log.h"

namespace continuo::castore {
namespace {

constexpr size_t kCopyBatchMax = 1u << 17;  // One sync each.

absl::Status WriteAll(Database& database, const Content& content) {
  std::vector<Change> changes;
  for (const auto& [key, value] : content) {
    changes.push_back({key, value});
    if (changes.size() < kCopyBatchMax) continue;
    CONTINUO_RETURN_IF_ERROR(database.Write(changes));
    changes.clear();
  }
  if (changes.empty()) return absl::OkStatus();
  return database.Write(changes);
}

class Incarnation final : public Medium {
 public:
  Incarnation(IncarnationOptions options, std::unique_ptr<Ownership> ownership)
      : options_(std::move(options)), ownership_(std::move(ownership)) {}

  absl::Status Write(const std::vector<Change>& changes, const Content& content) override {
    if (database_ == nullptr) CONTINUO_RETURN_IF_ERROR(BeginAnew(content));
    CONTINUO_FAULT_POINT("castore.before_sync");
    const absl::Status written = changes.empty() ? absl::OkStatus() : database_->Write(changes);
    CONTINUO_FAULT_POINT("castore.after_sync");
    if (!written.ok()) {
      database_ = nullptr;
      return written;
    }
    return ownership_->Confirm();
  }

  absl::Status Confirm() override { return ownership_->Confirm(); }

  absl::Status Release() override {
    database_ = nullptr;
    return ownership_->Release();
  }

  // A database with all of `content`, in place of the one that there may be.
  absl::Status BeginAnew(const Content& content) {
    CONTINUO_RETURN_IF_ERROR(ownership_->Confirm());
    const std::string former = DatabasePath();
    const bool has_former = generation_ > 0;
    ++generation_;
    const absl::Status begun = Fill(content);
    if (!begun.ok()) {
      database_ = nullptr;
      return begun;
    }
    // What a former try left is gone before anybody is told of what the new one has.
    for (; oldest_ < generation_ && has_former; ++oldest_) {
      const std::string path = absl::StrFormat("%s/db.%d", ownership_->IncarnationPath(), oldest_);
      const absl::Status gone = Retire(path, absl::StrFormat("db.%d", oldest_));
      if (!gone.ok()) {
        database_ = nullptr;
        return gone;
      }
    }
    return absl::OkStatus();
  }

 private:
  std::string DatabasePath() const {
    return absl::StrFormat("%s/db.%d", ownership_->IncarnationPath(), generation_);
  }

  absl::Status Fill(const Content& content) {
    const std::string path = DatabasePath();
    CONTINUO_RETURN_IF_ERROR(options_.files->MakeDirectories(path));
    CONTINUO_ASSIGN_OR_RETURN(database_, options_.databases->Create(path));
    return WriteAll(*database_, content);
  }

  absl::Status Retire(const std::string& path, const std::string& name) {
    StableFiles& files = *options_.files;
    const std::string retired = options_.ca_path + "/retired";
    CONTINUO_RETURN_IF_ERROR(files.MakeDirectories(retired));
    const std::string target =
        absl::StrFormat("%s/%s.%d.%s", retired, options_.self.node, ownership_->epoch(), name);
    const absl::Status moved = files.Rename(path, target);
    if (!moved.ok() && !absl::IsNotFound(moved)) return moved;
    return files.Remove(target);
  }

  const IncarnationOptions options_;
  const std::unique_ptr<Ownership> ownership_;
  std::unique_ptr<Database> database_;
  uint64_t generation_ = 0;
  uint64_t oldest_ = 1;  // Generation that may still be in its place.
};

// ---- Adoption -------------------------------------------------------------------------------------

struct Former {
  std::string path;
  std::string name;  // "<node>.<epoch>"
  uint64_t epoch = 0;
  bool is_damaged = false;
};

// All incarnations but our own, oldest first.
absl::StatusOr<std::vector<Former>> FindFormer(StableFiles& files, const std::string& ca_path,
                                               const std::string& own) {
  std::vector<Former> found;
  CONTINUO_ASSIGN_OR_RETURN(const std::vector<std::string> nodes, files.List(ca_path + "/nodes"));
  for (const std::string& node : nodes) {
    const std::string of_node = ca_path + "/nodes/" + node;
    CONTINUO_ASSIGN_OR_RETURN(const std::vector<std::string> epochs, files.List(of_node));
    for (const std::string& name : epochs) {
      uint64_t epoch = 0;
      const std::string path = of_node + "/" + name;
      if (path == own || !absl::SimpleAtoi(name, &epoch)) continue;
      found.push_back({.path = path, .name = node + "." + name, .epoch = epoch});
    }
  }
  std::ranges::sort(found, {}, &Former::epoch);
  return found;
}

// The databases of an incarnation; a later generation, and a later epoch, has the later word.
absl::Status ReadIncarnation(const IncarnationOptions& options, Former* former,
                             DatabaseContent* into) {
  CONTINUO_ASSIGN_OR_RETURN(const std::vector<std::string> names,
                            options.files->List(former->path));
  std::vector<std::pair<uint64_t, std::string>> generations;
  for (const std::string& name : names) {
    uint64_t generation = 0;
    if (!absl::StartsWith(name, "db.") || !absl::SimpleAtoi(name.substr(3), &generation)) continue;
    generations.emplace_back(generation, former->path + "/" + name);
  }
  std::ranges::sort(generations);
  for (const auto& [generation, path] : generations) {
    absl::StatusOr<DatabaseContent> content = options.databases->Read(path);
    if (!content.ok()) return content.status();
    former->is_damaged |= !content->losses.empty();
    for (auto& [key, value] : content->entries) {
      into->entries.insert_or_assign(key, std::move(value));
    }
    into->lost_count += content->lost_count;
    std::ranges::move(content->losses, std::back_inserter(into->losses));
  }
  return absl::OkStatus();
}

absl::Status MoveAway(const IncarnationOptions& options, const std::vector<Former>& all) {
  for (const Former& former : all) {
    const std::string place = options.ca_path + (former.is_damaged ? "/damaged" : "/retired");
    CONTINUO_RETURN_IF_ERROR(options.files->MakeDirectories(place));
    CONTINUO_RETURN_IF_ERROR(options.files->Rename(former.path, place + "/" + former.name));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Opened> OpenIncarnation(IncarnationOptions options) {
  CONTINUO_ASSIGN_OR_RETURN(std::unique_ptr<Ownership> ownership,
                            Ownership::Take({.files = options.files.get(),
                                             .ca_path = options.ca_path,
                                             .self = options.self,
                                             .is_alive = options.is_alive,
                                             .now = options.now}));
  Opened opened;
  opened.owner = ownership->owner();
  CONTINUO_ASSIGN_OR_RETURN(
      std::vector<Former> former,
      FindFormer(*options.files, options.ca_path, ownership->IncarnationPath()));
  for (Former& one : former) {
    CONTINUO_RETURN_IF_ERROR(ReadIncarnation(options, &one, &opened.inherited));
  }
  opened.inherited.entries.erase(std::string(kBatchKey));
  auto incarnation = std::make_unique<Incarnation>(options, std::move(ownership));
  CONTINUO_RETURN_IF_ERROR(incarnation->BeginAnew(opened.inherited.entries));
  CONTINUO_RETURN_IF_ERROR(incarnation->Confirm());
  CONTINUO_RETURN_IF_ERROR(MoveAway(options, former));
  // Only space is at stake, so a failure is not one of the start.
  const absl::Status removed = options.files->Remove(options.ca_path + "/retired");
  if (!removed.ok()) logging::Warning("store.retired_remain", {{"status", removed}});
  for (const std::string& loss : opened.inherited.losses) {
    logging::Error("store.loss", {{"what", loss}});
  }
  opened.medium = std::move(incarnation);
  return opened;
}

}  // namespace continuo::castore
