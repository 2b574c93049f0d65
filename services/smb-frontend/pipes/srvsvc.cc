#include "services/smb-frontend/pipes/srvsvc.h"

#include <string>
#include <utility>
#include <vector>

#include <absl/time/civil_time.h>
#include <absl/time/time.h>

#include "common/bytes/utf16.h"
#include "services/smb-frontend/pipes/info_stub.h"
#include "services/smb-frontend/pipes/share_info.h"

namespace continuo::pipes {
namespace {

// {4B324FC8-1670-01D3-1278-5A47BF6EE188} 3.0
constexpr ndr::SyntaxId kSrvsvcSyntax = {{0xc8, 0x4f, 0x32, 0x4b, 0x70, 0x16, 0xd3, 0x01, 0x12,
                                          0x78, 0x5a, 0x47, 0xbf, 0x6e, 0xe1, 0x88},
                                         3};
constexpr uint32_t kPlatformNt = 500;
constexpr uint32_t kGuestLogon = 1;  // SESS_GUEST

class Srvsvc final : public RpcInterface {
 public:
  explicit Srvsvc(std::shared_ptr<const PipeEnvironment> environment)
      : environment_(std::move(environment)) {}

  ndr::SyntaxId Syntax() const override { return kSrvsvcSyntax; }
  RpcAnswer Call(uint16_t opnum, std::span<const uint8_t> stub) override;

 private:
  using Operation = Bytes (Srvsvc::*)(ndr::NdrReader& in);

  Bytes ConnectionEnum(ndr::NdrReader& in);
  Bytes FileEnum(ndr::NdrReader& in);
  Bytes SessionEnum(ndr::NdrReader& in);
  Bytes ShareEnum(ndr::NdrReader& in);
  Bytes ShareGetInfo(ndr::NdrReader& in);
  Bytes ServerGetInfo(ndr::NdrReader& in);
  Bytes RemoteTimeOfDay(ndr::NdrReader& in);

  static Operation FindOperation(uint16_t opnum);

  const std::shared_ptr<const PipeEnvironment> environment_;
};

Srvsvc::Operation Srvsvc::FindOperation(uint16_t opnum) {
  switch (opnum) {
    case 8: return &Srvsvc::ConnectionEnum;
    case 9: return &Srvsvc::FileEnum;
    case 12: return &Srvsvc::SessionEnum;
    case 15: return &Srvsvc::ShareEnum;
    case 16: return &Srvsvc::ShareGetInfo;
    case 21: return &Srvsvc::ServerGetInfo;
    case 28: return &Srvsvc::RemoteTimeOfDay;
    // Sticky shares are those that outlive a restart: all of ours.
    case 36: return &Srvsvc::ShareEnum;
    default: return nullptr;
  }
}

// An operation that could not read its request leaves the reader failed and returns nothing.
RpcAnswer Srvsvc::Call(uint16_t opnum, std::span<const uint8_t> stub) {
  const Operation operation = FindOperation(opnum);
  if (operation == nullptr) return RpcAnswer::Fault(ndr::kFaultOperationRange);
  ndr::NdrReader in(stub);
  (void)OptionalString(in);  // ServerName: every call begins with it, and this is the server.
  Bytes answer = (this->*operation)(in);
  if (!in.ok()) return RpcAnswer::Fault(ndr::kFaultBadStubData);
  return {0, std::move(answer)};
}

Bytes Srvsvc::ShareEnum(ndr::NdrReader& in) {
  const EnumRequest request = ReadEnumRequest(in);
  if (!in.ok()) return {};
  const ShareLevel* level = FindShareLevel(request.level);
  if (level == nullptr || !level->in_enum) {
    return EncodeEnumError(request, Win32Error::kInvalidLevel);
  }
  if (level->needs_admin && !environment_->CallerIsAdmin()) {
    return EncodeEnumError(request, Win32Error::kAccessDenied);
  }
  const std::vector<ShareEntry> shares = environment_->ListShares();
  return EncodeEnum<ShareEntry>(
      request, shares,
      [&](const ShareEntry& share, ndr::NdrWriter& out) {
        WriteShareFixed(request.level, share, out);
      },
      [&](const ShareEntry& share, ndr::NdrWriter& out) {
        WriteShareDeferred(request.level, share, out);
      });
}

Bytes Srvsvc::ShareGetInfo(ndr::NdrReader& in) {
  const std::string name = in.String();  // [in, ref]: no referent id.
  const uint32_t level_number = in.U32();
  if (!in.ok()) return {};
  const ShareLevel* level = FindShareLevel(level_number);
  if (level == nullptr) return EncodeInfoError(level_number, Win32Error::kInvalidLevel);
  if (level->needs_admin && !environment_->CallerIsAdmin()) {
    return EncodeInfoError(level_number, Win32Error::kAccessDenied);
  }
  const auto share = environment_->FindShare(name);
  if (!share) return EncodeInfoError(level_number, Win32Error::kNetNameNotFound);
  return EncodeInfo(level_number, [&](ndr::NdrWriter& out) {
    WriteShareFixed(level_number, *share, out);
    WriteShareDeferred(level_number, *share, out);
  });
}

// [MS-SRVS] 2.2.4.40 to 2.2.4.42.
Bytes Srvsvc::ServerGetInfo(ndr::NdrReader& in) {
  const uint32_t level = in.U32();
  if (!in.ok()) return {};
  if (level < 100 || level > 102) return EncodeInfoError(level, Win32Error::kInvalidLevel);
  if (level == 102 && !environment_->CallerIsAdmin()) {
    return EncodeInfoError(level, Win32Error::kAccessDenied);
  }
  const ServerIdentity server = environment_->Server();
  return EncodeInfo(level, [&](ndr::NdrWriter& out) {
    out.U32(kPlatformNt);
    out.Pointer();  // Name.
    if (level >= 101) {
      out.U32(server.version_major);
      out.U32(server.version_minor);
      out.U32(server.type_flags);
      out.Pointer();  // Comment.
    }
    if (level == 102) {
      out.U32(UINT32_MAX);  // sv102_users: no limit.
      out.U32(15);          // sv102_disc: minutes until an idle client is disconnected.
      out.U32(0);           // sv102_hidden: visible.
      out.U32(240);         // sv102_announce, seconds, and its random variation in milliseconds.
      out.U32(3000);
      out.U32(0);     // sv102_licenses.
      out.Pointer();  // sv102_userpath.
    }
    out.String(server.netbios_name);
    if (level >= 101) out.String(server.comment);
    if (level == 102) out.String("C:\\");
  });
}

// TIME_OF_DAY_INFO, [MS-SRVS] 2.2.4.105. Our local time is UTC, so that no client is misled by a
// time zone that this computer and its users do not share.
Bytes Srvsvc::RemoteTimeOfDay(ndr::NdrReader& in) {
  if (!in.ok()) return {};
  const absl::Time now = environment_->Now();
  const auto civil = absl::UTCTimeZone().At(now);
  ndr::NdrWriter out;
  out.Pointer();
  out.U32(static_cast<uint32_t>(absl::ToUnixSeconds(now)));
  out.U32(static_cast<uint32_t>(absl::ToUnixMillis(now) & 0xFFFFFFFF));  // Of a free-running clock.
  out.U32(static_cast<uint32_t>(civil.cs.hour()));
  out.U32(static_cast<uint32_t>(civil.cs.minute()));
  out.U32(static_cast<uint32_t>(civil.cs.second()));
  out.U32(static_cast<uint32_t>(civil.subsecond / absl::Milliseconds(10)));
  out.U32(0);    // tod_timezone: minutes west of UTC.
  out.U32(310);  // tod_tinterval: clock tick in units of 0.1 ms, as Windows says.
  out.U32(static_cast<uint32_t>(civil.cs.day()));
  out.U32(static_cast<uint32_t>(civil.cs.month()));
  out.U32(static_cast<uint32_t>(civil.cs.year()));
  // absl counts from Monday, Windows from Sunday.
  const auto weekday = static_cast<uint32_t>(absl::GetWeekday(civil.cs));
  out.U32((weekday + 1) % 7);
  out.U32(static_cast<uint32_t>(Win32Error::kSuccess));
  return std::move(out).Take();
}

// [MS-SRVS] 2.2.4.11 to 2.2.4.15. Levels 0, 1, 2, 10 and 502.
void WriteSessionFixed(uint32_t level, const SessionEntry& session, ndr::NdrWriter& out) {
  out.Pointer();  // Client.
  if (level == 0) return;
  out.Pointer();  // User.
  if (level != 10) out.U32(session.open_count);
  out.U32(session.connected_seconds);
  out.U32(session.idle_seconds);
  if (level == 10 || level == 1) {
    if (level == 1) out.U32(session.is_guest ? kGuestLogon : 0);
    return;
  }
  out.U32(session.is_guest ? kGuestLogon : 0);
  out.Pointer();                    // Client type.
  if (level == 502) out.Pointer();  // Transport.
}

void WriteSessionDeferred(uint32_t level, const SessionEntry& session, ndr::NdrWriter& out) {
  out.String(session.client_name);
  if (level == 0) return;
  out.String(session.user_name);
  if (level == 2 || level == 502) out.String("");
  if (level == 502) out.String("\\Device\\NetbiosSmb");
}

Bytes Srvsvc::SessionEnum(ndr::NdrReader& in) {
  std::string client = OptionalString(in);
  const std::string user = OptionalString(in);
  const EnumRequest request = ReadEnumRequest(in);
  if (!in.ok()) return {};
  const uint32_t level = request.level;
  if (level > 2 && level != 10 && level != 502) {
    return EncodeEnumError(request, Win32Error::kInvalidLevel);
  }
  if (!environment_->CallerIsAdmin()) return EncodeEnumError(request, Win32Error::kAccessDenied);

  if (client.starts_with("\\\\")) client.erase(0, 2);
  std::vector<SessionEntry> sessions = environment_->ListSessions();
  std::erase_if(sessions, [&](const SessionEntry& session) {
    return (!client.empty() && !bytes::EqualsIgnoringCase(session.client_name, client)) ||
           (!user.empty() && !bytes::EqualsIgnoringCase(session.user_name, user));
  });
  return EncodeEnum<SessionEntry>(
      request, sessions,
      [&](const SessionEntry& entry, ndr::NdrWriter& out) { WriteSessionFixed(level, entry, out); },
      [&](const SessionEntry& entry, ndr::NdrWriter& out) {
        WriteSessionDeferred(level, entry, out);
      });
}

// [MS-SRVS] 2.2.4.6, 2.2.4.7. Levels 2 (ids alone) and 3.
Bytes Srvsvc::FileEnum(ndr::NdrReader& in) {
  const std::string base_path = OptionalString(in);
  const std::string user = OptionalString(in);
  const EnumRequest request = ReadEnumRequest(in);
  if (!in.ok()) return {};
  if (request.level != 2 && request.level != 3) {
    return EncodeEnumError(request, Win32Error::kInvalidLevel);
  }
  if (!environment_->CallerIsAdmin()) return EncodeEnumError(request, Win32Error::kAccessDenied);

  std::vector<FileEntry> files = environment_->ListFiles();
  std::erase_if(files, [&](const FileEntry& file) {
    return (!base_path.empty() && !file.path.starts_with(base_path)) ||
           (!user.empty() && !bytes::EqualsIgnoringCase(file.user_name, user));
  });
  const bool is_full = request.level == 3;
  return EncodeEnum<FileEntry>(
      request, files,
      [&](const FileEntry& file, ndr::NdrWriter& out) {
        out.U32(file.id);
        if (!is_full) return;
        out.U32(file.permissions);
        out.U32(file.lock_count);
        out.Pointer();
        out.Pointer();
      },
      [&](const FileEntry& file, ndr::NdrWriter& out) {
        if (!is_full) return;
        out.String(file.path);
        out.String(file.user_name);
      });
}

// [MS-SRVS] 2.2.4.1, 2.2.4.2. Levels 0 and 1.
Bytes Srvsvc::ConnectionEnum(ndr::NdrReader& in) {
  const std::string qualifier = OptionalString(in);  // A share, or a client as "\\\\name".
  const EnumRequest request = ReadEnumRequest(in);
  if (!in.ok()) return {};
  if (request.level > 1) return EncodeEnumError(request, Win32Error::kInvalidLevel);
  if (!environment_->CallerIsAdmin()) return EncodeEnumError(request, Win32Error::kAccessDenied);
  if (qualifier.empty()) return EncodeEnumError(request, Win32Error::kInvalidParameter);

  std::vector<ConnectionEntry> connections = environment_->ListConnections();
  if (!qualifier.starts_with("\\\\")) {
    std::erase_if(connections, [&](const ConnectionEntry& connection) {
      return !bytes::EqualsIgnoringCase(connection.share_name, qualifier);
    });
  }
  const bool is_full = request.level == 1;
  return EncodeEnum<ConnectionEntry>(
      request, connections,
      [&](const ConnectionEntry& connection, ndr::NdrWriter& out) {
        out.U32(connection.id);
        if (!is_full) return;
        out.U32(static_cast<uint32_t>(connection.type));
        out.U32(connection.open_count);
        out.U32(connection.user_count);
        out.U32(connection.connected_seconds);
        out.Pointer();
        out.Pointer();
      },
      [&](const ConnectionEntry& connection, ndr::NdrWriter& out) {
        if (!is_full) return;
        out.String(connection.user_name);
        out.String(connection.share_name);
      });
}

}  // namespace

std::unique_ptr<RpcInterface> NewSrvsvc(std::shared_ptr<const PipeEnvironment> environment) {
  return std::make_unique<Srvsvc>(std::move(environment));
}

}  // namespace continuo::pipes
