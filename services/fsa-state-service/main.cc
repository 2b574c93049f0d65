// fsa-state-service: the authority over opens, locks, leases and change notifications.
#include "common/daemon/daemon.h"
#include "services/fsa-state-service/app/app.h"

int main(int argc, char** argv) {
  return continuo::daemon::Main(
      argc, argv,
      {.name = "fsa-state-service",
       .description = "decides who may open, lock and cache files, or delegates it.",
       .start = continuo::fsastate::FsaStateApp::Start});
}
