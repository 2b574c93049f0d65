#include "services/ca-store-service/store/rocks_database.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <utility>

#include <absl/base/thread_annotations.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_format.h>
#include <absl/synchronization/mutex.h>
#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include "common/base/check.h"
#include "services/ca-store-service/store/log_salvage.h"

namespace continuo::castore {
namespace {

constexpr size_t kWriteBufferBytes = 16u << 20;
constexpr size_t kLogLineMax = 512;
constexpr size_t kIdBytes = 8;

absl::Status ToAbsl(const rocksdb::Status& status, const std::string& what) {
  if (status.ok()) return absl::OkStatus();
  const std::string message = what + ": " + status.ToString();
  if (status.IsNoSpace()) return absl::ResourceExhaustedError(message);
  if (status.IsCorruption()) return absl::DataLossError(message);
  if (status.IsInvalidArgument() && absl::StrContains(message, "exists")) {
    return absl::AlreadyExistsError(message);
  }
  return absl::UnavailableError(message);
}

// RocksDB tells of log records that it drops only through its logger.
class DropListener final : public rocksdb::Logger {
 public:
  DropListener() : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL) {}

  using rocksdb::Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    char line[kLogLineMax];
    std::vsnprintf(line, sizeof(line), format, arguments);
    absl::MutexLock lock(&mutex_);
    if (absl::StrContains(line, "dropping") && absl::StrContains(line, "bytes")) {
      drops_.emplace_back(line);
    }
  }

  std::vector<std::string> Drops() const {
    absl::MutexLock lock(&mutex_);
    return drops_;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::string> drops_ ABSL_GUARDED_BY(mutex_);
};

rocksdb::Options BaseOptions(rocksdb::Env* env) {
  rocksdb::Options options;
  options.env = env;
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = kWriteBufferBytes;
  options.max_background_jobs = 2;
  options.keep_log_file_num = 1;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.info_log = std::make_shared<DropListener>();
  options.paranoid_checks = true;
  options.avoid_flush_during_shutdown = true;
  return options;
}

class RocksDatabase final : public Database {
 public:
  RocksDatabase(std::unique_ptr<rocksdb::DB> db, std::string path)
      : db_(std::move(db)), path_(std::move(path)) {}

  absl::Status Write(const std::vector<Change>& changes) override {
    rocksdb::WriteBatch batch;
    for (const Change& change : changes) {
      const rocksdb::Status status =
          change.value ? batch.Put(change.key, *change.value) : batch.Delete(change.key);
      CONTINUO_CHECK(status.ok());
    }
    CONTINUO_CHECK(batch.Put(rocksdb::Slice(kBatchKey.data(), kBatchKey.size()),
                             absl::StrFormat("%d", ++batch_count_)).ok());
    rocksdb::WriteOptions options;
    options.sync = true;
    return ToAbsl(db_->Write(options, &batch), "write to " + path_);
  }

 private:
  const std::unique_ptr<rocksdb::DB> db_;
  const std::string path_;
  uint64_t batch_count_ = 0;
};

// ---- Reading what may be damaged -------------------------------------------------------------------

struct OpenedForReading {
  std::unique_ptr<rocksdb::DB> db;
  std::vector<std::string> drops;
};

rocksdb::Status OpenForReading(rocksdb::Env* env, const std::string& path,
                               rocksdb::WALRecoveryMode mode, OpenedForReading* out) {
  rocksdb::Options options = BaseOptions(env);
  const auto listener = std::make_shared<DropListener>();
  options.info_log = listener;
  options.wal_recovery_mode = mode;
  rocksdb::DB* db = nullptr;
  const rocksdb::Status status = rocksdb::DB::OpenForReadOnly(options, path, &db);
  out->db.reset(db);
  out->drops = listener->Drops();
  return status;
}

// Applies batches in their order to what was read, and sees which numbers are missing.
class BatchApplier final : public rocksdb::WriteBatch::Handler {
 public:
  explicit BatchApplier(Content* entries) : entries_(entries) {}

  void Apply(const std::string& representation) {
    // A good checksum makes it what was written; a batch that does not parse even so is left out.
    changes_.clear();
    const rocksdb::WriteBatch batch(representation);
    if (!batch.Iterate(this).ok()) return;
    for (Change& change : changes_) ApplyOne(change);
  }

  // "batches 7 to 9", for each hole in the numbers.
  std::vector<std::string> Gaps() const {
    std::vector<std::string> gaps;
    for (size_t i = 1; i < numbers_.size(); ++i) {
      if (numbers_[i] <= numbers_[i - 1] + 1) continue;
      gaps.push_back(
          absl::StrFormat("batches %d to %d", numbers_[i - 1] + 1, numbers_[i] - 1));
    }
    return gaps;
  }

  rocksdb::Status PutCF(uint32_t, const rocksdb::Slice& key, const rocksdb::Slice& value) override {
    changes_.push_back({key.ToString(), value.ToString()});
    return rocksdb::Status::OK();
  }
  rocksdb::Status DeleteCF(uint32_t, const rocksdb::Slice& key) override {
    changes_.push_back({key.ToString(), std::nullopt});
    return rocksdb::Status::OK();
  }

 private:
  void ApplyOne(Change& change) {
    uint64_t number = 0;
    if (change.key == kBatchKey && change.value && absl::SimpleAtoi(*change.value, &number)) {
      numbers_.push_back(number);
    }
    if (change.value) {
      entries_->insert_or_assign(change.key, std::move(*change.value));
    } else {
      entries_->erase(change.key);
    }
  }

  Content* const entries_;
  std::vector<Change> changes_;
  std::vector<uint64_t> numbers_;
};

// The number in a key behind its prefix, as far as the key goes.
uint64_t NumberIn(const std::string& key) {
  uint64_t number = 0;
  for (size_t i = 1; i <= kIdBytes; ++i) {
    number = (number << 8) | (i < key.size() ? static_cast<uint8_t>(key[i]) : 0);
  }
  return number;
}

std::string KeyOf(char prefix, uint64_t number) {
  std::string key(1, prefix);
  for (int shift = 56; shift >= 0; shift -= 8) {
    key.push_back(static_cast<char>((number >> shift) & 0xFF));
  }
  return key;
}

class Reader {
 public:
  Reader(rocksdb::DB& db, DatabaseContent* out) : db_(db), out_(out) {}

  void ReadAll() {
    for (const char prefix : {kHandlePrefix, kIntentPrefix, kIndexPrefix, kSetAsidePrefix,
                              kAttemptsKey[0]}) {
      ReadPrefix(prefix);
    }
  }

 private:
  void ReadPrefix(char prefix) {
    uint64_t from = 0;
    for (;;) {
      uint64_t last_good = from;
      if (ReadFrom(KeyOf(prefix, from), prefix, &last_good)) return;
      const std::optional<uint64_t> next = NextReadable(prefix, last_good);
      out_->losses.push_back(absl::StrFormat(
          "keys of kind '%c' from 0x%x up to %s cannot be read: %s", prefix, last_good,
          next ? absl::StrFormat("0x%x", *next) : std::string("the last"), error_));
      if (!next) return;
      from = *next;
    }
  }

  // False when it met something that cannot be read, after *last_good.
  bool ReadFrom(const std::string& start, char prefix, uint64_t* last_good) {
    const std::unique_ptr<rocksdb::Iterator> at(db_.NewIterator(Options()));
    for (at->Seek(start); at->Valid(); at->Next()) {
      const std::string key = at->key().ToString();
      if (key.empty() || key[0] != prefix) return true;
      *last_good = NumberIn(key);
      out_->entries[key] = at->value().ToString();
    }
    if (at->status().ok()) return true;
    error_ = at->status().ToString();
    return false;
  }

  bool IsReadable(char prefix, uint64_t number) {
    const std::unique_ptr<rocksdb::Iterator> at(db_.NewIterator(Options()));
    at->Seek(KeyOf(prefix, number));
    return at->status().ok();
  }

  // The lowest number behind the damage from which reading goes on: blocks of a file are ranges of
  // keys, so the way there is doubled until it leaves the block, then halved.
  std::optional<uint64_t> NextReadable(char prefix, uint64_t last_good) {
    uint64_t unreadable = last_good;
    uint64_t step = 1;
    for (;; step *= 2) {
      if (step > UINT64_MAX - last_good) return std::nullopt;
      if (IsReadable(prefix, last_good + step)) break;
      unreadable = last_good + step;
      if (step > UINT64_MAX / 2) return std::nullopt;
    }
    uint64_t readable = last_good + step;
    while (readable - unreadable > 1) {
      const uint64_t middle = unreadable + (readable - unreadable) / 2;
      (IsReadable(prefix, middle) ? readable : unreadable) = middle;
    }
    return readable;
  }

  static rocksdb::ReadOptions Options() {
    rocksdb::ReadOptions options;
    options.verify_checksums = true;
    options.fill_cache = false;
    return options;
  }

  rocksdb::DB& db_;
  DatabaseContent* const out_;
  std::string error_;
};

// Handles whose index entry is there and which are not.
void NameLostHandles(DatabaseContent* content) {
  std::vector<std::string> orphans;
  for (const auto& [key, about] : content->entries) {
    if (key[0] != kIndexPrefix) continue;
    std::string handle = key;
    handle[0] = kHandlePrefix;
    if (content->entries.contains(handle)) continue;
    orphans.push_back(key);
    content->losses.push_back(absl::StrFormat("handle 0x%x (%s) is lost", NumberIn(key), about));
    ++content->lost_count;
  }
  for (const std::string& key : orphans) content->entries.erase(key);
}

class RocksFactory final : public DatabaseFactory {
 public:
  explicit RocksFactory(rocksdb::Env* env) : env_(env) {}

  absl::StatusOr<std::unique_ptr<Database>> Create(const std::string& path) override {
    rocksdb::Options options = BaseOptions(env_);
    options.create_if_missing = true;
    options.error_if_exists = true;
    rocksdb::DB* db = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(options, path, &db);
    if (!status.ok()) return ToAbsl(status, "create " + path);
    return std::make_unique<RocksDatabase>(std::unique_ptr<rocksdb::DB>(db), path);
  }

  absl::StatusOr<DatabaseContent> Read(const std::string& path) override {
    DatabaseContent content;
    // An owner that died before its database was made left nothing.
    if (!env_->FileExists(path + "/CURRENT").ok()) return content;
    OpenedForReading opened;
    rocksdb::Status status =
        OpenForReading(env_, path, rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords, &opened);
    if (status.IsCorruption() || status.IsNotFound() || IsFileMissing(status)) {
      content.losses.push_back(path + ": " + status.ToString() + "; what RocksDB's repair can save");
      status = rocksdb::RepairDB(path, BaseOptions(env_));
      if (status.ok()) {
        status = OpenForReading(env_, path, rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords,
                                &opened);
      }
      if (!status.ok()) {
        content.losses.push_back(path + ": nothing could be saved: " + status.ToString());
        return content;
      }
    }
    if (!status.ok()) return ToAbsl(status, "open " + path);
    Reader(*opened.db, &content).ReadAll();
    if (!opened.drops.empty()) ReadDamagedLogs(path, opened.drops, &content);
    NameLostHandles(&content);
    return content;
  }

 private:
  static bool IsFileMissing(const rocksdb::Status& status) {
    return status.IsPathNotFound() || absl::StrContains(status.ToString(), "No such file");
  }

  // A power cut may tear the last batch of a log, which nobody was told of: no loss. Where whole
  // batches follow what was dropped, something that was synced is damaged.
  void ReadDamagedLogs(const std::string& path, const std::vector<std::string>& drops,
                       DatabaseContent* content) {
    BatchApplier applier(&content->entries);
    for (const std::string& log : LogsOf(path)) {
      std::string data;
      if (!rocksdb::ReadFileToString(env_, log, &data).ok()) continue;
      for (const std::string& batch : SalvageLog(data)) applier.Apply(batch);
    }
    const std::vector<std::string> gaps = applier.Gaps();
    if (gaps.empty()) return;
    for (const std::string& gap : gaps) {
      content->losses.push_back(absl::StrFormat(
          "%s: %s: lost; what they removed may be back, what they added is gone", path, gap));
    }
    for (const std::string& drop : drops) content->losses.push_back(path + ": RocksDB says: " + drop);
  }

  // In the order in which they were written.
  std::vector<std::string> LogsOf(const std::string& path) {
    std::vector<std::string> names;
    std::vector<std::string> logs;
    if (!env_->GetChildren(path, &names).ok()) return logs;
    for (const std::string& name : names) {
      if (absl::EndsWith(name, ".log")) logs.push_back(path + "/" + name);
    }
    std::ranges::sort(logs);  // Numbers have leading zeros.
    return logs;
  }

  rocksdb::Env* const env_;
};

}  // namespace

std::unique_ptr<DatabaseFactory> MakeRocksFactory(rocksdb::Env* env) {
  return std::make_unique<RocksFactory>(env);
}

std::unique_ptr<DatabaseFactory> MakeRocksFactory() {
  return MakeRocksFactory(rocksdb::Env::Default());
}

}  // namespace continuo::castore
