// NEGOTIATE: choosing dialect, algorithms and limits. [MS-SMB2] 3.3.5.3, 3.3.5.4.
#pragma once

#include <memory>

#include "common/smbwire/header.h"
#include "common/smbwire/negotiate.h"
#include "services/smb-frontend/dispatch/request_scope.h"
#include "services/smb-frontend/dispatch/smb_connection.h"

namespace continuo::commands {

// Answers an SMB1 multi-protocol negotiate with an SMB2 response: dialect 2.0.2, or the wildcard that
// makes the client send an SMB2 NEGOTIATE. Disconnects when neither is offered.
void AnswerSmb1Negotiate(std::shared_ptr<dispatch::SmbConnection> connection,
                         const smbwire::Smb1NegotiateRequest& request);

// What the server says of signing, also in the answer of VALIDATE_NEGOTIATE_INFO.
uint16_t ServerSecurityMode(const config::Global& config);

// The largest dialect that is in both lists; 0 when there is none.
uint16_t ChooseDialect(const smbwire::NegotiateRequest& request, const config::Global& config);

// The server's order of preference decides among what the client offers; kNone when nothing is
// common.
crypto::Cipher ChooseCipher(const smbwire::AlgorithmList& offered);
crypto::SigningAlgorithm ChooseSigning(const smbwire::AlgorithmList& offered,
                                       crypto::SigningAlgorithm fallback);

}  // namespace continuo::commands
