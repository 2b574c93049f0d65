#include "services/smb-frontend/pipes/wkssvc.h"

#include <utility>
#include <vector>

#include "services/smb-frontend/pipes/info_stub.h"

namespace continuo::pipes {
namespace {

// {6BFFD098-A112-3610-9833-46C3F87E345A} 1.0
constexpr ndr::SyntaxId kWkssvcSyntax = {{0x98, 0xd0, 0xff, 0x6b, 0x12, 0xa1, 0x10, 0x36, 0x98,
                                          0x33, 0x46, 0xc3, 0xf8, 0x7e, 0x34, 0x5a},
                                         1};
constexpr uint32_t kPlatformNt = 500;

class Wkssvc final : public RpcInterface {
 public:
  explicit Wkssvc(std::shared_ptr<const PipeEnvironment> environment)
      : environment_(std::move(environment)) {}

  ndr::SyntaxId Syntax() const override { return kWkssvcSyntax; }

  RpcAnswer Call(uint16_t opnum, std::span<const uint8_t> stub) override {
    if (opnum != 0 && opnum != 2) return RpcAnswer::Fault(ndr::kFaultOperationRange);
    ndr::NdrReader in(stub);
    (void)OptionalString(in);  // ServerName.
    Bytes answer = opnum == 0 ? GetInfo(in) : UserEnum(in);
    if (!in.ok()) return RpcAnswer::Fault(ndr::kFaultBadStubData);
    return {0, std::move(answer)};
  }

 private:
  // [MS-WKST] 2.2.5.1 to 2.2.5.3.
  Bytes GetInfo(ndr::NdrReader& in) {
    const uint32_t level = in.U32();
    if (!in.ok()) return {};
    if (level < 100 || level > 102) return EncodeInfoError(level, Win32Error::kInvalidLevel);
    const bool is_admin = environment_->CallerIsAdmin();
    if (level > 100 && !is_admin) return EncodeInfoError(level, Win32Error::kAccessDenied);
    const ServerIdentity server = environment_->Server();
    return EncodeInfo(level, [&](ndr::NdrWriter& out) {
      out.U32(kPlatformNt);
      out.Pointer();  // Computer name.
      out.Pointer();  // Domain ("lan group").
      out.U32(server.version_major);
      out.U32(server.version_minor);
      if (level >= 101) out.Pointer();  // Lan root.
      if (level == 102) out.U32(static_cast<uint32_t>(environment_->ListSessions().size()));
      out.String(server.netbios_name);
      out.String(server.domain);
      if (level >= 101) out.String("");
    });
  }

  // Users logged on at this computer itself: none, for it is a file server.
  Bytes UserEnum(ndr::NdrReader& in) {
    const EnumRequest request = ReadEnumRequest(in);
    if (!in.ok()) return {};
    if (request.level > 1) return EncodeEnumError(request, Win32Error::kInvalidLevel);
    if (!environment_->CallerIsAdmin()) return EncodeEnumError(request, Win32Error::kAccessDenied);
    const std::vector<SessionEntry> nobody;
    const auto unused = [](const SessionEntry&, ndr::NdrWriter&) {};
    return EncodeEnum<SessionEntry>(request, nobody, unused, unused);
  }

  const std::shared_ptr<const PipeEnvironment> environment_;
};

}  // namespace

std::unique_ptr<RpcInterface> NewWkssvc(std::shared_ptr<const PipeEnvironment> environment) {
  return std::make_unique<Wkssvc>(std::move(environment));
}

}  // namespace continuo::pipes
