#include "common/rpc/redact.h"

#include <vector>

#include <absl/strings/escaping.h>
#include <absl/strings/str_format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "continuo/types/v1/options.pb.h"

namespace continuo::rpc {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr size_t kValueTextMaxBytes = 256;

bool IsSecret(const FieldDescriptor& field) {
  return field.options().GetExtension(types::v1::secret);
}

bool IsFull(const std::string& out) { return out.size() >= kRedactedTextMaxBytes; }

// One value of a repeated field (index >= 0) or the value of a singular one (index < 0).
class ValueReader {
 public:
  ValueReader(const Message& message, const FieldDescriptor& field, int index)
      : message_(message), reflection_(*message.GetReflection()), field_(field), index_(index) {}

  const Message& SubMessage() const {
    return index_ < 0 ? reflection_.GetMessage(message_, &field_)
                      : reflection_.GetRepeatedMessage(message_, &field_, index_);
  }

  std::string Text() const {
    std::string scratch;
    return index_ < 0 ? reflection_.GetStringReference(message_, &field_, &scratch)
                      : reflection_.GetRepeatedStringReference(message_, &field_, index_, &scratch);
  }

  std::string Scalar() const {
    switch (field_.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        return absl::StrFormat("%d", Get(&Reflection::GetInt32, &Reflection::GetRepeatedInt32));
      case FieldDescriptor::CPPTYPE_INT64:
        return absl::StrFormat("%d", Get(&Reflection::GetInt64, &Reflection::GetRepeatedInt64));
      case FieldDescriptor::CPPTYPE_UINT32:
        return absl::StrFormat("%u", Get(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32));
      case FieldDescriptor::CPPTYPE_UINT64:
        return absl::StrFormat("%u", Get(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64));
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return absl::StrFormat("%g", Get(&Reflection::GetDouble, &Reflection::GetRepeatedDouble));
      case FieldDescriptor::CPPTYPE_FLOAT:
        return absl::StrFormat("%g", Get(&Reflection::GetFloat, &Reflection::GetRepeatedFloat));
      case FieldDescriptor::CPPTYPE_BOOL:
        return Get(&Reflection::GetBool, &Reflection::GetRepeatedBool) ? "true" : "false";
      case FieldDescriptor::CPPTYPE_ENUM:
        return Get(&Reflection::GetEnum, &Reflection::GetRepeatedEnum)->name();
      default:
        return "?";
    }
  }

 private:
  template <typename T>
  T Get(T (Reflection::*singular)(const Message&, const FieldDescriptor*) const,
        T (Reflection::*repeated)(const Message&, const FieldDescriptor*, int) const) const {
    return index_ < 0 ? (reflection_.*singular)(message_, &field_)
                      : (reflection_.*repeated)(message_, &field_, index_);
  }

  const Message& message_;
  const Reflection& reflection_;
  const FieldDescriptor& field_;
  const int index_;
};

void AppendMessage(const Message& message, int depth, std::string* out);

void AppendText(const std::string& text, bool is_bytes, std::string* out) {
  if (is_bytes) {
    *out += absl::StrFormat("<%d bytes>", text.size());
    return;
  }
  *out += '"';
  *out += absl::CEscape(text.substr(0, kValueTextMaxBytes));
  *out += text.size() > kValueTextMaxBytes ? "...\"" : "\"";
}

void AppendValue(const Message& message, const FieldDescriptor& field, int index, int depth,
                 std::string* out) {
  const ValueReader value(message, field, index);
  if (!out->empty() && out->back() != '{') *out += ' ';
  *out += field.is_extension() ? "[" + field.full_name() + "]" : field.name();
  *out += '=';
  if (IsSecret(field)) {
    const bool is_text = field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
    *out += is_text ? absl::StrFormat("<secret %d bytes>", value.Text().size()) : "<secret>";
  } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    *out += '{';
    AppendMessage(value.SubMessage(), depth + 1, out);
    *out += '}';
  } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    AppendText(value.Text(), field.type() == FieldDescriptor::TYPE_BYTES, out);
  } else {
    *out += value.Scalar();
  }
}

// The recursion is bounded by kRedactedDepthMax, the text by kRedactedTextMaxBytes.
void AppendMessage(const Message& message, int depth, std::string* out) {
  if (depth >= kRedactedDepthMax) {
    *out += "...";
    return;
  }
  if (message.GetDescriptor()->full_name() == "google.protobuf.Any") {
    *out += "<any>";
    return;
  }
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (!field->is_repeated()) {
      AppendValue(message, *field, -1, depth, out);
      continue;
    }
    const int count = message.GetReflection()->FieldSize(message, field);
    for (int index = 0; index < count && !IsFull(*out); ++index) {
      AppendValue(message, *field, index, depth, out);
    }
    if (IsFull(*out)) return;
  }
}

}  // namespace

std::string RedactedText(const Message& message) {
  std::string out;
  AppendMessage(message, 0, &out);
  if (out.size() > kRedactedTextMaxBytes) {
    out.resize(kRedactedTextMaxBytes - 3);
    out += "...";
  }
  return out;
}

}  // namespace continuo::rpc
