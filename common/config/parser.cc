#include "common/config/parser.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include <absl/strings/str_format.h>

#include "common/base/text.h"
#include "common/bytes/utf16.h"
#include "common/config/key_table.h"
#include "common/config/not_built.h"
#include "common/config/values.h"

namespace continuo::config {
namespace {

constexpr size_t kMaxQuotedValueSizeBytes = 120;
constexpr std::string_view kUtf8ByteOrderMark = "\xEF\xBB\xBF";

struct Place {
  int line = 0;
  int column = 0;
};

enum class Block { kNone, kGlobal, kShare };

std::string_view BlockName(Block block) { return block == Block::kGlobal ? "global" : "share"; }

// What stands in one line once comment and blanks are gone.
struct Statement {
  std::string_view text;
  int column = 1;
  // Where a '#' that touches the text before it was taken as a comment; 0: nowhere.
  int tight_comment_column = 0;
};

// `#` starts a comment wherever it stands, but not inside a value in double quotes.
Statement TakeStatement(std::string_view line) {
  const size_t equals = line.find('=');
  size_t search_from = 0;
  if (equals != std::string_view::npos && line.find('#') > equals) {
    const size_t value = line.find_first_not_of(" \t", equals + 1);
    if (value != std::string_view::npos && line[value] == '"') {
      size_t end = value + 1;
      while (end < line.size() && line[end] != '"') end += line[end] == '\\' ? 2u : 1u;
      if (end < line.size()) search_from = end + 1;
    }
  }
  Statement statement;
  const size_t hash = line.find('#', search_from);
  if (hash != std::string_view::npos) {
    const bool is_tight = hash > 0 && line[hash - 1] != ' ' && line[hash - 1] != '\t';
    if (is_tight) statement.tight_comment_column = static_cast<int>(hash) + 1;
    line = line.substr(0, hash);
  }
  statement.text = Trim(line);
  if (!statement.text.empty()) {
    statement.column = static_cast<int>(statement.text.data() - line.data()) + 1;
  }
  return statement;
}

// Removes the quotes of a value that is wholly quoted; `\"` and `\\` stand for themselves.
absl::Status Unquote(std::string_view text, std::string& out) {
  out = text;
  if (!text.starts_with('"')) return absl::OkStatus();
  std::string plain;
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\')) {
      plain += text[++i];
    } else if (text[i] == '"') {
      if (i + 1 != text.size()) break;
      out = std::move(plain);
      return absl::OkStatus();
    } else {
      plain += text[i];
    }
  }
  return absl::InvalidArgumentError("expected a closing quote at the end of the value");
}

void ReplaceAll(std::string& text, std::string_view what, std::string_view with) {
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at)) {
    text.replace(at, what.size(), with);
    at += with.size();
  }
}

class Parser {
 public:
  Parser(std::string_view file_name, const ParseOptions& options)
      : file_name_(file_name), options_(options) {}

  ParseResult Run(std::string_view text) {
    if (text.starts_with(kUtf8ByteOrderMark)) text.remove_prefix(kUtf8ByteOrderMark.size());
    if (text.size() > kMaxConfigSizeBytes) {
      Error({}, "", absl::StrFormat("the file is larger than %d bytes", kMaxConfigSizeBytes));
      return std::move(result_);
    }
    int line_number = 0;
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      std::string_view line = text.substr(0, end);
      if (line.ends_with('\r')) line.remove_suffix(1);
      ReadLine(line, ++line_number);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    if (block_ != Block::kNone) ReportUnclosed();
    Finish();
    return std::move(result_);
  }

 private:
  void Add(std::vector<Diagnostic>& list, Place place, std::string_view key, std::string message) {
    if (list.size() >= kMaxDiagnostics) return;
    list.push_back({file_name_, place.line, place.column, std::string(key), std::move(message)});
  }
  void Error(Place place, std::string_view key, std::string message) {
    Add(result_.errors, place, key, std::move(message));
  }
  void Warn(Place place, std::string_view key, std::string message) {
    Add(result_.warnings, place, key, std::move(message));
  }

  void ReadLine(std::string_view line, int line_number) {
    const auto control = std::find_if(line.begin(), line.end(), [](char c) {
      return static_cast<unsigned char>(c) < 0x20 && c != '\t';
    });
    if (control != line.end()) {
      Error({line_number, static_cast<int>(control - line.begin()) + 1}, "",
            "expected text, found a control character");
      return;
    }
    const Statement statement = TakeStatement(line);
    if (statement.text.empty()) return;
    const Place place{line_number, statement.column};
    if (statement.tight_comment_column != 0) {
      Warn({line_number, statement.tight_comment_column}, "",
           "'#' starts a comment here; put the value in double quotes to keep it");
    }
    if (statement.text.starts_with('[')) return ReadBlockMark(statement.text, place);
    ReadSetting(statement.text, place);
  }

  void ReadBlockMark(std::string_view text, Place place) {
    if (text == "[global]") return OpenBlock(Block::kGlobal, place);
    if (text == "[share]") return OpenBlock(Block::kShare, place);
    if (text == "[/global]") return CloseBlock(Block::kGlobal, place);
    if (text == "[/share]") return CloseBlock(Block::kShare, place);
    Error(place, "",
          absl::StrFormat("expected [global], [/global], [share] or [/share], found '%s'",
                          Shortened(text)));
  }

  void OpenBlock(Block block, Place place) {
    if (block_ != Block::kNone) ReportUnclosed();
    if (block == Block::kGlobal && has_global_) {
      Error(place, "", "expected only one [global] block");
    }
    if (block == Block::kShare && !has_global_) {
      Error(place, "", "expected the [global] block before the first [share]");
      has_global_ = true;  // Says it once.
    }
    block_ = block;
    block_place_ = place;
    seen_.clear();
    if (block == Block::kGlobal) has_global_ = true;
    share_ = Share{};
    share_.encrypt_data = result_.config.global.encrypt_data;
    share_.ca = result_.config.global.ca;
  }

  void CloseBlock(Block block, Place place) {
    if (block_ == Block::kNone) {
      Error(place, "", absl::StrFormat("[/%s] without [%s] before it",
                                       std::string(BlockName(block)),
                                       std::string(BlockName(block))));
      return;
    }
    if (block != block_) {
      Error(place, "",
            absl::StrFormat("expected [/%s], which ends the block of line %d",
                            std::string(BlockName(block_)), block_place_.line));
    }
    EndBlock();
  }

  void ReportUnclosed() {
    Error(block_place_, "",
          absl::StrFormat("[%s] is never closed: expected [/%s]", std::string(BlockName(block_)),
                          std::string(BlockName(block_))));
    EndBlock();
  }

  void EndBlock() {
    if (block_ == Block::kGlobal) CheckGlobal();
    if (block_ == Block::kShare) EndShare();
    block_ = Block::kNone;
  }

  void ReadSetting(std::string_view text, Place place) {
    const size_t equals = text.find('=');
    const std::string_view name = Trim(text.substr(0, equals));
    if (equals == std::string_view::npos || name.empty()) {
      // The line may be a value that lost its key, so it is not repeated here.
      Error(place, "", "expected key = value, a block mark or a comment");
      return;
    }
    if (block_ == Block::kNone) {
      Error(place, name, "expected inside [global] … [/global] or [share] … [/share]");
      return;
    }
    const KeyInfo* key = FindKey(name);
    if (key == nullptr) return ReportUnknownKey(name, place);
    if (!(block_ == Block::kGlobal ? key->IsInGlobal() : key->IsInShare())) {
      Error(place, name,
            absl::StrFormat("expected in a [%s] block",
                            block_ == Block::kGlobal ? "share" : "global"));
      return;
    }
    const auto [earlier, is_first] = seen_.emplace(key->name, place);
    if (!is_first && !key->is_repeatable) {
      Error(place, name,
            absl::StrFormat("expected once in a block, but line %d sets it too",
                            earlier->second.line));
      return;
    }
    const std::string_view raw = Trim(text.substr(equals + 1));
    const size_t value_offset =
        raw.empty() ? equals + 1 : static_cast<size_t>(raw.data() - text.data());
    place.column += static_cast<int>(value_offset);
    SetValue(*key, raw, place);
  }

  void ReportUnknownKey(std::string_view name, Place place) {
    const std::string nearest = NearestKey(name);
    std::string message = "unknown key";
    if (!nearest.empty()) message += absl::StrFormat("; did you mean %s?", nearest);
    Error(place, Shortened(name), std::move(message));
  }

  // `raw` is the value as it stands in the file, at `place`.
  void SetValue(const KeyInfo& key, std::string_view raw, Place place) {
    std::string value;
    absl::Status status = Unquote(raw, value);
    if (status.ok()) {
      status = block_ == Block::kGlobal ? key.set_global(result_.config.global, value)
                                        : key.set_share(share_, value);
    }
    if (status.ok() && key.name == "security_descriptor" && options_.validate_sddl) {
      status = options_.validate_sddl(value);
    }
    if (!status.ok()) return ReportBadValue(key, value, status, place);
    WarnIfNotBuilt(key, value, place);
    NoteMeaning(key, value, place);
  }

  void ReportBadValue(const KeyInfo& key, std::string_view value, const absl::Status& status,
                      Place place) {
    std::string message(status.message());
    if (!key.is_secret) message += absl::StrFormat(", found '%s'", Shortened(value));
    Error(place, key.name, std::move(message));
  }

  void WarnIfNotBuilt(const KeyInfo& key, std::string_view value, Place place) {
    const std::string shown = block_ == Block::kGlobal ? key.show_global(result_.config.global)
                                                       : key.show_share(share_);
    const NotBuilt* entry = FindNotBuilt(key.name, value, shown == key.Default());
    if (entry == nullptr) return;
    Warn(place, key.name,
         absl::StrFormat("accepted, but not built yet: %s", std::string(entry->consequence)));
  }

  // Published manuals disagree about the unit of a bare watchdog_timeout.
  void NoteMeaning(const KeyInfo& key, std::string_view value, Place place) {
    if (key.name != "watchdog_timeout") return;
    if (value.find_first_not_of("0123456789") != std::string_view::npos) return;
    Add(result_.notes, place, key.name,
        absl::StrFormat("%s means %s milliseconds; write %sms or %ss to say it outright",
                        std::string(value), std::string(value), std::string(value),
                        std::string(value)));
  }

  Place PlaceOf(std::string_view key) const {
    const auto found = seen_.find(key);
    return found == seen_.end() ? block_place_ : found->second;
  }

  void CheckGlobal() {
    Global& global = result_.config.global;
    if (global.listen.empty()) global.listen.push_back(Listen{});
    const auto needs = [&](bool is_on, bool is_given, std::string_view key,
                           std::string_view needed) {
      if (is_on && !is_given) {
        Error(PlaceOf(key), key, absl::StrFormat("expected %s with it", std::string(needed)));
      }
    };
    needs(global.ca, !global.ca_path.empty(), "ca", "ca_path");
    needs(global.tcp_tickle, !global.tcp_tickle_path.empty(), "tcp_tickle",
          "tcp_tickle_params = path=<path>");
    needs(global.audit_enable, !global.audit_params.path.empty(), "audit_enable",
          "audit_params = path=<path>");
    needs(global.log_destination == LogDestination::kFile, !global.log_path.empty(),
          "log_destination", "log_params = path=<path>");
    needs(global.userdb_type == UserDbType::kAd, !global.domain.empty(), "userdb_type", "domain");
    needs(global.userdb_type == UserDbType::kLdap,
          !global.ldap.uri.empty() && !global.ldap.base_dn.empty(), "userdb_type",
          "ldap_uri and ldap_base_dn");
    constexpr uint16_t kMetricsPorts = 6;
    needs(global.metrics_listen.port > UINT16_MAX - kMetricsPorts, false, "metrics_listen",
          "a port with five more above it");
  }

  void EndShare() {
    CheckShare();
    if (share_.ca_params.path.empty() && !result_.config.global.ca_path.empty()) {
      share_.ca_params.path = result_.config.global.ca_path + "/" + share_.netname;
    }
    ReplaceVariables(share_.vss_params.path);
    ReplaceVariables(share_.vss_params.share_root);
    if (!share_.security_descriptor.empty()) share_.permissions.clear();
    if (result_.config.shares.size() == kMaxShares) {
      Error(block_place_, "", absl::StrFormat("expected at most %d shares", kMaxShares));
    }
    if (result_.config.shares.size() < kMaxShares) {
      result_.config.shares.push_back(std::move(share_));
    }
    share_ = Share{};
  }

  void CheckShare() {
    if (!seen_.contains("netname")) Error(block_place_, "netname", "expected in every [share]");
    if (!seen_.contains("path")) Error(block_place_, "path", "expected in every [share]");
    if (seen_.contains("permissions") && seen_.contains("security_descriptor")) {
      Error(PlaceOf("security_descriptor"), "security_descriptor",
            "expected either permissions or security_descriptor");
    }
    if (share_.vss && share_.vss_params.path.empty()) {
      Error(PlaceOf("vss"), "vss", "expected vss_params with it");
    }
    if (share_.ca && result_.config.global.ca_path.empty()) {
      Error(PlaceOf("ca"), "ca", "expected ca_path in [global] with it");
    }
    if (share_.netname.empty()) return;
    const auto [earlier, is_new] = netname_lines_.emplace(bytes::FoldName(share_.netname),
                                                          PlaceOf("netname").line);
    if (!is_new) {
      Error(PlaceOf("netname"), "netname",
            absl::StrFormat("expected a name of its own, but line %d has the same ('%s'; case "
                            "makes no difference)",
                            earlier->second, share_.netname));
    }
  }

  void ReplaceVariables(std::string& text) {
    const size_t slash = share_.path.rfind('/');
    const std::string dirname =
        slash == std::string::npos || slash == 0 ? "/" : share_.path.substr(0, slash);
    const std::string basename =
        slash == std::string::npos ? share_.path : share_.path.substr(slash + 1);
    ReplaceAll(text, "${share.netname}", share_.netname);
    ReplaceAll(text, "${share.path.dirname}", dirname);
    ReplaceAll(text, "${share.path.basename}", basename);
    if (text.find("${") != std::string::npos) {
      Error(PlaceOf("vss_params"), "vss_params",
            "expected no variable but ${share.netname}, ${share.path.dirname} and "
            "${share.path.basename}");
    }
  }

  void Finish() {
    if (!has_global_) Error({}, "", "expected a [global] … [/global] block");
    const auto by_place = [](const Diagnostic& a, const Diagnostic& b) {
      return std::pair(a.line, a.column) < std::pair(b.line, b.column);
    };
    std::stable_sort(result_.errors.begin(), result_.errors.end(), by_place);
  }

  static std::string Shortened(std::string_view text) {
    if (text.size() <= kMaxQuotedValueSizeBytes) return std::string(text);
    return std::string(text.substr(0, kMaxQuotedValueSizeBytes)) + "…";
  }

  const std::string file_name_;
  const ParseOptions& options_;
  ParseResult result_;
  Block block_ = Block::kNone;
  Place block_place_;
  bool has_global_ = false;
  Share share_;                                // Under construction, inside [share].
  std::map<std::string, Place, std::less<>> seen_;  // Keys of the current block.
  std::map<std::string, int> netname_lines_;   // Folded netname to line.
};

std::string DescribeList(const std::vector<Diagnostic>& list, std::string_view prefix) {
  std::string text;
  for (const Diagnostic& diagnostic : list) {
    text += prefix;
    text += diagnostic.ToString();
    text += '\n';
  }
  return text;
}

}  // namespace

std::string Diagnostic::ToString() const {
  std::string text = file;
  if (line > 0) text += absl::StrFormat(":%d:%d", line, column);
  if (!key.empty()) text += ": " + key;
  return text + ": " + message;
}

std::string ParseResult::DescribeErrors() const { return DescribeList(errors, ""); }

std::string ParseResult::Describe() const {
  return DescribeList(errors, "error: ") + DescribeList(warnings, "warning: ") +
         DescribeList(notes, "note: ");
}

ParseResult ParseConfig(std::string_view text, std::string_view file_name,
                        const ParseOptions& options) {
  return Parser(file_name, options).Run(text);
}

ParseResult LoadConfigFile(const std::string& path, const ParseOptions& options) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (!file || file.bad()) {
    ParseResult result;
    result.errors.push_back(
        {path, 0, 0, "", absl::StrFormat("cannot be read: %s", std::strerror(errno))});
    return result;
  }
  return ParseConfig(text.str(), path, options);
}

}  // namespace continuo::config
