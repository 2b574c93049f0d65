// tickle-service: connection recovery.
#include "common/daemon/daemon.h"
#include "services/tickle-service/app.h"

int main(int argc, char** argv) {
  return continuo::daemon::Main(
      argc, argv,
      {.name = "tickle-service",
       .description = "watches the node's addresses and recovers client connections.",
       .start = continuo::tickle::TickleApp::Start});
}
