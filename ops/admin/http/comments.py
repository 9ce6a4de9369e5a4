"""The comments of a schema, by the full names of what they are on.

The law: a comment is the one beside or above a thing, as a sentence: a paragraph in one line.
"""

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

# What a path of numbers names, level by level: the field's number in the descriptor of what is above.
_FILE: Final = {4: "message_type", 5: "enum_type", 6: "service"}
_BELOW: Final = {
    "message_type": {2: "field", 3: "nested_type", 4: "enum_type"},
    "nested_type": {2: "field", 3: "nested_type", 4: "enum_type"},
    "enum_type": {2: "value"},
    "service": {2: "method"},
}


def comments_of(compiled: bytes) -> dict[str, str]:
    """Those of a FileDescriptorSet that was made with source information."""
    return {name: text for file in FileDescriptorSet.FromString(compiled).file for name, text in _of_file(file)}


def _of_file(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        text = " ".join((location.trailing_comments or location.leading_comments).split())
        if text and (name := _name(file, list(location.path))):
            yield f"{file.package}.{name}", text


def _name(file: Any, path: list[int]) -> str:
    """The name of what is at a path, without its package; empty for what has none."""
    above, kinds = file, _FILE
    names: list[str] = []
    for number, index in zip(path[::2], path[1::2], strict=False):
        kind = kinds.get(number)
        if kind is None:
            return ""
        above = getattr(above, kind)[index]
        # A value of an enum is named beside it, as in C++.
        names = [*(names[:-1] if kind == "value" else names), above.name]
        kinds = _BELOW.get(kind, {})
    return ".".join(names) if len(path) % 2 == 0 else ""
