#include "services/watchdog-supervisor/history/history_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include <absl/strings/str_format.h>
#include <absl/strings/str_split.h>

#include "common/rpc/unique_fd.h"

namespace continuo::supervisor {

namespace {

std::string OneField(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return text;
}

void ReadFile(const std::string& path, std::vector<HistoryEvent>* events) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    HistoryEvent event;
    if (fields.size() != 4 || !absl::ParseTime(absl::RFC3339_full, fields[0], &event.time, nullptr)) {
      continue;
    }
    event.event = fields[1];
    event.daemon = fields[2];
    event.reason = fields[3];
    events->push_back(std::move(event));
  }
}

}  // namespace

std::string HistoryPath(const std::string& run_dir) { return run_dir + "/watchdog-history"; }

absl::Status AppendHistory(const std::string& path, const HistoryEvent& event) {
  struct stat status {};
  if (stat(path.c_str(), &status) == 0 &&
      static_cast<size_t>(status.st_size) > kHistoryMaxBytes) {
    std::rename(path.c_str(), (path + ".1").c_str());  // The next line goes to a new file or here.
  }
  const rpc::UniqueFd file(
      open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640));
  const std::string line = absl::StrFormat(
      "%s\t%s\t%s\t%s\n", absl::FormatTime(absl::RFC3339_full, event.time, absl::UTCTimeZone()),
      OneField(event.event), OneField(event.daemon), OneField(event.reason));
  if (!file.ok() ||
      write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
      fdatasync(file.get()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrFormat("append to %s", path));
  }
  return absl::OkStatus();
}

std::vector<HistoryEvent> ReadHistory(const std::string& path, size_t max_entries) {
  std::vector<HistoryEvent> events;
  ReadFile(path + ".1", &events);
  ReadFile(path, &events);
  std::reverse(events.begin(), events.end());
  if (max_entries != 0 && events.size() > max_entries) events.resize(max_entries);
  return events;
}

}  // namespace continuo::supervisor
