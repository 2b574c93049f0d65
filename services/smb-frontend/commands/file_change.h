// What follows a change of a file's data: times that a client pinned, and change notifications.
#pragma once

#include <memory>

#include "services/smb-frontend/dispatch/request_scope.h"

namespace continuo::commands {

enum class DataChange { kWritten, kResized };

// A write time that the client set explicitly on this open stays as it was set ([MS-FSA] 2.1.4.17,
// UserSetModificationTime); watchers of the directory are told. Costs nothing when neither is the
// case.
net::Task<void> AfterDataChange(dispatch::RequestScope& scope,
                                std::shared_ptr<open::OpenFile> open, DataChange change);

// Before an open is closed: a write time that it held back becomes the file's.
net::Task<void> StampWriteTime(dispatch::RequestScope& scope, std::shared_ptr<open::OpenFile> open);

// Reports `events` bits (fsa::kNotify...) for the open's file or stream.
void NotifyModified(dispatch::RequestScope& scope, const open::OpenFile& open, uint32_t filter);

}  // namespace continuo::commands
