"""JSON values into typed ones, with every name that is wrong told.

The law: a value is taken whole as its type says or not at all; the fast path is one conversion, and only what it
refuses is looked at name by name.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, TypeVar

import msgspec

from mail.jmap.dates import read_utc
from mail.jmap.errors import MethodError, invalid_arguments
from mail.jmap.ids import Ids, Objects, Updates, read_ids, read_objects
from mail.jmap.words import Terms, read_terms

T = TypeVar("T")
_NAME_MAX_CHARS: Final = 100


class Moment(float):
    """A UTCDate as seconds since 1970."""


class Keyword(str):
    """A keyword in lower case (RFC 8621 4.1.1)."""

    __slots__ = ()


def keyword(text: str) -> str:
    """A keyword as it is kept and told: in lower case. ValueError: it is none (RFC 8621 4.1.1)."""
    if not 0 < len(text) <= KEYWORD_MAX_CHARS or not text.isascii() or not text.isprintable():
        raise ValueError("not a keyword")
    if not NOT_IN_KEYWORD.isdisjoint(text):
        raise ValueError("not a keyword")
    return text.lower()


KEYWORD_MAX_CHARS: Final = 255
NOT_IN_KEYWORD: Final = frozenset('(){]%*"\\ ')


def hook(kind: type, value: Any) -> Any:
    """What msgspec asks of types of ours; a ValueError becomes its own."""
    if kind is Ids:
        return read_ids(value)
    if kind is Objects or kind is Updates:
        return read_objects(kind, value)
    if not isinstance(value, str):
        raise ValueError("Expected `str`")  # noqa: TRY004 - msgspec names the place of a ValueError
    if kind is Moment:
        when: datetime = read_utc(value)
        return Moment(when.timestamp())
    if kind is Keyword:
        return Keyword(keyword(value))
    if kind is Terms:
        return read_terms(value)
    raise NotImplementedError


def convert(value: Any, kind: type[T]) -> T:
    """A value of any type; msgspec.ValidationError with the place in it."""
    return msgspec.convert(value, kind, dec_hook=hook)


def read_arguments(arguments: Mapping[str, Any], kind: type[T]) -> T:
    """The arguments of a method as its struct, or invalidArguments with the names of all that are wrong."""
    try:
        return msgspec.convert(arguments, kind, dec_hook=hook)
    except msgspec.ValidationError as problem:
        raise _wrong(arguments, kind, str(problem)) from None


def _wrong(arguments: Mapping[str, Any], kind: Any, reason: str) -> MethodError:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    names = [name[:_NAME_MAX_CHARS] for name in arguments if name not in fields]
    for name, field in fields.items():
        if name not in arguments:
            if field.required:
                names.append(name)
            continue
        try:
            msgspec.convert(arguments[name], field.type, dec_hook=hook)
        except msgspec.ValidationError:
            names.append(name)
    return invalid_arguments(reason[: 3 * _NAME_MAX_CHARS], *names)
