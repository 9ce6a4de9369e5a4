"""A message as people and programs read it in JSON: of commands with --json, and of the HTTP API.

The law: a field has the schema's own name, and every field that cannot be absent is there.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

_CAPITAL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def plain(message: Message) -> dict[str, Any]:
    """A message as JSON can have it. Identifiers (fixed64) are hexadecimal, since JSON's numbers end at 53 bits."""
    told: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if isinstance(value, Mapping):  # to its descriptor a repeated message
            told[field.name] = _mapping(field, value)
        elif field.is_repeated:
            told[field.name] = [_value(field, item) for item in value]
        elif not field.has_presence or message.HasField(field.name):
            told[field.name] = _value(field, value)
    return told


def _mapping(field: Any, values: Mapping[Any, Any]) -> dict[str, Any]:
    kind = field.message_type.fields_by_name["value"]
    return {str(key): _value(kind, values[key]) for key in values}


def _value(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return plain(value)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number
        return word(field.enum_type, known[value].name) if value in known else str(value)
    if field.type == FieldDescriptor.TYPE_FIXED64:
        return f"{value:016x}"
    return value


def word(enum: Any, name: str) -> str:
    """A value of an enum, without what all its values begin with."""
    return name.removeprefix(_CAPITAL.sub("_", enum.name).upper() + "_").lower()
