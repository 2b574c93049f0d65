// How many descriptors this process may have: an open file or directory of a client is one.
#pragma once

namespace continuo::app {

// As many as the kernel gives (fs.nr_open), whatever limit the process was started with; without
// CAP_SYS_RESOURCE as many as its hard limit. Once, before the first client.
void RaiseFileLimit();

}  // namespace continuo::app
