// auth-service: logons and identities for the SMB front end.

#include "common/daemon/daemon.h"
#include "services/auth-service/app/auth_app.h"

int main(int argc, char** argv) {
  return continuo::daemon::Main(
      argc, argv,
      {.name = "auth-service",
       .description = "Logons and identities for the SMB front end.",
       .start = [](const continuo::daemon::StartContext& context) {
         return continuo::auth::AuthApp::Start(context);
       },
       .extra_flags = {}});
}
