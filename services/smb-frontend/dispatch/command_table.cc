#include "services/smb-frontend/dispatch/command_table.h"

#include <array>

#include "services/smb-frontend/commands/commands.h"

namespace continuo::dispatch {
namespace {

// FileId offsets are from the SMB2 header: 64 plus the field's place in the request's body.
constexpr std::array<CommandRule, smbwire::kCommandCount> MakeTable() {
  using namespace commands;  // NOLINT: the table reads better.
  std::array<CommandRule, smbwire::kCommandCount> table{};
  const auto at = [&table](smbwire::Command command) -> CommandRule& {
    return table[static_cast<size_t>(command)];
  };
  using smbwire::Command;
  at(Command::kNegotiate) = {HandleNegotiate, Needs::kNothing, 0, true};
  at(Command::kSessionSetup) = {HandleSessionSetup, Needs::kNothing, 0, true};
  at(Command::kLogoff) = {HandleLogoff, Needs::kSession, 0, true};
  at(Command::kTreeConnect) = {HandleTreeConnect, Needs::kSession, 0, false};
  at(Command::kTreeDisconnect) = {HandleTreeDisconnect, Needs::kTree, 0, false};
  at(Command::kCreate) = {HandleCreate, Needs::kTree, 0, false};
  at(Command::kClose) = {HandleClose, Needs::kOpen, 64 + 8, true};
  at(Command::kFlush) = {HandleFlush, Needs::kOpen, 64 + 8, false};
  at(Command::kRead) = {HandleRead, Needs::kOpen, 64 + 16, false};
  at(Command::kWrite) = {HandleWrite, Needs::kOpen, 64 + 16, false};
  at(Command::kLock) = {HandleLock, Needs::kOpen, 64 + 8, true};
  // Some control codes name no open: the handler looks for itself.
  at(Command::kIoctl) = {HandleIoctl, Needs::kTree, 0, false};
  at(Command::kEcho) = {HandleEcho, Needs::kNothing, 0, true};
  at(Command::kQueryDirectory) = {HandleQueryDirectory, Needs::kOpen, 64 + 8, false};
  at(Command::kChangeNotify) = {HandleChangeNotify, Needs::kOpen, 64 + 8, false};
  at(Command::kQueryInfo) = {HandleQueryInfo, Needs::kOpen, 64 + 24, false};
  at(Command::kSetInfo) = {HandleSetInfo, Needs::kOpen, 64 + 16, false};
  // Lease acknowledgements name no open.
  at(Command::kOplockBreak) = {HandleOplockBreak, Needs::kTree, 0, false};
  return table;
}

constexpr std::array<CommandRule, smbwire::kCommandCount> kCommandTable = MakeTable();

}  // namespace

const CommandRule* FindCommandRule(smbwire::Command command) {
  const size_t index = static_cast<size_t>(command);
  if (index >= kCommandTable.size() || kCommandTable[index].handler == nullptr) return nullptr;
  return &kCommandTable[index];
}

}  // namespace continuo::dispatch
