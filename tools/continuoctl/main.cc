// continuoctl: looks at a node and changes the little that an administrator changes by hand.
//
// Each command is one function of its own file; this one only reads the command line.
#include <CLI/CLI.hpp>

#include "common/rpc/version.h"
#include "tools/continuoctl/config_commands.h"
#include "tools/continuoctl/failover.h"
#include "tools/continuoctl/handles.h"
#include "tools/continuoctl/identity.h"
#include "tools/continuoctl/listings.h"
#include "tools/continuoctl/locks.h"
#include "tools/continuoctl/status.h"
#include "tools/continuoctl/tickle.h"
#include "tools/continuoctl/users.h"

namespace continuo::ctl {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 done, 1 refused or a daemon is not well, 2 wrong command line,\n"
    "3 a daemon that is needed does not answer, 78 bad configuration.";

// The values that options write into; lives as long as the parsing.
struct Arguments {
  Context context;
  double timeout_s = 5;
  StatusOptions status;
  double wait_s = 0;
  double rate_interval_s = 0.5;
  std::string share;
  uint64_t session_id = 0;
  std::string file_id;
  NewUserOptions user;
  std::string name;
  std::string path;
  int failover_count = 1;
  bool is_markdown = false;
  bool is_name_only = false;
  bool is_all_nodes = false;
  int exit_code = kExitOk;
};

void AddStatus(CLI::App& app, Arguments& args) {
  CLI::App* status = app.add_subcommand("status", "Daemons, clients and throughput on one screen");
  status->add_option("--wait", args.wait_s, "Wait this many seconds for all daemons to serve");
  status->add_option("--interval", args.rate_interval_s,
                     "Seconds over which rates are measured; 0: no rates");
  status->add_flag("--quiet", args.status.is_quiet, "Only the exit code");
  status->callback([&args] {
    args.status.wait = absl::Seconds(args.wait_s);
    args.status.rate_interval = absl::Seconds(args.rate_interval_s);
    args.exit_code = ShowStatus(args.context, args.status);
  });
}

void AddListings(CLI::App& app, Arguments& args) {
  CLI::App* sessions = app.add_subcommand("sessions", "Who is logged on");
  CLI::App* close_session = sessions->add_subcommand("close", "End a session");
  close_session->add_option("SESSION", args.session_id, "Id, decimal or 0x…")->required();
  close_session->callback(
      [&args] { args.exit_code = CloseSession(args.context, args.session_id); });
  sessions->callback([&args, sessions, close_session] {
    if (!sessions->got_subcommand(close_session)) args.exit_code = ListSessions(args.context);
  });

  CLI::App* opens = app.add_subcommand("opens", "Open files");
  opens->add_option("--share", args.share, "Only of this share");
  opens->add_option("--session", args.session_id, "Only of this session");
  CLI::App* close_open = opens->add_subcommand("close", "Close an open file");
  close_open->add_option("FILE_ID", args.file_id, "As the listing shows it")->required();
  close_open->callback([&args] { args.exit_code = CloseOpen(args.context, args.file_id); });
  opens->callback([&args, opens, close_open] {
    if (opens->got_subcommand(close_open)) return;
    args.exit_code = ListOpens(args.context, args.share, args.session_id);
  });

  app.add_subcommand("connections", "TCP connections of clients")->callback([&args] {
    args.exit_code = ListConnections(args.context);
  });
  app.add_subcommand("trees", "Connected shares, session by session")->callback([&args] {
    args.exit_code = ListTreeConnects(args.context);
  });
  app.add_subcommand("shares", "Shares in force")->callback([&args] {
    args.exit_code = ListShares(args.context);
  });
}

void AddState(CLI::App& app, Arguments& args) {
  app.add_subcommand("locks", "Byte-range locks")->callback([&args] {
    args.exit_code = ListLocks(args.context);
  });
  app.add_subcommand("leases", "Leases")->callback([&args] {
    args.exit_code = ListLeases(args.context);
  });
  CLI::App* delegation = app.add_subcommand("delegation", "Which daemon decides about open files");
  CLI::App* recall = delegation->add_subcommand("recall", "Let fsa-state-service decide");
  recall->callback([&args] { args.exit_code = RecallDelegation(args.context); });
  CLI::App* grant = delegation->add_subcommand("grant", "Let smb-frontend decide");
  grant->callback([&args] { args.exit_code = GrantDelegation(args.context); });
  delegation->callback([&args, delegation] {
    if (delegation->get_subcommands().empty()) args.exit_code = ShowDelegation(args.context);
  });
}

void AddHandles(CLI::App& app, Arguments& args) {
  CLI::App* handles = app.add_subcommand("handles", "Persistent handles on record");
  handles->add_option("--share", args.share, "Only of this share");
  CLI::App* owner = handles->add_subcommand("owner", "Which node owns ca_path; without the daemons");
  owner->add_flag("--name", args.is_name_only, "Only its name; nothing if it stopped in order");
  owner->callback([&args] {
    args.exit_code = ShowOwner(args.context,
                               args.is_name_only ? OwnerFormat::kName : OwnerFormat::kFull);
  });
  CLI::App* adopt = handles->add_subcommand("adopt", "Let the next start take ca_path over");
  adopt->add_option("--confirm-fenced", args.name,
                    "Your word that this node, the owner, is dead: its power is off, or it was "
                    "reset. If it lives, data will be lost")
      ->required();
  adopt->callback([&args] { args.exit_code = ConfirmFencedOwner(args.context, args.name); });
  handles->callback([&args, handles] {
    if (handles->get_subcommands().empty()) args.exit_code = ListHandles(args.context, args.share);
  });
}

void AddTickle(CLI::App& app, Arguments& args) {
  CLI::App* tickle = app.add_subcommand("tickle", "Client connections on record for a failover");
  tickle->add_flag("--all-nodes", args.is_all_nodes, "As they are in the recovery database");
  const auto with_address = [&](const char* verb, const char* text, auto run) {
    CLI::App* command = tickle->add_subcommand(verb, text);
    command->add_option("ADDRESS", args.name)->required();
    command->callback([&args, run] { args.exit_code = run(args.context, args.name); });
  };
  with_address("send", "Tell the clients of an address that has come to reconnect", SendTickles);
  with_address("hand-over", "An address is about to leave: keep its connections on record",
               HandOverConnections);
  with_address("reset", "Reset the connections to an address", ResetConnections);
  tickle->callback([&args, tickle] {
    if (!tickle->get_subcommands().empty()) return;
    args.exit_code = ListRecordedConnections(
        args.context, args.is_all_nodes ? RecordsOf::kAllNodes : RecordsOf::kThisNode);
  });
}

void AddIdentity(CLI::App& app, Arguments& args) {
  CLI::App* identity = app.add_subcommand(
      "identity", "What the nodes of the cluster share; without the daemons");
  CLI::App* accept = identity->add_subcommand(
      "accept", "It was changed on purpose: the next node that starts says what is right");
  accept->callback([&args] { args.exit_code = AcceptIdentity(args.context); });
  identity->callback([&args, identity] {
    if (identity->get_subcommands().empty()) args.exit_code = ShowIdentity(args.context);
  });
}

void AddFailover(CLI::App& app, Arguments& args) {
  CLI::App* failover = app.add_subcommand(
      "failover", "What happened when a node failed, from all nodes' records; without the daemons");
  failover->require_subcommand(1);
  CLI::App* show = failover->add_subcommand("show", "Draw the last failovers as timelines");
  show->add_option("--last", args.failover_count, "How many")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000));
  show->callback([&args] { args.exit_code = ShowFailovers(args.context, args.failover_count); });
  CLI::App* note = failover->add_subcommand("note", "Write down a step that no daemon sees");
  note->add_option("STEP", args.name, "note, fence, address, …")->required();
  note->add_option("TEXT", args.path, "What there is to say of it");
  note->callback(
      [&args] { args.exit_code = NoteFailover(args.context, args.name, args.path); });
}

void AddUsers(CLI::App& app, Arguments& args) {
  CLI::App* user = app.add_subcommand(
      "user", "The user database; passwords are asked for, or are the first line of stdin");
  user->require_subcommand(1);
  CLI::App* add = user->add_subcommand("add", "Add a user");
  add->add_option("NAME", args.user.name)->required();
  add->add_option("--uid", args.user.uid, "Unix user id");
  add->add_option("--gid", args.user.gid, "Unix group id");
  add->add_option("--group", args.user.groups, "Group, made when it does not exist; repeats");
  add->add_option("--full-name", args.user.full_name);
  add->add_flag("--disabled", args.user.is_disabled, "May not log on");
  add->add_flag("--update", args.user.may_exist, "If the user exists, set only the password");
  add->callback([&args] { args.exit_code = AddUser(args.context, args.user); });

  const auto with_name = [&](const char* verb, const char* text, auto run) {
    CLI::App* command = user->add_subcommand(verb, text);
    command->add_option("NAME", args.name)->required();
    command->callback([&args, run] { args.exit_code = run(args.context, args.name); });
  };
  with_name("passwd", "Set a password", SetPassword);
  with_name("del", "Delete a user", DeleteUser);
  with_name("enable", "Let a user log on again", [](const Context& context, const std::string& n) {
    return SetUserState(context, n, UserState::kEnabled);
  });
  with_name("disable", "Keep a user from logging on",
            [](const Context& context, const std::string& n) {
              return SetUserState(context, n, UserState::kDisabled);
            });
  user->add_subcommand("list", "All users")->callback([&args] {
    args.exit_code = ListUsers(args.context);
  });
  CLI::App* import = user->add_subcommand("import-smbpasswd", "Take users from pdbedit -Lw output");
  import->add_option("FILE", args.path, "- is stdin")->required();
  import->callback([&args] { args.exit_code = ImportSmbpasswd(args.context, args.path); });
}

void AddConfig(CLI::App& app, Arguments& args) {
  CLI::App* config = app.add_subcommand("config", "tsmb.conf");
  config->require_subcommand(1);
  const auto path_of = [&args] {
    return args.path.empty() ? args.context.config_path : args.path;
  };
  CLI::App* check = config->add_subcommand("check", "Say what is wrong with a file");
  check->add_option("FILE", args.path, "Default: the one of --config");
  check->callback([&args, path_of] { args.exit_code = CheckConfig(args.context, path_of()); });
  CLI::App* show = config->add_subcommand("show", "Every key with the value that a file gives it");
  show->add_option("FILE", args.path, "Default: the one of --config");
  show->callback([&args, path_of] { args.exit_code = ShowConfigFile(args.context, path_of()); });
  CLI::App* keys = config->add_subcommand("keys", "What every key means");
  keys->add_flag("--markdown", args.is_markdown, "As the page deploy/tsmb.conf.md");
  keys->callback([&args] {
    args.exit_code = ShowKeys(args.context,
                              args.is_markdown ? KeyFormat::kMarkdown : KeyFormat::kText);
  });
}

int Main(int argc, char** argv) {
  Arguments args;
  CLI::App app("Looks at a Continuo node and administers it.");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("continuoctl ") + std::string(rpc::Version()));
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--run-dir", args.context.run_dir, "Where the daemons' sockets are")
      ->capture_default_str();
  app.add_option("--config", args.context.config_path, "tsmb.conf")->capture_default_str();
  app.add_flag("--json", args.context.is_json, "Answers as JSON");
  app.add_option("--timeout", args.timeout_s, "Seconds that an answer may take")
      ->capture_default_str()
      ->check(CLI::Range(0.01, 3600.0));
  app.parse_complete_callback(
      [&args] { args.context.timeout = absl::Seconds(args.timeout_s); });
  AddStatus(app, args);
  AddListings(app, args);
  AddState(app, args);
  AddHandles(app, args);
  AddTickle(app, args);
  AddIdentity(app, args);
  AddFailover(app, args);
  AddUsers(app, args);
  AddConfig(app, args);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : kExitUsage;
  }
  return args.exit_code;
}

}  // namespace
}  // namespace continuo::ctl

int main(int argc, char** argv) { return continuo::ctl::Main(argc, argv); }
