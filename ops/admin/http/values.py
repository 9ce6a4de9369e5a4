"""Values of requests into fields of messages, by their types in the schema.

The law: what does not fit is refused with the place where it stands, never bent to fit; what is taken here is what the
description says, no more.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from ops.admin.http.operations import WRAPPERS
from ops.admin.http.problems import Problem
from ops.admin.plain import word

Field = Any  # protobuf has two classes of them

_RANGES: Final = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
LIMIT_MAX: Final = 1000  # of what is listed at once
_NUMBER: Final = re.compile(r"-?[0-9]{1,20}")
_IDENT: Final = re.compile(r"[0-9a-f]{16}")


def range_of(field: Field) -> tuple[int, int] | None:
    """The least and the greatest of a number; None where it is none. Times, sizes and counts have no negatives."""
    if field.enum_type is not None or field.type == FieldDescriptor.TYPE_FIXED64 or field.cpp_type not in _RANGES:
        return None
    if field.name == "limit":
        return 1, LIMIT_MAX
    least, most = _RANGES[field.cpp_type]
    return (0 if field.type == FieldDescriptor.TYPE_INT64 else least), most


def words_of(enum: Any, *, given: bool) -> dict[str, int]:
    """The values of an enum by their words; `given`: those that can be said, as 0 is not."""
    return {word(enum, value.name): value.number for value in enum.values if value.number or not given}


def put(message: Message, path: str, value: Any, where: str) -> None:
    """A value of JSON into the field at `path`. Raises Problem."""
    *parents, name = path.split(".")
    for parent in parents:
        message = getattr(message, parent)
    _put(message, message.DESCRIPTOR.fields_by_name[name], value, where)


def put_text(message: Message, path: str, text: str, where: str) -> None:
    """The same for a text of a query or a path. Raises Problem."""
    *parents, name = path.split(".")
    for parent in parents:
        message = getattr(message, parent)
    field = message.DESCRIPTOR.fields_by_name[name]
    value: Any = text
    if field.type == FieldDescriptor.TYPE_BOOL:
        value = {"true": True, "false": False}.get(text, text)
    elif range_of(field) is not None and _NUMBER.fullmatch(text):
        value = int(text)
    _put(message, field, value, where)


def _put(message: Message, field: Field, value: Any, where: str) -> None:
    if field.is_repeated:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _put_map(message, field, value, where)
        else:
            _put_list(getattr(message, field.name), field, value, where)
    elif field.message_type is None:
        setattr(message, field.name, _scalar(field, value, where))
    else:
        inner = getattr(message, field.name)
        inner.SetInParent()
        if listed := WRAPPERS.get(field.message_type.name):
            _put(inner, field.message_type.fields_by_name[listed], value, where)
        else:
            _put_object(inner, value, where)


def _put_list(items: Any, field: Field, value: Any, where: str) -> None:
    if not isinstance(value, list):
        raise wrong(where, "a list")
    for number, item in enumerate(value):
        if field.message_type is not None:
            _put_object(items.add(), item, f"{where}/{number}")
        else:
            items.append(_scalar(field, item, f"{where}/{number}"))


def _put_map(message: Message, field: Field, value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise wrong(where, "an object")
    kind = field.message_type.fields_by_name["value"]
    for name, item in value.items():
        getattr(message, field.name)[name] = _scalar(kind, item, f"{where}/{_escaped(name)}")


def _put_object(message: Message, value: Any, where: str) -> None:
    if not isinstance(value, dict):
        raise wrong(where, "an object")
    known = message.DESCRIPTOR.fields_by_name
    for name, item in value.items():
        if name not in known:
            raise unknown(f"{where}/{_escaped(name)}", known)
        _put(message, known[name], item, f"{where}/{_escaped(name)}")


def _scalar(field: Field, value: Any, where: str) -> Any:
    if field.enum_type is not None:
        words = words_of(field.enum_type, given=True)
        if not isinstance(value, str) or value not in words:
            raise wrong(where, f"one of {', '.join(words)}")
        return words[value]
    if (bounds := range_of(field)) is not None:
        return _number(value, *bounds, where)
    return _OTHERS[field.type](value, where)


def _number(value: Any, least: int, most: int, where: str) -> int:
    if isinstance(value, float) and value.is_integer():  # 1.0 is an integer to JSON Schema
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise wrong(where, f"a whole number from {least} to {most}")
    return value


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        raise wrong(where, "a string")
    return value


def _flag(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise wrong(where, "true or false")
    return value


def _ident(value: Any, where: str) -> int:
    if not _IDENT.fullmatch(_text(value, where)):
        raise wrong(where, "an id: 16 hexadecimal digits")
    return int(value, 16)


def _octets(value: Any, where: str) -> bytes:
    try:
        return base64.b64decode(_text(value, where), validate=True)
    except (binascii.Error, ValueError):
        raise wrong(where, "octets in base64") from None


_OTHERS: Final[Mapping[int, Callable[[Any, str], Any]]] = {
    FieldDescriptor.TYPE_STRING: _text,
    FieldDescriptor.TYPE_BOOL: _flag,
    FieldDescriptor.TYPE_BYTES: _octets,
    FieldDescriptor.TYPE_FIXED64: _ident,
}


def wrong(where: str, needed: str) -> Problem:
    """A value is not what it has to be."""
    return Problem(422, f"{where} has to be {needed}.", at=where)


def unknown(where: str, known: Any) -> Problem:
    """There is nothing of the name."""
    return Problem(422, f"There is no {where[:100]}; there are: {', '.join(known) or 'none'}.", at=where)


def _escaped(name: str) -> str:
    """A name in a JSON Pointer (RFC 6901 3)."""
    return name.replace("~", "~0").replace("/", "~1")
