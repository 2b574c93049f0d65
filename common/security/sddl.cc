#include "common/security/sddl.h"

#include <cctype>
#include <charconv>
#include <optional>

#include <absl/strings/str_format.h>

#include "common/base/check.h"
#include "common/base/text.h"
#include "common/security/sddl_tables.h"

namespace continuo::security {
namespace {

using base::ToAbsl;

class Parser {
 public:
  Parser(std::string_view text, const SddlOptions& options) : text_(text), options_(options) {}

  absl::StatusOr<SecurityDescriptor> Parse() {
    if (text_.size() > kSddlMaxSizeBytes) return Error("a descriptor of at most 256 KiB");
    SecurityDescriptor sd;
    while (SkipSpace(), position_ < text_.size()) {
      const char part = Upper(text_[position_]);
      if (position_ + 1 >= text_.size() || text_[position_ + 1] != ':') {
        return Error("O:, G:, D: or S:");
      }
      position_ += 2;
      absl::Status status;
      switch (part) {
        case 'O': status = ParseSidInto(sd.owner); break;
        case 'G': status = ParseSidInto(sd.group); break;
        case 'D': status = ParseAcl(AclRole::kDacl, sd); break;
        case 'S': status = ParseAcl(AclRole::kSacl, sd); break;
        default: position_ -= 2; status = Error("O:, G:, D: or S:");
      }
      if (!status.ok()) return status;
    }
    return sd;
  }

 private:
  enum class AclRole { kDacl, kSacl };

  static char Upper(char c) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  absl::Status Error(std::string_view expected) const {
    return absl::InvalidArgumentError(
        absl::StrFormat("SDDL, character %d: expected %s", position_ + 1, ToAbsl(expected)));
  }
  void SkipSpace() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\t')) {
      ++position_;
    }
  }
  bool TakeChar(char c) {
    SkipSpace();
    if (position_ >= text_.size() || text_[position_] != c) return false;
    ++position_;
    return true;
  }
  bool TakeWord(std::string_view word) {
    if (text_.size() - position_ < word.size()) return false;
    for (size_t i = 0; i < word.size(); ++i) {
      if (Upper(text_[position_ + i]) != word[i]) return false;
    }
    position_ += word.size();
    return true;
  }

  absl::Status ParseSidInto(Sid& out) {
    SkipSpace();
    std::string_view rest = text_.substr(position_);
    if (rest.size() >= 2 && Upper(rest[0]) == 'S' && rest[1] == '-') {
      // The next part's letter ("G" of "G:") is no hexadecimal digit except D, which a colon tells.
      size_t size = 2;
      while (size < rest.size() && (rest[size] == '-' || rest[size] == 'x' ||
                                    std::isxdigit(static_cast<unsigned char>(rest[size])) != 0)) {
        ++size;
      }
      if (size < rest.size() && rest[size] == ':') --size;
      const auto sid = Sid::Parse(rest.substr(0, size));
      if (!sid) return Error("a SID");
      out = *sid;
      position_ += size;
      return absl::OkStatus();
    }
    const auto sid = sddl::SidOfAlias(rest.substr(0, 2), options_.domain);
    if (!sid) return Error("a SID or its two-letter alias");
    out = *sid;
    position_ += 2;
    return absl::OkStatus();
  }

  // Flags in any order before the first ACE.
  absl::Status ParseAcl(AclRole role, SecurityDescriptor& sd) {
    const bool is_dacl = role == AclRole::kDacl;
    sd.control |= is_dacl ? kSdDaclPresent : kSdSaclPresent;
    for (;;) {
      SkipSpace();
      if (TakeWord("NO_ACCESS_CONTROL")) {
        if (!is_dacl) return Error("flags of a SACL");
        sd.dacl.reset();
        return absl::OkStatus();
      }
      if (TakeWord("AR")) {
        sd.control |= is_dacl ? kSdDaclInheritRequired : kSdSaclInheritRequired;
      } else if (TakeWord("AI")) {
        sd.control |= is_dacl ? kSdDaclAutoInherited : kSdSaclAutoInherited;
      } else if (TakeWord("P")) {
        sd.control |= is_dacl ? kSdDaclProtected : kSdSaclProtected;
      } else {
        break;
      }
    }
    Acl acl;
    while (TakeChar('(')) {
      Ace ace;
      CONTINUO_RETURN_IF_ERROR(ParseAce(ace));
      acl.aces.push_back(std::move(ace));
    }
    if (acl.EncodedSizeBytes() > kAclMaxSizeBytes) return Error("an ACL of at most 64 KiB");
    (is_dacl ? sd.dacl : sd.sacl) = std::move(acl);
    return absl::OkStatus();
  }

  // Up to the next ';'.
  std::string_view TakeField() {
    const size_t start = position_;
    while (position_ < text_.size() && text_[position_] != ';' && text_[position_] != ')') {
      ++position_;
    }
    std::string_view field = text_.substr(start, position_ - start);
    while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
    while (!field.empty() && field.back() == ' ') field.remove_suffix(1);
    return field;
  }

  absl::Status ParseAce(Ace& ace) {
    const auto type = sddl::AceTypeOfAlias(TakeField());
    if (!type) return Error("an ACE of type A, D, AU or ML");
    ace.type = *type;
    if (!TakeChar(';')) return Error("';'");
    CONTINUO_RETURN_IF_ERROR(ParseFlags(TakeField(), ace));
    if (!TakeChar(';')) return Error("';'");
    CONTINUO_RETURN_IF_ERROR(ParseRights(TakeField(), ace));
    if (!TakeChar(';')) return Error("';'");
    if (!TakeField().empty() || !TakeChar(';')) return Error("';' (no object type)");
    if (!TakeField().empty() || !TakeChar(';')) return Error("';' (no inherited object type)");
    CONTINUO_RETURN_IF_ERROR(ParseSidInto(ace.sid));
    if (!TakeChar(')')) return Error("')'");
    return absl::OkStatus();
  }

  absl::Status ParseFlags(std::string_view field, Ace& ace) const {
    if (field.size() % 2 != 0) return Error("two-letter inheritance flags");
    for (size_t i = 0; i < field.size(); i += 2) {
      const auto flag = sddl::AceFlagOfAlias(field.substr(i, 2));
      if (!flag) return Error("OI, CI, NP, IO, ID, SA or FA");
      ace.flags |= *flag;
    }
    return absl::OkStatus();
  }

  absl::Status ParseRights(std::string_view field, Ace& ace) const {
    if (!field.empty() && std::isdigit(static_cast<unsigned char>(field[0])) != 0) {
      const bool is_hex = field.size() > 2 && field[0] == '0' && Upper(field[1]) == 'X';
      if (is_hex) field.remove_prefix(2);
      const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(),
                                                ace.mask, is_hex ? 16 : 10);
      if (error != std::errc() || end != field.data() + field.size()) {
        return Error("an access mask of 32 bits");
      }
      return absl::OkStatus();
    }
    const bool is_label = ace.type == AceType::kSystemMandatoryLabel;
    if (field.size() % 2 != 0) return Error("two-letter rights");
    for (size_t i = 0; i < field.size(); i += 2) {
      const auto right = sddl::RightOfAlias(field.substr(i, 2));
      if (!right) return Error(is_label ? "NR, NW or NX" : "rights such as FA, FR, FW, FX or 0x...");
      ace.mask |= *right;
    }
    return absl::OkStatus();
  }

  std::string_view text_;
  const SddlOptions& options_;
  size_t position_ = 0;
};

std::string FormatSid(const Sid& sid, const SddlOptions& options) {
  const std::string_view alias = sddl::AliasOfSid(sid, options.domain);
  return alias.empty() ? sid.ToString() : std::string(alias);
}

void AppendAce(const Ace& ace, const SddlOptions& options, std::string& out) {
  const std::string_view type = sddl::AliasOfAceType(ace.type);
  out += '(';
  out += type.empty() ? absl::StrFormat("0x%02x", static_cast<uint8_t>(ace.type))
                      : std::string(type);
  out += ';';
  for (const sddl::AceFlagName& name : sddl::AceFlagNames()) {
    if ((ace.flags & name.flag) != 0) out += name.alias;
  }
  out += ';';
  const std::string_view mask = sddl::AliasOfMask(ace.mask);
  out += mask.empty() ? absl::StrFormat("0x%x", ace.mask) : std::string(mask);
  out += ";;;";
  out += FormatSid(ace.sid, options);
  out += ')';
}

void AppendAcl(const std::optional<Acl>& acl, std::string_view flags, const SddlOptions& options,
               std::string& out) {
  out += flags;
  if (!acl) {
    out += "NO_ACCESS_CONTROL";
    return;
  }
  for (const Ace& ace : acl->aces) AppendAce(ace, options, out);
}

std::string AclFlags(uint16_t control, uint16_t is_protected, uint16_t required,
                     uint16_t auto_inherited) {
  std::string flags;
  if ((control & is_protected) != 0) flags += 'P';
  if ((control & required) != 0) flags += "AR";
  if ((control & auto_inherited) != 0) flags += "AI";
  return flags;
}

}  // namespace

absl::StatusOr<SecurityDescriptor> ParseSddl(std::string_view text, const SddlOptions& options) {
  return Parser(text, options).Parse();
}

std::string FormatSddl(const SecurityDescriptor& sd, const SddlOptions& options) {
  std::string out;
  if (sd.owner.IsValid()) out += "O:" + FormatSid(sd.owner, options);
  if (sd.group.IsValid()) out += "G:" + FormatSid(sd.group, options);
  if (sd.HasDacl()) {
    out += "D:";
    AppendAcl(sd.dacl, AclFlags(sd.control, kSdDaclProtected, kSdDaclInheritRequired,
                                kSdDaclAutoInherited), options, out);
  }
  if (sd.HasSacl() && sd.sacl) {
    out += "S:";
    AppendAcl(sd.sacl, AclFlags(sd.control, kSdSaclProtected, kSdSaclInheritRequired,
                                kSdSaclAutoInherited), options, out);
  }
  return out;
}

}  // namespace continuo::security
