"""All settings as one commented TOML text: what each is for, its type, unit and default.

The law: the text, read back, gives exactly the defaults.
"""

import enum
import inspect
import json
import textwrap
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec.structs import FieldInfo

from cluster.config.secret import Secret
from cluster.config.shapes import in_words, shape_of, unit_of
from cluster.rules.choice import Choice

_WIDTH: Final = 100
_HEAD: Final = """\
# Every setting with its default. Any value may instead come from the environment or from a file:
#   password = { env = "NAME" }
#   password = { file = "/run/secrets/name" }
# Where it says "or rules", the value may instead be a list of rules, of which the first that holds counts:
#   name = [ { if = 'in_network(remote_ip, "10.0.0.0/8")', then = VALUE }, { else = VALUE } ]
"""


def document(root: type[msgspec.Struct]) -> str:
    """The reference of all settings under `root`. A setting without a default stands in a comment."""
    return _HEAD + "\n".join(_table(root, "", "")) + "\n"


def _table(struct: type[msgspec.Struct], path: str, mark: str, defaults: Any = None) -> Iterator[str]:
    """The lines of one table; `mark` is "# " where the whole table is only an example."""
    fields = msgspec.structs.fields(struct)
    nested = [field for field in fields if _is_nested(field)]
    for field in fields:
        if field not in nested:
            yield from _setting(field, mark, _default(field, defaults))
    for field in nested:
        yield from _nested(field, f"{path}.{field.encode_name}" if path else field.encode_name, mark, defaults)


def _is_nested(field: FieldInfo) -> bool:
    shape = shape_of(field.type)
    if shape.kind == "choice":  # also one of tables is written in a line
        return False
    return shape.kind == "struct" or (shape.item is not None and shape_of(shape.item).kind == "struct")


def _setting(field: FieldInfo, mark: str, default: Any) -> Iterator[str]:
    yield ""
    yield from _comment(shape_of(field.type).description)
    unit = unit_of(field.encode_name)
    value = _toml(default)
    said = value or ("required" if field.required else "none")
    rules = "; or rules" if shape_of(field.type).kind == "choice" else ""
    yield from _comment(f"({in_words(field.type)}{f', in {unit}' if unit else ''}{rules}; default: {said})")
    yield f"{mark}{field.encode_name} = {value}" if value else f"# {field.encode_name} ="


def _nested(field: FieldInfo, path: str, mark: str, defaults: Any) -> Iterator[str]:
    shape = shape_of(field.type)
    default = _default(field, defaults)
    yield ""
    yield from _comment(shape.description)
    if shape.kind == "struct":
        mark = mark or ("# " if default is None else "")
        yield from _comment(_about(shape.core))
        yield f"{mark}[{path}]"
        yield from _table(shape.core, path, mark, default)
        return
    item = shape_of(shape.item).core
    yield from _comment(_about(item))
    header = f"[[{path}]]" if shape.kind == "list" else f"[{path}.NAME]"
    if not default:
        yield from _comment(f"({in_words(field.type)}; default: none; as an example:)")
        yield f"# {header}"
        yield from _table(item, path, "# ")
    elif shape.kind == "list":
        yield f"{mark}{header}"
        yield from _table(item, path, mark, default[0])
        for entry in default[1:]:
            yield ""
            yield f"{mark}{header}"
            yield from _again(item, path, mark, entry)
    else:
        for key, entry in default.items():
            yield f"{mark}[{path}.{json.dumps(key)}]"
            yield from _table(item, f"{path}.{json.dumps(key)}", mark, entry)


def _again(struct: type[msgspec.Struct], path: str, mark: str, entry: Any) -> Iterator[str]:
    """A further entry of a list: values without the words that stand above the first."""
    flat = [field for field in msgspec.structs.fields(struct) if not _is_nested(field)]
    if len(flat) < len(msgspec.structs.fields(struct)):
        yield from _table(struct, path, mark, entry)
        return
    for field in flat:
        value = _toml(getattr(entry, field.name))
        yield f"{mark}{field.encode_name} = {value}" if value else f"# {field.encode_name} ="


def _about(struct: type) -> str:
    return inspect.cleandoc(struct.__dict__.get("__doc__") or "")


def _comment(text: str) -> Iterator[str]:
    for paragraph in text.split("\n\n") if text else ():
        for line in textwrap.wrap(paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False):
            yield f"# {line}"


def _default(field: FieldInfo, defaults: Any) -> Any:
    if defaults is not None:
        return getattr(defaults, field.name)
    if field.default is not msgspec.NODEFAULT:
        return field.default
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return None


def _toml(value: Any) -> str:
    """A value in TOML, or empty where TOML has no word for it (None)."""
    if value is None:
        return ""
    if isinstance(value, Secret):
        return _toml(value.reveal())  # a default stands in the source, so it is no secret
    if isinstance(value, enum.Enum):
        return _toml(value.value)
    if isinstance(value, Choice):
        return _toml(value.source)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple | set | frozenset):
        return f"[{', '.join(_toml(item) for item in value)}]"
    if isinstance(value, dict):
        pairs = ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return repr(value)
