// Text of a message for people and logs, without what is secret.
//
// Fields marked [(continuo.types.v1.secret) = true] (proto/continuo/types/v1/options.proto) are
// shown as "<secret N bytes>"; unknown fields and Any payloads are left out, because nobody can say
// what they hold. This is the only way to print a message: Protobuf 3.21 has no redaction of its
// own, so DebugString shows everything.
//
// Threading: pure.
#pragma once

#include <string>

namespace google::protobuf {
class Message;
}  // namespace google::protobuf

namespace continuo::rpc {

inline constexpr size_t kRedactedTextMaxBytes = 4096;
inline constexpr int kRedactedDepthMax = 16;

// One line, at most kRedactedTextMaxBytes; longer text ends in "...".
std::string RedactedText(const google::protobuf::Message& message);

}  // namespace continuo::rpc
