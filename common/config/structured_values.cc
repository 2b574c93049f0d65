// The values with an inner structure: lists, addresses, name=value parameters.
#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "common/config/values.h"

namespace continuo::config {
namespace {

constexpr size_t kMaxInterfaceNameSizeBytes = 15;  // IFNAMSIZ without its terminator.

const EnumNames<AddressFamily>& Families() {
  static const EnumNames<AddressFamily> kNames = {{"IPv4", AddressFamily::kIpv4},
                                                  {"IPv6", AddressFamily::kIpv6},
                                                  {"RDMA_IPv4", AddressFamily::kRdmaIpv4},
                                                  {"RDMA_IPv6", AddressFamily::kRdmaIpv6}};
  return kNames;
}

const EnumNames<ListenProtocol>& Protocols() {
  static const EnumNames<ListenProtocol> kNames = {
      {"DIRECT_TCP", ListenProtocol::kDirectTcp}, {"NBSS", ListenProtocol::kNbss},
      {"NBNS", ListenProtocol::kNbns},            {"NBDS", ListenProtocol::kNbds},
      {"WSD", ListenProtocol::kWsd},              {"LLMNR", ListenProtocol::kLlmnr},
      {"SMBD", ListenProtocol::kSmbd}};
  return kNames;
}

const EnumNames<Dialect>& DialectNames() {
  static const EnumNames<Dialect> kNames = {{"SMB2.002", Dialect::kSmb202},
                                            {"SMB2.1", Dialect::kSmb210},
                                            {"SMB3.0", Dialect::kSmb300},
                                            {"SMB3.02", Dialect::kSmb302},
                                            {"SMB3.1.1", Dialect::kSmb311}};
  return kNames;
}

const EnumNames<PermissionAccess>& AccessNames() {
  static const EnumNames<PermissionAccess> kNames = {{"no", PermissionAccess::kNo},
                                                     {"read", PermissionAccess::kRead},
                                                     {"change", PermissionAccess::kChange},
                                                     {"full", PermissionAccess::kFull}};
  return kNames;
}

const EnumNames<PermissionWho>& WhoNames() {
  static const EnumNames<PermissionWho> kNames = {
      {"everyone", PermissionWho::kEveryone},
      {"anonymous", PermissionWho::kAnonymous},
      {"authenticatedusers", PermissionWho::kAuthenticatedUsers}};
  return kNames;
}

const EnumNames<AclMapping>& AclMappingNames() {
  static const EnumNames<AclMapping> kNames = {
      {"xattr", AclMapping::kXattrAny},  {"xattr:raw", AclMapping::kXattrRaw},
      {"xattr:v3", AclMapping::kXattrV3}, {"xattr:v4", AclMapping::kXattrV4},
      {"native", AclMapping::kNative},   {"posix-acl", AclMapping::kPosixAcl}};
  return kNames;
}

const EnumNames<SensitiveData>& SensitiveDataNames() {
  static const EnumNames<SensitiveData> kNames = {{"allow", SensitiveData::kAllow},
                                                  {"strip", SensitiveData::kStrip},
                                                  {"hash", SensitiveData::kHash}};
  return kNames;
}

absl::Status Expected(std::string_view what) {
  return absl::InvalidArgumentError("expected " + std::string(what));
}

template <typename Number>
bool ParseNumber(std::string_view text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

bool IsAddress(int family, std::string_view text) {
  unsigned char binary[sizeof(in6_addr)];
  return inet_pton(family, std::string(text).c_str(), binary) == 1;
}

bool ParsePort(std::string_view text, uint16_t& out) { return ParseNumber(text, out) && out != 0; }

absl::Status ParseListen(std::string_view text, Listen& out) {
  const std::vector<std::string_view> parts = SplitTrimmed(text, ',');
  if (parts.size() < 5) return Expected("interface,address,family,port,protocol[,params]");
  Listen listen;
  if (parts[0].empty() || parts[0].size() > kMaxInterfaceNameSizeBytes) {
    return Expected("an interface name or ANY before the first comma");
  }
  listen.interface = parts[0];
  const absl::Status family = ParseEnum(Families(), parts[2], listen.family);
  if (!family.ok()) return Expected("a family (third part) of " + SyntaxOf(Families()));
  const bool is_ipv6 =
      listen.family == AddressFamily::kIpv6 || listen.family == AddressFamily::kRdmaIpv6;
  if (!IsAddress(is_ipv6 ? AF_INET6 : AF_INET, parts[1])) {
    return Expected(is_ipv6 ? "an IPv6 address as the second part, for example ::"
                            : "an IPv4 address as the second part, for example 0.0.0.0");
  }
  listen.address = parts[1];
  if (!ParsePort(parts[3], listen.port)) return Expected("a port (fourth part) of 1 to 65535");
  if (!ParseEnum(Protocols(), parts[4], listen.protocol).ok()) {
    return Expected("a protocol (fifth part) of " + SyntaxOf(Protocols()));
  }
  listen.params.assign(parts.begin() + 5, parts.end());
  out = std::move(listen);
  return absl::OkStatus();
}

std::string FormatListen(const Listen& listen) {
  std::string text =
      absl::StrFormat("%s,%s,%s,%d,%s", listen.interface, listen.address,
                      std::string(NameOf(Families(), listen.family)), listen.port,
                      std::string(NameOf(Protocols(), listen.protocol)));
  if (!listen.params.empty()) text += "," + JoinNames(listen.params, ",");
  return text;
}

absl::Status ParseDialects(std::string_view text, std::vector<Dialect>& out) {
  std::vector<Dialect> dialects;
  for (const std::string_view word : SplitTrimmed(text, ' ')) {
    if (word.empty()) continue;
    Dialect dialect = Dialect::kSmb202;
    if (!ParseEnum(DialectNames(), word, dialect).ok()) {
      return Expected("dialects with blanks between them, out of " + SyntaxOf(DialectNames()));
    }
    dialects.push_back(dialect);
  }
  if (dialects.empty()) return Expected("at least one of " + SyntaxOf(DialectNames()));
  std::sort(dialects.begin(), dialects.end());
  dialects.erase(std::unique(dialects.begin(), dialects.end()), dialects.end());
  out = std::move(dialects);
  return absl::OkStatus();
}

std::string FormatDialects(const std::vector<Dialect>& dialects) {
  std::vector<std::string> names;
  for (const Dialect dialect : dialects) names.emplace_back(NameOf(DialectNames(), dialect));
  return JoinNames(names, " ");
}

bool IsLoopback(std::string_view address) {
  return address == "::1" || (IsAddress(AF_INET, address) && address.starts_with("127."));
}

bool IsAnyAddress(std::string_view address) {
  return IsAddress(AF_INET, address) || IsAddress(AF_INET6, address);
}

// `expected` says which addresses `is_allowed` takes.
absl::Status ParseHostPort(std::string_view text, bool (*is_allowed)(std::string_view),
                           std::string_view expected, HostPort& out) {
  if (EqualsIgnoringAsciiCase(text, "off")) {
    out = HostPort{};
    return absl::OkStatus();
  }
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Expected("address:port or off");
  std::string_view address = text.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) {
    address = address.substr(1, address.size() - 2);
  }
  if (!is_allowed(address)) return Expected(expected);
  HostPort value;
  if (!ParsePort(text.substr(colon + 1), value.port)) return Expected("a port of 1 to 65535");
  value.address = address;
  out = std::move(value);
  return absl::OkStatus();
}

absl::Status ParseLoopback(std::string_view text, HostPort& out) {
  return ParseHostPort(text, IsLoopback,
                       "a loopback address (127.x.y.z or [::1]): metrics have no login", out);
}

absl::Status ParseAddressAndPort(std::string_view text, HostPort& out) {
  return ParseHostPort(text, IsAnyAddress, "an IPv4 or a bracketed IPv6 address", out);
}

std::string FormatHostPort(const HostPort& value) {
  return value.address.empty() ? "off" : ToText(value);
}

absl::Status ParseVfs(std::string_view text, VfsSpec& out) {
  const std::vector<std::string_view> parts = SplitTrimmed(text, ':');
  if (parts[0] != "libc") return Expected("the backend libc");
  VfsSpec spec;
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i] != "force_sync") return Expected("libc or libc:force_sync");
    spec.force_sync = true;
    spec.options.emplace_back(parts[i]);
  }
  out = std::move(spec);
  return absl::OkStatus();
}

std::string FormatVfs(const VfsSpec& spec) {
  return spec.options.empty() ? spec.backend : spec.backend + ":" + JoinNames(spec.options, ":");
}

bool LooksLikeSid(std::string_view text) {
  return (text.starts_with("S-1-") || text.starts_with("s-1-")) &&
         text.find_first_not_of("0123456789-", 2) == std::string_view::npos &&
         !text.ends_with('-') && text.find("--") == std::string_view::npos;
}

absl::Status ParsePermission(std::string_view text, PermissionEntry& out) {
  static constexpr std::string_view kForm =
      "<who>:<access>[, …] with who = everyone|anonymous|authenticatedusers|user|@group|*S-1-… and "
      "access = no|read|change|full";
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return Expected(kForm);
  PermissionEntry entry;
  if (!ParseEnum(AccessNames(), Trim(text.substr(colon + 1)), entry.access).ok()) {
    return Expected("access " + SyntaxOf(AccessNames()) + " behind the colon");
  }
  std::string_view who = Trim(text.substr(0, colon));
  if (!ParseEnum(WhoNames(), who, entry.who).ok()) {
    entry.who = PermissionWho::kUser;
    if (who.starts_with('@')) entry.who = PermissionWho::kGroup;
    if (who.starts_with('*')) entry.who = PermissionWho::kSid;
    if (entry.who != PermissionWho::kUser) who = Trim(who.substr(1));
    if (entry.who == PermissionWho::kSid && !LooksLikeSid(who)) return Expected("*S-1-…:<access>");
    if (who.empty()) return Expected(kForm);
    entry.name = who;
  }
  out = std::move(entry);
  return absl::OkStatus();
}

std::string FormatPermissions(const std::vector<PermissionEntry>& entries) {
  std::vector<std::string> texts;
  for (const PermissionEntry& entry : entries) {
    std::string who = entry.name;
    if (entry.who == PermissionWho::kGroup) who = "@" + who;
    else if (entry.who == PermissionWho::kSid) who = "*" + who;
    else if (entry.who != PermissionWho::kUser) who = NameOf(WhoNames(), entry.who);
    texts.push_back(who + ":" + std::string(NameOf(AccessNames(), entry.access)));
  }
  return JoinNames(texts, ", ");
}

absl::Status ParseAttributeMapping(std::string_view text, AttributeMapping& out) {
  static constexpr std::string_view kForm =
      "xattr[:v3|v4|v5], posix-exec:<letters of ASH> or filename:<letters of ASHR>:<pattern>";
  const std::vector<std::string_view> parts = SplitTrimmed(text, ':');
  AttributeMapping mapping;
  if (parts[0] == "xattr" && parts.size() <= 2) {
    if (parts.size() == 2) {
      if (parts[1] != "v3" && parts[1] != "v4" && parts[1] != "v5") return Expected(kForm);
      mapping.xattr_version = parts[1][1] - '0';
    }
  } else if (parts[0] == "posix-exec" && parts.size() == 2) {
    mapping.kind = AttributeMappingKind::kPosixExec;
    mapping.attributes = parts[1];
  } else if (parts[0] == "filename" && parts.size() >= 3 && !parts[2].empty()) {
    mapping.kind = AttributeMappingKind::kFilename;
    mapping.attributes = parts[1];
    mapping.pattern = text.substr(static_cast<size_t>(parts[2].data() - text.data()));
  } else {
    return Expected(kForm);
  }
  const char* letters = mapping.kind == AttributeMappingKind::kPosixExec ? "ASH" : "ASHR";
  const bool needs_letters = mapping.kind != AttributeMappingKind::kXattr;
  if (needs_letters && (mapping.attributes.empty() ||
                        mapping.attributes.find_first_not_of(letters) != std::string::npos)) {
    return Expected(kForm);
  }
  out = std::move(mapping);
  return absl::OkStatus();
}

std::string FormatAttributeMappings(const std::vector<AttributeMapping>& mappings) {
  std::vector<std::string> texts;
  for (const AttributeMapping& mapping : mappings) {
    switch (mapping.kind) {
      case AttributeMappingKind::kXattr:
        texts.push_back(mapping.xattr_version == 0
                            ? "xattr"
                            : absl::StrFormat("xattr:v%d", mapping.xattr_version));
        break;
      case AttributeMappingKind::kPosixExec:
        texts.push_back("posix-exec:" + mapping.attributes);
        break;
      case AttributeMappingKind::kFilename:
        texts.push_back("filename:" + mapping.attributes + ":" + mapping.pattern);
        break;
    }
  }
  return JoinNames(texts, ", ");
}

// A list with commas, each part read by `parse_one`.
template <typename T, typename ParseOne>
absl::Status ParseList(std::string_view text, std::vector<T>& out, ParseOne parse_one) {
  std::vector<T> values;
  for (const std::string_view part : SplitTrimmed(text, ',')) {
    T value{};
    const absl::Status parsed = parse_one(part, value);
    if (!parsed.ok()) return parsed;
    values.push_back(std::move(value));
  }
  out = std::move(values);
  return absl::OkStatus();
}

// Calls take(name, value) for each part of "name=value,name,…"; a part that take refuses ends it.
template <typename Take>
absl::Status ParseParams(std::string_view text, std::string_view form, Take take) {
  for (const std::string_view part : SplitTrimmed(text, ',')) {
    const size_t equals = part.find('=');
    const std::string_view name = Trim(part.substr(0, equals));
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : Trim(part.substr(equals + 1));
    if (!take(name, value)) return Expected(form);
  }
  return absl::OkStatus();
}

bool TakePath(std::string_view value, std::string& out) {
  return AbsolutePathCodec().parse(value, out).ok();
}

absl::Status ParseCaParams(std::string_view text, CaParams& out) {
  CaParams params;
  const absl::Status parsed =
      ParseParams(text, "[path=<absolute path>][,durable]", [&](auto name, auto value) {
        if (name == "path") return TakePath(value, params.path);
        params.durable = name == "durable";
        return params.durable;
      });
  if (parsed.ok()) out = std::move(params);
  return parsed;
}

absl::Status ParseAuditParams(std::string_view text, AuditParams& out) {
  AuditParams params;
  const auto take_id = [](std::string_view value, std::optional<uint32_t>& id) {
    uint32_t number = 0;
    if (!ParseNumber(value, number)) return false;
    id = number;
    return true;
  };
  const std::string form =
      "path=<absolute path>[,days=][,uid=][,gid=][,cn=][,sensitive_data=allow|strip|hash]";
  const absl::Status parsed = ParseParams(text, form, [&](auto name, auto value) {
    if (name == "path") return TakePath(value, params.path);
    if (name == "days") return ParseNumber(value, params.days);
    if (name == "uid") return take_id(value, params.uid);
    if (name == "gid") return take_id(value, params.gid);
    if (name == "cn") return !(params.cn = value).empty();
    return name == "sensitive_data" &&
           ParseEnum(SensitiveDataNames(), value, params.sensitive_data).ok();
  });
  if (!parsed.ok()) return parsed;
  if (params.path.empty()) return Expected(form);
  out = std::move(params);
  return absl::OkStatus();
}

std::string FormatAuditParams(const AuditParams& params) {
  if (params.path.empty()) return "";
  std::string text = "path=" + params.path;
  if (params.days != 0) text += absl::StrFormat(",days=%u", params.days);
  if (params.uid) text += absl::StrFormat(",uid=%u", *params.uid);
  if (params.gid) text += absl::StrFormat(",gid=%u", *params.gid);
  if (!params.cn.empty()) text += ",cn=" + params.cn;
  return text + ",sensitive_data=" +
         std::string(NameOf(SensitiveDataNames(), params.sensitive_data));
}

absl::Status ParseVssParams(std::string_view text, VssParams& out) {
  VssParams params;
  const std::string form = "path=<path>,share_root=<path>";
  const absl::Status parsed = ParseParams(text, form, [&](auto name, auto value) {
    if (name == "path") return !(params.path = value).empty();
    return name == "share_root" && !(params.share_root = value).empty();
  });
  if (!parsed.ok()) return parsed;
  if (params.path.empty()) return Expected(form);
  out = std::move(params);
  return absl::OkStatus();
}

}  // namespace

Codec<Listen> ListenCodec() {
  return {"interface,address,family,port,protocol[,params]", ParseListen, FormatListen};
}

Codec<std::vector<Dialect>> DialectsCodec() {
  return {"dialects with blanks between them", ParseDialects, FormatDialects};
}

Codec<HostPort> LoopbackAddressCodec() {
  return {"address:port|off", ParseLoopback, FormatHostPort};
}

Codec<HostPort> AddressAndPortCodec() {
  return {"address:port|off", ParseAddressAndPort, FormatHostPort};
}

Codec<VfsSpec> VfsCodec() { return {"libc[:force_sync]", ParseVfs, FormatVfs}; }

Codec<std::vector<PermissionEntry>> PermissionsCodec() {
  return {"<who>:<access>[, …]",
          [](std::string_view text, std::vector<PermissionEntry>& out) {
            return ParseList(text, out, ParsePermission);
          },
          FormatPermissions};
}

Codec<std::vector<AclMapping>> AclMappingsCodec() {
  return {"xattr[:raw|v3|v4], native, posix-acl",
          [](std::string_view text, std::vector<AclMapping>& out) {
            return ParseList(text, out, [](std::string_view part, AclMapping& mapping) {
              return ParseEnum(AclMappingNames(), part, mapping);
            });
          },
          [](const std::vector<AclMapping>& mappings) {
            std::vector<std::string> names;
            for (const AclMapping m : mappings) names.emplace_back(NameOf(AclMappingNames(), m));
            return JoinNames(names, ", ");
          }};
}

Codec<std::vector<AttributeMapping>> AttributeMappingsCodec() {
  return {"xattr[:v3|v4|v5], posix-exec:<ASH>, filename:<attrs>:<pattern>",
          [](std::string_view text, std::vector<AttributeMapping>& out) {
            return ParseList(text, out, ParseAttributeMapping);
          },
          FormatAttributeMappings};
}

Codec<CaParams> CaParamsCodec() {
  return {"[path=<path>][,durable]", ParseCaParams, [](const CaParams& params) {
            std::string text = params.path.empty() ? "" : "path=" + params.path;
            if (params.durable) text += text.empty() ? "durable" : ",durable";
            return text;
          }};
}

Codec<AuditParams> AuditParamsCodec() {
  return {"path=<path>[,days=][,uid=][,gid=][,cn=][,sensitive_data=allow|strip|hash]",
          ParseAuditParams, FormatAuditParams};
}

Codec<VssParams> VssParamsCodec() {
  return {"path=<path>[,share_root=<path>]", ParseVssParams, [](const VssParams& params) {
            if (params.path.empty()) return std::string();
            std::string text = "path=" + params.path;
            if (!params.share_root.empty()) text += ",share_root=" + params.share_root;
            return text;
          }};
}

}  // namespace continuo::config
