// The client's direction: request bodies and the answers to them, for the load generator and tests.
//
// EncodeXRequest appends the body behind the 64-byte header, as the response encoders do; the
// caller has written, or will write, the header in front of it. Decoders take an element that starts
// at its SMB2 header, whose Status the caller has looked at: a refusal has an ERROR body instead.
// All decoders answer InvalidParameter for a damaged body and borrow from the message.
//
// Source: [MS-SMB2] 2.2. Threading: pure.
#pragma once

#include <cstdint>
#include <span>

#include "common/bytes/byte_writer.h"
#include "common/ntstatus/ntstatus.h"
#include "common/smbwire/close.h"
#include "common/smbwire/create.h"
#include "common/smbwire/ioctl.h"
#include "common/smbwire/lock.h"
#include "common/smbwire/negotiate.h"
#include "common/smbwire/query_directory.h"
#include "common/smbwire/query_info.h"
#include "common/smbwire/read_write.h"
#include "common/smbwire/session_setup.h"
#include "common/smbwire/tree_connect.h"

namespace continuo::smbwire {

// LOGOFF, TREE_DISCONNECT, ECHO and CANCEL requests, and the answers to the first three.
void EncodeEmptyRequest(bytes::ByteWriter& out);
NtStatus DecodeEmptyResponse(std::span<const uint8_t> message);  // Also of FLUSH and LOCK.

void EncodeNegotiateRequest(const NegotiateRequest& request, bytes::ByteWriter& out);
NtResult<NegotiateResponse> DecodeNegotiateResponse(std::span<const uint8_t> message);

void EncodeSessionSetupRequest(const SessionSetupRequest& request, bytes::ByteWriter& out);
NtResult<SessionSetupResponse> DecodeSessionSetupResponse(std::span<const uint8_t> message);

void EncodeTreeConnectRequest(const TreeConnectRequest& request, bytes::ByteWriter& out);
NtResult<TreeConnectResponse> DecodeTreeConnectResponse(std::span<const uint8_t> message);

void EncodeCreateRequest(const CreateRequest& request, bytes::ByteWriter& out);
NtResult<CreateResponse> DecodeCreateResponse(std::span<const uint8_t> message);

void EncodeCloseRequest(const CloseRequest& request, bytes::ByteWriter& out);
NtResult<CloseResponse> DecodeCloseResponse(std::span<const uint8_t> message);

void EncodeFlushRequest(const FlushRequest& request, bytes::ByteWriter& out);

void EncodeReadRequest(const ReadRequest& request, bytes::ByteWriter& out);
NtResult<ReadResponse> DecodeReadResponse(std::span<const uint8_t> message);

// The data is appended too; with EncodeWriteRequestHead the caller sends it from elsewhere.
void EncodeWriteRequest(const WriteRequest& request, bytes::ByteWriter& out);
void EncodeWriteRequestHead(const WriteRequest& request, uint32_t data_size_bytes,
                            bytes::ByteWriter& out);
NtResult<WriteResponse> DecodeWriteResponse(std::span<const uint8_t> message);

void EncodeLockRequest(const LockRequest& request, bytes::ByteWriter& out);

void EncodeIoctlRequest(const IoctlRequest& request, bytes::ByteWriter& out);
NtResult<IoctlResponse> DecodeIoctlResponse(std::span<const uint8_t> message);

void EncodeQueryDirectoryRequest(const QueryDirectoryRequest& request, bytes::ByteWriter& out);
void EncodeQueryInfoRequest(const QueryInfoRequest& request, bytes::ByteWriter& out);
// The buffer that QUERY_DIRECTORY, QUERY_INFO and CHANGE_NOTIFY answer with.
NtResult<std::span<const uint8_t>> DecodeOutputBufferResponse(std::span<const uint8_t> message);

void EncodeSetInfoRequest(const SetInfoRequest& request, bytes::ByteWriter& out);
NtStatus DecodeSetInfoResponse(std::span<const uint8_t> message);

}  // namespace continuo::smbwire
