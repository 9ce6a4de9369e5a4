"""Read settings from TOML, with values that may come from the environment or from secret files.

The law: what is wrong is named by file, key and cure, and no value that came from the environment, a secret file or
belongs to a `Secret` setting is ever shown.

Any value may be written `{ env = "NAME" }` or `{ file = "/run/secrets/x" }`; the text found there is taken as the
setting's type (one newline at its end is dropped; a list is written there as in TOML). Whole tables may not. There is
no other way in for the environment, so that a reader of the file sees where each value comes from.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar, get_origin

import msgspec

from cluster.config.secret import Secret
from cluster.config.shapes import Shape, in_words, shape_of
from cluster.errors import Misconfigured
from cluster.rules.choice import WrongChoice, is_choice, is_rules

SETTINGS_BYTES_MAX: Final = 1024 * 1024  # far above any file a person writes
SECRET_BYTES_MAX: Final = 64 * 1024  # a certificate chain fits; a device or a log does not
_KEY: Final = re.compile(r"[a-z_]+(?:\[\d+\])?(?:\.\w+(?:\[\d+\])?)*")  # a setting's path, as errors name it

T = TypeVar("T", bound=msgspec.Struct)
ReadFile = Callable[[str], bytes]


def read_file(path: str) -> bytes:
    """The bytes of a file, at most SETTINGS_BYTES_MAX + 1 of them. Raises OSError."""
    with Path(path).open("rb") as file:
        return file.read(SETTINGS_BYTES_MAX + 1)


def load(
    root: type[T],
    source: Path | str | bytes,
    environ: Mapping[str, str],
    read_file: ReadFile = read_file,
    *,
    name: str = "the settings",
) -> T:
    """The settings in `source`: a Path to read, or the TOML text itself (then `name` is what errors call it).

    Raises Misconfigured, whose text names the file, the key (`smtp.listen[0].port`), what is expected and the cure.
    """
    if isinstance(source, Path):
        name = str(source)
        source = _contents(read_file, name, f"cannot read the settings file {name}", SETTINGS_BYTES_MAX)
    text = source if isinstance(source, str) else _decoded(source, f"the settings file {name}")
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # TOMLDecodeError, and int() on thousands of digits
        raise Misconfigured(f"{name} is not valid TOML: {error}.") from error
    built = _Loader(name, environ, read_file).build(table, root, "")
    return msgspec.convert(built, root, dec_hook=_decode)


class _Loader(NamedTuple):
    """One file being read: turns its tables into plain data that has been checked at every key."""

    name: str
    environ: Mapping[str, str]
    read_file: ReadFile

    def build(self, value: Any, hint: Any, path: str) -> Any:
        shape = shape_of(hint)
        if shape.kind == "struct":
            return self._struct(value, shape, path)
        if shape.kind == "choice":
            return self._choice(value, shape, path)
        reference = _reference(value)
        if reference is not None and shape.kind != "table":
            return self._referred(*reference, hint, path)
        if shape.kind == "list" and isinstance(value, list):
            value = [self.build(item, shape.item, f"{path}[{i}]") for i, item in enumerate(value)]
        elif shape.kind == "table" and isinstance(value, dict):
            value = {key: self.build(item, shape.item, _join(path, key)) for key, item in value.items()}
        return self._checked(value, hint, path)

    def _struct(self, table: Any, shape: Shape, path: str) -> Any:
        if not isinstance(table, dict):
            raise self._wrong(path, f"expected a table, found {_found(table)}")
        fields = {field.encode_name: field for field in msgspec.structs.fields(shape.core)}
        for key in table:
            if key not in fields:
                raise self._wrong(_join(path, key), f"there is no such setting{_near(key, fields)}")
        for key, field in fields.items():
            if field.required and key not in table:
                raise self._wrong(_join(path, key), f"this setting is required: {in_words(field.type)}")
        built = {key: self.build(value, fields[key].type, _join(path, key)) for key, value in table.items()}
        try:
            msgspec.convert(built, shape.core, dec_hook=_decode)
        except msgspec.ValidationError as error:  # what the struct's own __post_init__ refuses
            raise self._wrong(*_within(path, str(error))) from error
        return built

    def _choice(self, value: Any, shape: Shape, path: str) -> Any:
        if not is_rules(value):
            return self.build(value, shape.item, path)
        built = [
            {key: self.build(item, shape.item, f"{path}[{i}].{key}") if key in ("then", "else") else item
             for key, item in entry.items()}
            for i, entry in enumerate(value)
        ]  # fmt: skip
        try:
            _decode(shape.core, built)
        except WrongChoice as error:
            raise self._wrong(f"{path}{error.where}", error.why) from None
        return built

    def _checked(self, value: Any, hint: Any, path: str) -> Any:
        try:
            msgspec.convert(value, hint, dec_hook=_decode)
        except msgspec.ValidationError:
            found = "something else" if shape_of(hint).core is Secret else _found(value)
            # The validator's own text may hold the value; ours is all that is said.
            raise self._wrong(path, f"expected {in_words(hint)}, found {found}") from None
        return value

    def _referred(self, kind: str, target: str, hint: Any, path: str) -> Any:
        where = f"environment variable {target}" if kind == "env" else f"file {target}"
        text = self._from_environment(target, path) if kind == "env" else self._from_file(target, path)
        try:
            return self._typed(text, hint)
        except (msgspec.ValidationError, ValueError, RecursionError):
            # The cause would carry the secret into a traceback.
            raise self._wrong(path, f"the {where} does not hold {in_words(hint)}") from None

    def _typed(self, text: str, hint: Any) -> Any:
        if shape_of(hint).kind == "list":
            value = tomllib.loads(f"value = {text}")["value"]
            msgspec.convert(value, hint, dec_hook=_decode)
            return value
        if shape_of(hint).core is Secret:
            return text
        return msgspec.to_builtins(msgspec.convert(text, hint, strict=False, dec_hook=_decode))

    def _from_environment(self, variable: str, path: str) -> str:
        text = self.environ.get(variable)
        if text is None:
            cure = "set it, or write the value here"
            raise self._wrong(path, f"the environment variable {variable} is not set; {cure}")
        return text.removesuffix("\n")

    def _from_file(self, file: str, path: str) -> str:
        lead = f"{self.name}: {path}: cannot read the file {file}"
        data = _contents(self.read_file, file, lead, SECRET_BYTES_MAX)
        return _decoded(data, f"{self.name}: {path}: the file {file}").removesuffix("\n").removesuffix("\r")

    def _wrong(self, path: str, what: str) -> Misconfigured:
        return Misconfigured(f"{self.name}: {path}: {what}." if path else f"{self.name}: {what}.")


def _contents(read: ReadFile, file: str, lead: str, bytes_max: int) -> bytes:
    try:
        data = read(file)
    except OSError as error:
        cure = "check the path and who may read it"
        raise Misconfigured(f"{lead}: {error.strerror or error}; {cure}.") from error
    if len(data) > bytes_max:
        raise Misconfigured(f"{lead}: it is larger than {bytes_max} bytes; is it the right file?")
    return data


def _decoded(data: bytes, what: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Misconfigured(f"{what} is not UTF-8 text; save it as UTF-8.") from None


def _decode(wanted: Any, value: Any) -> Any:
    if wanted is Secret and isinstance(value, str):
        return Secret(value)
    if is_choice(wanted):
        return get_origin(wanted).decode(wanted, value, _converted)
    raise ValueError


def _converted(value: Any, hint: Any) -> Any:
    return msgspec.convert(value, hint, dec_hook=_decode)


def _reference(value: Any) -> tuple[str, str] | None:
    if isinstance(value, dict) and len(value) == 1:
        ((kind, target),) = value.items()
        if kind in ("env", "file") and isinstance(target, str):
            return kind, target
    return None


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _within(path: str, said: str) -> tuple[str, str]:
    """Path and reason, where a table's own check begins with the name of one of its settings: `routes: there is …`."""
    key, colon, why = said.partition(": ")
    return (_join(path, key), why) if colon and _KEY.fullmatch(key) else (path, said)


def _near(key: str, fields: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(key[:100], fields, n=1)
    return f" (did you mean {near[0]}?)" if near else f"; there are {', '.join(fields)}"


def _found(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f'the text "{value}"' if len(value) <= 40 else "a long text"
    if isinstance(value, list):
        return "a list"
    return "a table" if isinstance(value, dict) else "a date or time"
