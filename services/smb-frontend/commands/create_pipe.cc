#include "services/smb-frontend/commands/create_pipe.h"

#include "common/bytes/utf16.h"
#include "services/smb-frontend/dispatch/smb_connection.h"
#include "services/smb-frontend/pipes/pipe_endpoint.h"

namespace continuo::commands {

net::Task<NtStatus> CreatePipe(dispatch::RequestScope& scope,
                               const smbwire::CreateRequest& request) {
  const auto name = bytes::Utf16LeToUtf8(request.name_utf16le);
  if (!name) co_return NtStatus::kObjectNameInvalid;
  std::shared_ptr<const pipes::PipeEnvironment> environment =
      scope.server.make_pipe_environment(scope.session);
  auto pipe = pipes::OpenPipe(*name, std::move(environment));
  if (!pipe.ok()) co_return pipe.status();
  open::OpenFacts facts;
  facts.file_id = scope.server.opens.NewFileId();
  facts.session = scope.session;
  facts.tree = scope.tree;
  facts.client_guid = scope.connection.negotiated().client_guid;
  facts.granted_access = security::kFileGenericRead | security::kFileGenericWrite;
  facts.share_access = request.share_access;
  facts.create_options = request.create_options;
  facts.created = absl::Now();
  auto open = std::make_shared<open::OpenFile>(std::move(facts));
  open->pipe = *std::move(pipe);
  open->SetPathInShare(*name);
  scope.server.opens.Add(open);
  scope.session->AddOpen(open->file_id().volatile_id);
  scope.open = open;

  smbwire::CreateResponse response;
  response.create_action = smbwire::kActionOpened;
  response.file_attributes = smbwire::kAttributeNormal;
  response.allocation_size_bytes = 4096;
  response.file_id = open->file_id();
  smbwire::EncodeCreateResponse(response, scope.body);
  co_return NtStatus::kSuccess;
}

}  // namespace continuo::commands
