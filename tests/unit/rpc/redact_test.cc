#include "common/rpc/redact.h"

#include <catch2/catch.hpp>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/dynamic_message.h>

#include "continuo/types/v1/options.pb.h"

namespace continuo::rpc {
namespace {

using google::protobuf::FieldDescriptorProto;

// message Logon { string user = 1; bytes token = 2 [secret]; repeated string key = 3 [secret];
//                 Logon inner = 4; repeated int32 number = 5; bytes blob = 6; }
class LogonSchema {
 public:
  LogonSchema() : pool_(google::protobuf::DescriptorPool::generated_pool()) {
    google::protobuf::FileDescriptorProto file;
    file.set_name("logon.proto");
    file.set_syntax("proto3");
    file.add_dependency("continuo/types/v1/options.proto");
    google::protobuf::DescriptorProto* const logon = file.add_message_type();
    logon->set_name("Logon");
    Add(logon, "user", 1, FieldDescriptorProto::TYPE_STRING, FieldDescriptorProto::LABEL_OPTIONAL);
    Add(logon, "token", 2, FieldDescriptorProto::TYPE_BYTES, FieldDescriptorProto::LABEL_OPTIONAL)
        ->mutable_options()
        ->SetExtension(types::v1::secret, true);
    Add(logon, "key", 3, FieldDescriptorProto::TYPE_STRING, FieldDescriptorProto::LABEL_REPEATED)
        ->mutable_options()
        ->SetExtension(types::v1::secret, true);
    Add(logon, "inner", 4, FieldDescriptorProto::TYPE_MESSAGE, FieldDescriptorProto::LABEL_OPTIONAL)
        ->set_type_name("Logon");
    Add(logon, "number", 5, FieldDescriptorProto::TYPE_INT32, FieldDescriptorProto::LABEL_REPEATED);
    Add(logon, "blob", 6, FieldDescriptorProto::TYPE_BYTES, FieldDescriptorProto::LABEL_OPTIONAL);
    descriptor_ = pool_.BuildFile(file)->FindMessageTypeByName("Logon");
  }

  std::unique_ptr<google::protobuf::Message> Parse(const std::string& bytes) {
    std::unique_ptr<google::protobuf::Message> message(factory_.GetPrototype(descriptor_)->New());
    REQUIRE(message->ParseFromString(bytes));
    return message;
  }

 private:
  static FieldDescriptorProto* Add(google::protobuf::DescriptorProto* message, const char* name,
                                   int number, FieldDescriptorProto::Type type,
                                   FieldDescriptorProto::Label label) {
    FieldDescriptorProto* const field = message->add_field();
    field->set_name(name);
    field->set_number(number);
    field->set_type(type);
    field->set_label(label);
    return field;
  }

  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory factory_;
  const google::protobuf::Descriptor* descriptor_ = nullptr;
};

TEST_CASE("redact: secrets at any depth and unknown fields are not shown", "[unit][rpc]") {
  LogonSchema schema;
  // user="ann", token="hunter2", key="k1", key="k2", inner={token="hunter3"}, number=7,
  // blob="xyz", unknown field 99 = "hunter4".
  const std::string bytes = std::string("\x0a\x03"
                                        "ann\x12\x07hunter2\x1a\x02k1\x1a\x02k2\x22\x09\x12\x07"
                                        "hunter3\x2a\x01\x07\x32\x03xyz\x9a\x06\x07hunter4");
  const std::string text = RedactedText(*schema.Parse(bytes));
  CHECK(text ==
        "user=\"ann\" token=<secret 7 bytes> key=<secret 2 bytes> key=<secret 2 bytes> "
        "inner={token=<secret 7 bytes>} number=7 blob=<3 bytes>");
}

TEST_CASE("redact: text is bounded and cannot forge a line", "[unit][rpc]") {
  LogonSchema schema;
  std::string bytes("\x0a\x02\n\"", 4);
  CHECK(RedactedText(*schema.Parse(bytes)) == "user=\"\\n\\\"\"");
  std::string many;
  for (int i = 0; i < 10000; ++i) many += std::string("\x2a\x01\x07", 3);
  CHECK(RedactedText(*schema.Parse(many)).size() <= kRedactedTextMaxBytes);
  std::string nested;
  for (int i = 0; i < 20; ++i) {
    nested = "\x22" + std::string(1, static_cast<char>(nested.size())) + nested;
  }
  CHECK(RedactedText(*schema.Parse(nested)).find("...") != std::string::npos);
}

}  // namespace
}  // namespace continuo::rpc
