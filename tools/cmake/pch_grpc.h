// The precompiled header of what speaks gRPC.
#pragma once
#include "tools/cmake/pch.h"

#include <grpcpp/grpcpp.h>
