"""A gRPC client that knows no schema: it asks the server for it, as grpcurl does.

    client = ReflectionClient("/run/continuo/smb-frontend.sock")
    client.services()                                     -> names
    client.call("continuo.frontend.v1.FrontendAdminService", "ListSessions")   -> dict

The reflection protocol itself is the only schema here, written down below in the form of a
descriptor (grpc/reflection/v1alpha/reflection.proto, the fields that are used). Needs Debian's
python3-grpcio and python3-protobuf, so run it with /usr/bin/python3.
"""

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

REFLECTION = "grpc.reflection.v1alpha.ServerReflection"
DEADLINE_S = 10

_STRING = descriptor_pb2.FieldDescriptorProto.TYPE_STRING
_BYTES = descriptor_pb2.FieldDescriptorProto.TYPE_BYTES
_MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE

# Message: (field, number, type, message type, repeated?).
_REFLECTION_MESSAGES = {
    "ServerReflectionRequest": (("host", 1, _STRING, "", False),
                                ("file_by_filename", 3, _STRING, "", False),
                                ("file_containing_symbol", 4, _STRING, "", False),
                                ("list_services", 7, _STRING, "", False)),
    "ServiceResponse": (("name", 1, _STRING, "", False),),
    "ListServiceResponse": (("service", 1, _MESSAGE, "ServiceResponse", True),),
    "FileDescriptorResponse": (("file_descriptor_proto", 1, _BYTES, "", True),),
    "ErrorResponse": (("error_message", 2, _STRING, "", False),),
    "ServerReflectionResponse": (
        ("file_descriptor_response", 4, _MESSAGE, "FileDescriptorResponse", False),
        ("list_services_response", 6, _MESSAGE, "ListServiceResponse", False),
        ("error_response", 7, _MESSAGE, "ErrorResponse", False)),
}


def _reflection_types():
    package = "grpc.reflection.v1alpha"
    file = descriptor_pb2.FileDescriptorProto(name="reflection_subset.proto", package=package,
                                              syntax="proto3")
    for name, fields in _REFLECTION_MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, number, kind, type_name, is_repeated in fields:
            message.field.add(name=field, number=number, type=kind,
                              label=3 if is_repeated else 1,
                              type_name=f".{package}.{type_name}" if type_name else None)
    # Which of the questions is asked is a oneof: proto3 would leave out an empty list_services.
    request = file.message_type[0]
    request.oneof_decl.add(name="message_request")
    for field in request.field[1:]:
        field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return tuple(factory.GetPrototype(pool.FindMessageTypeByName(f"{package}.{name}"))
                 for name in ("ServerReflectionRequest", "ServerReflectionResponse"))


_Request, _Response = _reflection_types()


class ReflectionClient:
    def __init__(self, socket_path):
        self._channel = grpc.insecure_channel("unix:" + socket_path)
        self._pool = descriptor_pool.DescriptorPool()
        self._factory = message_factory.MessageFactory(self._pool)
        self._known_files = set()
        self._ask = self._channel.stream_stream(
            f"/{REFLECTION}/ServerReflectionInfo",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=_Response.FromString)

    def close(self):
        self._channel.close()

    def _question(self, **question):
        answer = next(iter(self._ask(iter([_Request(**question)]), timeout=DEADLINE_S)))
        if answer.HasField("error_response"):
            raise RuntimeError(f"{question}: {answer.error_response.error_message}")
        return answer

    def services(self):
        answer = self._question(list_services="")
        return sorted(service.name for service in answer.list_services_response.service)

    def _add_files(self, answer):
        """A file goes into the pool after those that it imports."""
        files = [descriptor_pb2.FileDescriptorProto.FromString(data)
                 for data in answer.file_descriptor_response.file_descriptor_proto]
        for file in files:
            if file.name in self._known_files:
                continue
            self._known_files.add(file.name)
            for name in file.dependency:
                if name not in self._known_files:
                    self._add_files(self._question(file_by_filename=name))
            self._pool.Add(file)

    def service(self, name):
        """The service's descriptor."""
        try:
            return self._pool.FindServiceByName(name)
        except KeyError:
            self._add_files(self._question(file_containing_symbol=name))
            return self._pool.FindServiceByName(name)

    def call(self, service, method, request=None):
        """Calls a unary method with a request given as a dict; returns the response as one."""
        descriptor = self.service(service).FindMethodByName(method)
        request_type = self._factory.GetPrototype(descriptor.input_type)
        response_type = self._factory.GetPrototype(descriptor.output_type)
        invoke = self._channel.unary_unary(
            f"/{service}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=response_type.FromString)
        response = invoke(json_format.ParseDict(request or {}, request_type()),
                          timeout=DEADLINE_S)
        return json_format.MessageToDict(response, preserving_proto_field_name=True)
