#include "services/auth-service/kerberos/kerberos_mechanism.h"

#include "services/auth-service/idmap/domain_ids.h"
#include "services/auth-service/kerberos/gss_handles.h"
#include "services/auth-service/kerberos/pac_logon_info.h"
#include "services/auth-service/spnego/spnego_messages.h"

namespace continuo::auth::kerberos {

namespace {

constexpr uint64_t kNeverFiletime = 0x7FFFFFFFFFFFFFFF;
constexpr int64_t kUnixEpochInFiletime = 116'444'736'000'000'000;
constexpr size_t kSessionKeyMinBytes = 16;
constexpr size_t kSessionKeyMaxBytes = 32;

class KerberosMechanism final : public LogonMechanism {
 public:
  KerberosMechanism(std::shared_ptr<const AcceptorCredential> credential,
                    std::shared_ptr<const Directory> directory, KnownDomains& domains,
                    DomainDirectory& domain_directory)
      : credential_(std::move(credential)),
        directory_(std::move(directory)),
        domains_(domains),
        domain_directory_(domain_directory) {}
  ~KerberosMechanism() override {
    OM_uint32 minor = 0;
    gss_delete_sec_context(&minor, &context_, GSS_C_NO_BUFFER);
    gss_release_name(&minor, &client_);
  }
  KerberosMechanism(const KerberosMechanism&) = delete;
  KerberosMechanism& operator=(const KerberosMechanism&) = delete;

  NtResult<spnego::MechStep> Step(std::span<const uint8_t> token) override;
  bool HasIntegrity() const override { return true; }
  Bytes MakeMic(std::span<const uint8_t> data) override;
  bool CheckMic(std::span<const uint8_t> data, std::span<const uint8_t> mic) override;
  MechOutcome TakeOutcome() override { return std::move(outcome_); }
  std::string_view claimed_user() const override { return principal_; }

 private:
  NtStatus Decide(OM_uint32 lifetime_s);
  absl::Duration TicketLifetime(OM_uint32 lifetime_s) const;
  NtStatus TakeSessionKey();
  NtStatus DecideWithoutPac();
  std::optional<PacLogonInfo> VerifiedPac();

  const std::shared_ptr<const AcceptorCredential> credential_;
  const std::shared_ptr<const Directory> directory_;
  KnownDomains& domains_;
  DomainDirectory& domain_directory_;
  gss_ctx_id_t context_ = GSS_C_NO_CONTEXT;
  gss_name_t client_ = GSS_C_NO_NAME;
  std::string principal_;
  MechOutcome outcome_;
};

NtResult<spnego::MechStep> KerberosMechanism::Step(std::span<const uint8_t> token) {
  // GSSAPI chooses the mechanism by the first token's OID: let it see Kerberos only.
  if (context_ == GSS_C_NO_CONTEXT && spnego::KindOf(token) != spnego::TokenKind::kRawKerberos) {
    return NtStatus::kInvalidParameter;
  }
  gss_buffer_desc input = ToGss(token);
  GssBuffer output;
  OM_uint32 minor = 0;
  OM_uint32 flags = 0;
  OM_uint32 lifetime_s = 0;
  OM_uint32 ignored = 0;
  gss_release_name(&ignored, &client_);
  const OM_uint32 major = gss_accept_sec_context(
      &minor, &context_, credential_->impl().credential, &input, GSS_C_NO_CHANNEL_BINDINGS,
      &client_, nullptr, output.get(), &flags, &lifetime_s, nullptr);
  if (GSS_ERROR(major)) return NtStatus::kLogonFailure;
  if ((major & GSS_S_CONTINUE_NEEDED) != 0) {
    return spnego::MechStep{spnego::Progress::kContinue, output.ToBytes()};
  }
  CONTINUO_RETURN_IF_ERROR(Decide(lifetime_s));
  return spnego::MechStep{spnego::Progress::kDone, output.ToBytes()};
}

NtStatus KerberosMechanism::Decide(OM_uint32 lifetime_s) {
  GssBuffer name;
  OM_uint32 minor = 0;
  if (GSS_ERROR(gss_display_name(&minor, client_, name.get(), nullptr))) {
    return NtStatus::kLogonFailure;
  }
  principal_ = name.ToString();
  CONTINUO_RETURN_IF_ERROR(TakeSessionKey());
  if (const auto pac = VerifiedPac()) {
    DomainIds ids(domain_directory_, domains_, pac->user_sid);
    outcome_.identity = directory_->DomainIdentity(
        {.user_name = pac->user_name,
         .domain_name = pac->domain_name,
         .user_sid = pac->user_sid,
         .primary_group_sid = pac->primary_group_sid,
         .group_sids = pac->group_sids},
        [&ids](const security::Sid& sid) { return ids.IdOf(sid); });
    domains_.LearnUser(pac->domain_name, pac->user_name, pac->user_sid);
    if (pac->kick_off_filetime != 0 && pac->kick_off_filetime < kNeverFiletime) {
      const int64_t ticks = static_cast<int64_t>(pac->kick_off_filetime) - kUnixEpochInFiletime;
      outcome_.identity.expiry = absl::UnixEpoch() + absl::Nanoseconds(100) * ticks;
    }
  } else {
    CONTINUO_RETURN_IF_ERROR(DecideWithoutPac());
  }
  if (lifetime_s != GSS_C_INDEFINITE) {
    outcome_.identity.expiry =
        std::min(outcome_.identity.expiry, absl::Now() + TicketLifetime(lifetime_s));
  }
  outcome_.mechanism = "kerberos";
  return NtStatus::kSuccess;
}

// The acceptor's lifetime goes on for clockskew after the ticket's end; a session ends with the ticket.
// One that is past its end by this node's clock lasts as long as GSSAPI tolerates it.
absl::Duration KerberosMechanism::TicketLifetime(OM_uint32 lifetime_s) const {
  const absl::Duration lifetime = absl::Seconds(int64_t{lifetime_s});
  const absl::Duration skew = credential_->impl().clock_skew;
  return lifetime > skew ? lifetime - skew : lifetime;
}

NtStatus KerberosMechanism::TakeSessionKey() {
  gss_buffer_set_t keys = GSS_C_NO_BUFFER_SET;
  OM_uint32 minor = 0;
  const OM_uint32 major = gss_inquire_sec_context_by_oid(
      &minor, context_, const_cast<gss_OID>(GSS_C_INQ_SSPI_SESSION_KEY), &keys);
  NtStatus status = NtStatus::kLogonFailure;
  // The first element is the key; DES's 8 bytes are refused by their size.
  if (!GSS_ERROR(major) && keys != GSS_C_NO_BUFFER_SET && keys->count > 0 &&
      keys->elements[0].length >= kSessionKeyMinBytes &&
      keys->elements[0].length <= kSessionKeyMaxBytes) {
    const auto* data = static_cast<const uint8_t*>(keys->elements[0].value);
    outcome_.session_key.assign(data, data + keys->elements[0].length);
    status = NtStatus::kSuccess;
  }
  gss_release_buffer_set(&minor, &keys);
  return status;
}

std::optional<PacLogonInfo> KerberosMechanism::VerifiedPac() {
  static constexpr std::string_view kAttribute = "urn:mspac:logon-info";
  gss_buffer_desc attribute = {kAttribute.size(), const_cast<char*>(kAttribute.data())};
  GssBuffer value;
  GssBuffer display;
  OM_uint32 minor = 0;
  int authenticated = 0;
  int complete = 0;
  int more = -1;
  const OM_uint32 major =
      gss_get_name_attribute(&minor, client_, &attribute, &authenticated, &complete, value.get(),
                             display.get(), &more);
  if (GSS_ERROR(major) || authenticated != 1) return std::nullopt;
  return DecodePacLogonInfo(value.view());
}

NtStatus KerberosMechanism::DecideWithoutPac() {
  // The library's own mapping: a principal of another realm is not our user of the same name.
  GssBuffer local_name;
  OM_uint32 minor = 0;
  if (GSS_ERROR(gss_localname(&minor, client_, KerberosMech(), local_name.get()))) {
    return NtStatus::kLogonFailure;
  }
  const userdb::UserRecord* user = directory_->users->FindUser(local_name.ToString());
  if (user == nullptr) return NtStatus::kLogonFailure;
  CONTINUO_RETURN_IF_ERROR(directory_->CheckAccount(*user, absl::Now()));
  outcome_.identity = directory_->LocalIdentity(*user);
  return NtStatus::kSuccess;
}

Bytes KerberosMechanism::MakeMic(std::span<const uint8_t> data) {
  gss_buffer_desc message = ToGss(data);
  GssBuffer mic;
  OM_uint32 minor = 0;
  if (GSS_ERROR(gss_get_mic(&minor, context_, GSS_C_QOP_DEFAULT, &message, mic.get()))) return {};
  return mic.ToBytes();
}

bool KerberosMechanism::CheckMic(std::span<const uint8_t> data, std::span<const uint8_t> mic) {
  gss_buffer_desc message = ToGss(data);
  gss_buffer_desc token = ToGss(mic);
  OM_uint32 minor = 0;
  return gss_verify_mic(&minor, context_, &message, &token, nullptr) == GSS_S_COMPLETE;
}

}  // namespace

KerberosFactory MakeFactory(std::shared_ptr<const AcceptorCredential> credential,
                            KnownDomains& domains, DomainDirectory& directory) {
  return [credential, &domains, &directory](std::shared_ptr<const Directory> snapshot) {
    return std::make_unique<KerberosMechanism>(credential, std::move(snapshot), domains, directory);
  };
}

}  // namespace continuo::auth::kerberos
