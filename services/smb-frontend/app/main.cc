// smb-frontend: the SMB2/3 protocol and the data path.

#include "common/daemon/daemon.h"
#include "services/smb-frontend/app/frontend_app.h"

int main(int argc, char** argv) {
  return continuo::daemon::Main(
      argc, argv,
      {.name = "smb-frontend",
       .description = "The SMB2/3 protocol and the data path.",
       .start = [](const continuo::daemon::StartContext& context) {
         return continuo::app::FrontendApp::Start(context);
       },
       .extra_flags = {}});
}
