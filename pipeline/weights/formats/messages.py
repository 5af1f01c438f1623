"""Messages of protocol buffers from their field numbers, so that no generated code is needed."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Field = tuple[str, int, str]
"""Name, number and type: a scalar type of protobuf or another message; "*" before it for repeated."""


def make_messages(package: str, messages: dict[str, list[Field]]) -> dict[str, type[Any]]:
    """Message classes by name.

    Args:
        package: name of the package that the messages are put in.
        messages: fields of each message. Fields of a file that are left out here are skipped on reading.
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto2")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field, number, kind in fields:
            scalar = kind.lstrip("*")
            added = message.field.add(name=field, number=number)
            added.label = kinds.LABEL_REPEATED if kind.startswith("*") else kinds.LABEL_OPTIONAL
            if scalar in messages:
                added.type, added.type_name = kinds.TYPE_MESSAGE, f".{package}.{scalar}"
            else:
                added.type = getattr(kinds, f"TYPE_{scalar.upper()}")
                if kind.startswith("*"):
                    # Readers take packed and single numbers alike.
                    added.options.packed = True
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {name: pool.FindMessageTypeByName(f"{package}.{name}") for name in messages}
    return {name: message_factory.GetMessageClass(message) for name, message in found.items()}
