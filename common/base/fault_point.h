// Places where a test ends the process, as a crash between two steps would.
//
//   CONTINUO_FAULT_POINT("create.linked");
//
// Nothing is compiled in but where CONTINUO_FAULT_POINTS is defined: in the daemons below bin-faults/ of
// the build (tests/support/CMakeLists.txt). There each point reads the file that the environment variable
// CONTINUO_FAULT_FILE names: when it holds the point's name, it is removed and the process gets SIGKILL.
// "NAME 3" is for the third time that the point is passed since.
//
// Threading: any thread.
#pragma once

#ifdef CONTINUO_FAULT_POINTS

#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace continuo::base {

inline void PassFaultPoint(const char* name) {
  static std::mutex mutex;
  const char* const path = std::getenv("CONTINUO_FAULT_FILE");
  if (path == nullptr) return;
  const std::lock_guard lock(mutex);
  std::FILE* const file = std::fopen(path, "r+e");
  if (file == nullptr) return;
  char wanted[128] = "";
  int turns = 1;
  const int fields = std::fscanf(file, "%127s %d", wanted, &turns);
  if (fields < 1 || std::strcmp(wanted, name) != 0) {
    std::fclose(file);
    return;
  }
  if (turns > 1) {
    std::rewind(file);
    std::fprintf(file, "%s %d\n", name, turns - 1);
    std::fclose(file);
    return;
  }
  std::fclose(file);
  ::unlink(path);
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

}  // namespace continuo::base

#define CONTINUO_FAULT_POINT(name) ::continuo::base::PassFaultPoint(name)

#else
#define CONTINUO_FAULT_POINT(name) static_cast<void>(0)
#endif
