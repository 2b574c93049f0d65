// ca-store-service: the persistent-handle database.
#include "common/daemon/daemon.h"
#include "services/ca-store-service/app.h"

int main(int argc, char** argv) {
  return continuo::daemon::Main(
      argc, argv,
      {.name = "ca-store-service",
       .description = "keeps the records of persistent handles on shared storage.",
       .start = continuo::castore::CaStoreApp::Start});
}
