// The end of an open's memory, and with it of its descriptor.
//
// close(2) may take long: ext4 starts to write back what replaces older content, and the last close
// of a removed file frees its blocks. So the descriptor of an open that was written to or deleted is
// closed on a worker thread. Nobody waits for that: what a client may expect of CLOSE has happened
// before.
#pragma once

#include <memory>

#include "services/smb-frontend/open/open_file.h"

namespace continuo::commands {

// What every open of a file on disk is made with.
std::shared_ptr<open::OpenFile> NewOpenFile(open::OpenFacts facts);

}  // namespace continuo::commands
