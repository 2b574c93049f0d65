// smbload: how fast a server serves, from many connections with many requests under way.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <map>
#include <string>

#include <CLI/CLI.hpp>

#include "common/crypto/random.h"
#include "tools/smbload/report.h"
#include "tools/smbload/workload.h"

namespace continuo::smbload {
namespace {

constexpr int kExitFailure = 1;
constexpr int kExitHadErrors = 2;

struct CommandLine {
  WorkloadOptions workload;
  std::string user = "guest%";
  std::string mix = "echo";
  std::string mode = "plain";
  std::string dialect = "3.1.1";
  std::string cipher;
  std::string signing;
  double seconds = 0;
  uint64_t count = 0;
  bool unlink = false;
  bool json = false;
};

const std::map<std::string, uint16_t> kDialects = {{"2.0.2", smbwire::kDialect202},
                                                   {"2.1", smbwire::kDialect210},
                                                   {"3.0", smbwire::kDialect300},
                                                   {"3.0.2", smbwire::kDialect302},
                                                   {"3.1.1", smbwire::kDialect311}};
const std::map<std::string, Protection> kModes = {{"plain", Protection::kPlain},
                                                  {"signed", Protection::kSigned},
                                                  {"sealed", Protection::kSealed}};
const std::map<std::string, uint16_t> kCiphers = {
    {"aes-128-ccm", smbwire::kCipherAes128Ccm},
    {"aes-128-gcm", smbwire::kCipherAes128Gcm},
    {"aes-256-ccm", smbwire::kCipherAes256Ccm},
    {"aes-256-gcm", smbwire::kCipherAes256Gcm}};
const std::map<std::string, uint16_t> kSigning = {{"hmac-sha256", smbwire::kSigningHmacSha256},
                                                  {"aes-128-cmac", smbwire::kSigningAesCmac},
                                                  {"aes-128-gmac", smbwire::kSigningAesGmac}};

template <typename Map>
CLI::Validator OneOf(const Map& map) {
  std::vector<std::string> names;
  for (const auto& [name, value] : map) names.push_back(name);
  return CLI::IsMember(names);
}

void Declare(CLI::App& app, CommandLine& line) {
  WorkloadOptions& w = line.workload;
  app.add_option("--server", w.client.server, "Name or address")->capture_default_str();
  app.add_option("--port", w.client.port, "TCP port")->capture_default_str();
  app.add_option("--share", w.client.share, "Share name")->required();
  app.add_option("--user", line.user, "[DOMAIN\\\\]USER%PASSWORD")->required();
  app.add_option("--connections", w.connections, "Connections, each with its own session")
      ->check(CLI::Range(1u, 100000u))
      ->capture_default_str();
  app.add_option("--depth", w.depth, "Operations under way on each connection")
      ->check(CLI::Range(1u, 4096u))
      ->capture_default_str();
  app.add_option("--seconds", line.seconds, "Run for so long (default 5 without --count)")
      ->check(CLI::Range(0.1, 1e6));
  app.add_option("--count", line.count, "Run so many operations");
  app.add_option("--mode", line.mode, "plain, signed or sealed")
      ->check(OneOf(kModes))
      ->capture_default_str();
  app.add_option("--dialect", line.dialect, "The only dialect to offer")
      ->check(OneOf(kDialects))
      ->capture_default_str();
  app.add_option("--cipher", line.cipher, "The only cipher to offer (3.1.1)")
      ->check(OneOf(kCiphers));
  app.add_option("--signing", line.signing, "The only signing algorithm to offer (3.1.1)")
      ->check(OneOf(kSigning));
  app.add_option("--mix", line.mix,
                 "open, read, write, stat, list, create, echo, with weights as in "
                 "read=70,write=30; or idle: print \"ready\" and hold the connections until "
                 "standard input ends")
      ->capture_default_str();
  app.add_option("--size", w.io_size_bytes, "Bytes of one READ or WRITE")
      ->check(CLI::Range(1u, 8u << 20))
      ->capture_default_str();
  app.add_option("--file-size", w.file_size_bytes, "Bytes of each connection's data file")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 40))
      ->capture_default_str();
  app.add_option("--file-count", w.file_count, "Files for open, stat and list")
      ->check(CLI::Range(1u, 10000000u))
      ->capture_default_str();
  app.add_option("--dir", w.directory, "Directory on the share that everything happens in")
      ->capture_default_str();
  app.add_flag("--random", w.random_offsets, "Random instead of sequential offsets");
  app.add_flag("--unlink", line.unlink, "create: delete each file with its close");
  app.add_flag("--no-prepare", w.skip_prepare, "The files are there from an earlier run");
  app.add_flag("--persistent", w.is_persistent,
               "open: ask for persistent handles (3.x); one that is not granted is an error");
  app.add_flag("--json", line.json, "Print one JSON object");
}

// Fills in what the command line says in words. Errors: InvalidArgument.
absl::Status Complete(CommandLine& line) {
  WorkloadOptions& w = line.workload;
  w.client.protection = kModes.at(line.mode);
  w.client.dialect = kDialects.at(line.dialect);
  if (!line.cipher.empty()) w.client.ciphers = {kCiphers.at(line.cipher)};
  if (!line.signing.empty()) w.client.signing_algorithms = {kSigning.at(line.signing)};
  if (line.unlink) w.keep = Keep::kDeleteOnClose;
  std::string user = line.user;
  if (const size_t percent = user.find('%'); percent != std::string::npos) {
    w.client.identity.password = user.substr(percent + 1);
    user.resize(percent);
  }
  if (const size_t backslash = user.find('\\'); backslash != std::string::npos) {
    w.client.identity.domain = user.substr(0, backslash);
    user.erase(0, backslash + 1);
  }
  w.client.identity.user = user;
  if (line.count > 0) w.operation_count = line.count;
  if (line.seconds > 0 || line.count == 0) {
    w.duration = absl::Seconds(line.seconds > 0 ? line.seconds : 5.0);
  }
  CONTINUO_ASSIGN_OR_RETURN(w.mix, ParseMix(line.mix));
  const uint32_t max_io_bytes =
      w.client.dialect == smbwire::kDialect202 ? uint32_t{kBytesPerCredit} : 8u << 20;
  if (w.io_size_bytes > max_io_bytes) {
    return absl::InvalidArgumentError("dialect 2.0.2 has no requests above 65536 bytes");
  }
  if (w.is_persistent && w.client.dialect < smbwire::kDialect300) {
    return absl::InvalidArgumentError("--persistent needs dialect 3.0 or later");
  }
  return absl::OkStatus();
}

// One descriptor for each connection and a few more.
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "smbload: %s\n", status.ToString().c_str());
  return kExitFailure;
}

int Run(const CommandLine& line) {
  crypto::SystemRandom random;
  Workload workload(line.workload, random);
  if (const absl::Status connected = workload.Connect(); !connected.ok()) return Fail(connected);
  if (line.workload.mix.empty()) {
    std::printf("ready\n");
    std::fflush(stdout);
    workload.HoldUntilEndOf(STDIN_FILENO);
    return 0;
  }
  const uint32_t max_read = workload.first_client().max_read_size_bytes();
  const uint32_t max_write = workload.first_client().max_write_size_bytes();
  if (line.workload.io_size_bytes > std::min(max_read, max_write)) {
    return Fail(absl::InvalidArgumentError("--size is above what the server negotiated"));
  }
  if (const absl::Status prepared = workload.Prepare(); !prepared.ok()) return Fail(prepared);
  const Results results = workload.Run();
  const RunDescription description = {line.mix, line.mode, line.workload.client.dialect,
                                      line.workload.connections, line.workload.depth};
  const std::string report =
      line.json ? ToJson(description, results) : ToText(description, results);
  std::fputs(report.c_str(), stdout);
  return results.errors.empty() && results.connections_lost == 0 ? 0 : kExitHadErrors;
}

}  // namespace
}  // namespace continuo::smbload

int main(int argc, char** argv) {
  using namespace continuo::smbload;  // NOLINT: main only.
  std::signal(SIGPIPE, SIG_IGN);
  CLI::App app{"Load generator for SMB2/3 servers", "smbload"};
  CommandLine line;
  Declare(app, line);
  CLI11_PARSE(app, argc, argv);
  if (const absl::Status completed = Complete(line); !completed.ok()) return Fail(completed);
  RaiseFileLimit();
  return Run(line);
}
