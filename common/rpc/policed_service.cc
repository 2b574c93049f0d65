#include "common/rpc/policed_service.h"

#include <absl/strings/str_format.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/codegen/server_callback_handlers.h>

namespace continuo::rpc {

namespace {

using google::protobuf::MethodDescriptor;
using google::protobuf::ServiceDescriptor;
using grpc::internal::MethodHandler;
using grpc::internal::RpcMethod;
using grpc::internal::RpcServiceMethod;

RpcMethod::RpcType TypeOf(const MethodDescriptor& method) {
  if (method.client_streaming() && method.server_streaming()) return RpcMethod::BIDI_STREAMING;
  if (method.client_streaming()) return RpcMethod::CLIENT_STREAMING;
  if (method.server_streaming()) return RpcMethod::SERVER_STREAMING;
  return RpcMethod::NORMAL_RPC;
}

// Runs a handler that the wrapped service owns.
class BorrowedHandler final : public MethodHandler {
 public:
  explicit BorrowedHandler(MethodHandler* handler) : handler_(handler) {}
  void RunHandler(const HandlerParameter& parameter) override { handler_->RunHandler(parameter); }
  void* Deserialize(grpc_call* call, grpc_byte_buffer* request, grpc::Status* status,
                    void** handler_data) override {
    return handler_->Deserialize(call, request, status, handler_data);
  }

 private:
  MethodHandler* const handler_;
};

// Finishes at once, whatever the caller sends.
class RefusingReactor final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit RefusingReactor(const std::string& method) {
    Finish(grpc::Status(grpc::StatusCode::PERMISSION_DENIED,
                        absl::StrFormat("this user may not call %s", method)));
  }
  void OnDone() override { delete this; }
};

// Opens two protected members of grpc::Service for this file.
struct ServiceAccess : grpc::Service {
  static MethodHandler* HandlerOf(grpc::Service& service, int index) {
    return (service.*(&ServiceAccess::GetHandler))(index);
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<PolicedService>> PolicedService::Make(
    const MountedService& mounted, const std::vector<MethodRule>& rules, RoleSet caller,
    metrics::Counter* refused) {
  const ServiceDescriptor* const descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(mounted.name);
  if (descriptor == nullptr || mounted.service == nullptr ||
      mounted.service->has_synchronous_methods() || mounted.service->has_async_methods() ||
      mounted.service->has_generic_methods()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "mount %s: not a callback service with a linked descriptor", mounted.name));
  }
  std::unique_ptr<PolicedService> policed(new PolicedService);
  for (int index = 0; index < descriptor->method_count(); ++index) {
    const MethodDescriptor& method = *descriptor->method(index);
    policed->method_names_.push_back(std::make_unique<std::string>(
        absl::StrFormat("/%s/%s", mounted.name, method.name())));
    const std::string& name = *policed->method_names_.back();
    const bool is_allowed = IsAllowed(rules, name, caller);
    // A unary or one-way stream is a special case of a two-way one for the server, so one kind of
    // refusing handler serves all.
    const RpcMethod::RpcType type = is_allowed ? TypeOf(method) : RpcMethod::BIDI_STREAMING;
    policed->AddMethod(new RpcServiceMethod(name.c_str(), type, nullptr));
    if (is_allowed) {
      policed->MarkMethodCallback(
          index, new BorrowedHandler(ServiceAccess::HandlerOf(*mounted.service, index)));
      continue;
    }
    policed->MarkMethodRawCallback(
        index, new grpc::internal::CallbackBidiHandler<grpc::ByteBuffer, grpc::ByteBuffer>(
                   [&name, refused](grpc::CallbackServerContext*) {
                     if (refused != nullptr) refused->Add();
                     return new RefusingReactor(name);
                   }));
  }
  return policed;
}

}  // namespace continuo::rpc
