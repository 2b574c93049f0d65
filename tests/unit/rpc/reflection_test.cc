// What grpcurl does, without generated code of the services: list them, fetch their schema, call.
#include <catch2/catch.hpp>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <grpcpp/generic/generic_stub.h>

#include "common/rpc/channel.h"
#include "tests/unit/rpc/server_fixture.h"

namespace continuo::rpc {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

std::unique_ptr<Message> NewMessage(const char* name) {
  const auto* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(name);
  REQUIRE(descriptor != nullptr);
  return std::unique_ptr<Message>(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
}

// One question to the reflection service; answers with the text form of the response.
std::string Ask(const std::shared_ptr<grpc::Channel>& channel, const char* question,
                const std::string& value) {
  const std::unique_ptr<Message> request =
      NewMessage("grpc.reflection.v1alpha.ServerReflectionRequest");
  const FieldDescriptor* const field = request->GetDescriptor()->FindFieldByName(question);
  request->GetReflection()->SetString(request.get(), field, value);
  const grpc::Slice slice(request->SerializeAsString());
  const grpc::ByteBuffer out(&slice, 1);

  grpc::ClientContext context;
  SetDeadline(&context);
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(channel);
  const auto call = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  const auto wait = [&queue] {
    void* tag = nullptr;
    bool is_ok = false;
    return queue.Next(&tag, &is_ok) && is_ok;
  };
  call->StartCall(nullptr);
  REQUIRE(wait());
  call->WriteLast(out, grpc::WriteOptions(), nullptr);
  REQUIRE(wait());
  grpc::ByteBuffer in;
  call->Read(&in, nullptr);
  REQUIRE(wait());
  grpc::Status status;
  call->Finish(&status, nullptr);
  REQUIRE(wait());
  CHECK(status.ok());

  std::vector<grpc::Slice> slices;
  REQUIRE(in.Dump(&slices).ok());
  std::string bytes;
  for (const grpc::Slice& part : slices) {
    bytes.append(reinterpret_cast<const char*>(part.begin()), part.size());
  }
  const std::unique_ptr<Message> response =
      NewMessage("grpc.reflection.v1alpha.ServerReflectionResponse");
  REQUIRE(response->ParseFromString(bytes));
  return response->DebugString();
}

TEST_CASE("reflection: lists every service of the daemon and hands out its schema",
          "[unit][rpc]") {
  ServerFixture fixture;
  fixture.server = *UnixServer::Start(fixture.Options());
  const auto channel = MakeUnixChannel(fixture.server->socket_path());
  const std::string services = Ask(channel, "list_services", "*");
  for (const char* name :
       {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection",
        "continuo.admin.v1.AdminService", "continuo.supervisor.v1.SupervisorService"}) {
    CAPTURE(name);
    CHECK(services.find(name) != std::string::npos);
    CHECK(Ask(channel, "file_containing_symbol", name).find("file_descriptor_proto") !=
          std::string::npos);
  }
}

TEST_CASE("reflection: any user who reaches the socket may ask", "[unit][rpc]") {
  if (geteuid() != 0) {
    WARN("needs root to connect as another user");
    return;
  }
  ServerFixture fixture;
  fixture.server = *UnixServer::Start(fixture.Options());
  CHECK(Ask(fixture.ConnectAs(65534), "list_services", "*").find("grpc.health.v1.Health") !=
        std::string::npos);
}

}  // namespace
}  // namespace continuo::rpc
