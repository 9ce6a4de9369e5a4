"""What a type hint of a setting means: its shape, and its name in plain words.

The law: everything said about a type to a person comes from here, so that errors and the printed reference agree.
"""

import enum
import types
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

import msgspec

from cluster.config.secret import Secret
from cluster.rules.choice import is_choice

_UNITS = (("_bytes", "bytes"), ("_ms", "milliseconds"), ("_s", "seconds"), ("_days", "days"))
_WORDS: dict[Any, str] = {
    str: "a text in quotes",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Secret: 'a secret text, better { env = "NAME" } or { file = "/path" }',
}
_SEQUENCES = (list, tuple, set, frozenset)


class Shape(NamedTuple):
    """A hint taken apart. `item` is the hint of a list's items, a table's values, or what a choice is of."""

    kind: Literal["struct", "list", "table", "choice", "value"]
    core: Any
    item: Any
    optional: bool
    metas: tuple[msgspec.Meta, ...]

    @property
    def description(self) -> str:
        """What the declaration says about the setting, or empty."""
        return next((meta.description for meta in self.metas if meta.description), "")


def shape_of(hint: Any) -> Shape:
    """Take `Annotated[...] | None` apart."""
    metas: tuple[msgspec.Meta, ...] = ()
    optional = False
    while True:
        origin = get_origin(hint)
        if origin is Annotated:
            metas += tuple(meta for meta in hint.__metadata__ if isinstance(meta, msgspec.Meta))
            hint = hint.__origin__
        elif origin in (Union, types.UnionType) and type(None) in get_args(hint):
            optional = True
            rest = [arg for arg in get_args(hint) if arg is not type(None)]
            hint = rest[0] if len(rest) == 1 else Union[tuple(rest)]  # noqa: UP007 - built at run time
        else:
            return _shape(hint, optional, metas)


def _shape(hint: Any, optional: bool, metas: tuple[msgspec.Meta, ...]) -> Shape:
    origin, args = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return Shape("struct", hint, None, optional, metas)
    if origin in _SEQUENCES:
        return Shape("list", hint, args[0], optional, metas)
    if origin is dict:
        return Shape("table", hint, args[1], optional, metas)
    if is_choice(hint):
        return Shape("choice", hint, args[0], optional, metas)
    return Shape("value", hint, None, optional, metas)


def in_words(hint: Any) -> str:
    """The type for people: `a whole number from 1 to 65535`."""
    shape = shape_of(hint)
    if shape.kind == "struct":
        return "a table"
    if shape.kind == "list":
        return f"a list{_length(shape)}, each item {in_words(shape.item)}"
    if shape.kind == "table":
        return f"a table of names, each with {in_words(shape.item)}"
    if shape.kind == "choice":
        return in_words(shape.item)
    return _core_in_words(shape.core) + _range(shape) + _length(shape) + _pattern(shape)


def unit_of(name: str) -> str:
    """The unit that a setting's name ends in, in words, or empty."""
    name = name.removesuffix("_max").removesuffix("_min")
    return next((unit for suffix, unit in _UNITS if name.endswith(suffix)), "")


def _core_in_words(core: Any) -> str:
    if get_origin(core) is Literal:
        return "one of " + ", ".join(_quoted(choice) for choice in get_args(core))
    if isinstance(core, type) and issubclass(core, enum.Enum):
        return "one of " + ", ".join(_quoted(member.value) for member in core)
    if get_origin(core) in (Union, types.UnionType):
        return " or ".join(in_words(arg) for arg in get_args(core))
    return _WORDS.get(core, getattr(core, "__name__", str(core)))


def _quoted(choice: Any) -> str:
    return f'"{choice}"' if isinstance(choice, str) else str(choice)


def _range(shape: Shape) -> str:
    low = _first(shape, "ge")
    high = _first(shape, "le")
    if low is not None and high is not None:
        return f" from {low} to {high}"
    words = (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"), ("multiple_of", "a multiple of"))
    parts = [f"{word} {bound}" for name, word in words if (bound := _first(shape, name)) is not None]
    return f", {' and '.join(parts)}" if parts else ""


def _length(shape: Shape) -> str:
    noun = "items" if shape.kind == "list" else "characters"
    words = (("min_length", "at least"), ("max_length", "at most"))
    parts = [f"{word} {bound} {noun}" for name, word in words if (bound := _first(shape, name)) is not None]
    return f" of {' and '.join(parts)}" if parts else ""


def _pattern(shape: Shape) -> str:
    pattern = _first(shape, "pattern")
    return f" that matches {pattern}" if pattern is not None else ""


def _first(shape: Shape, name: str) -> Any:
    return next((bound for meta in shape.metas if (bound := getattr(meta, name)) is not None), None)
