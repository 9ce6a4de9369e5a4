"""What a client may put into a record: creating and updating it (RFC 8620 5.3).

The law: an object leaves here with each of its properties of its type, or not at all, and then all that are wrong
are named; what only the server sets, and what never changes, is what it was. A reference to an object made in the
same request is replaced by its id.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from mail.jmap import patch as patches
from mail.jmap.convert import convert
from mail.jmap.creation import CreationIds
from mail.jmap.errors import invalid_properties
from mail.jmap.limits import Limits

REQUIRED: Final = object()
"""Stands for the default of a property without one."""
_REASON_MAX_CHARS: Final = 200


def _same(value: Any, _limits: Limits) -> Any:
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Property:
    """One property of a type."""

    type: Any = None
    default: Any = REQUIRED
    server: bool = False
    """Only the server sets it."""
    born: bool = False
    """The server sets it in the beginning; later the client may."""
    usual: Any = None
    """What the server sets, as a rule: a client that creates may say so, and is told where it is something else."""
    fixed: bool = False
    """It never changes."""
    refers: bool = False
    """It is an id, and may be a reference to an object made before."""
    clean: Callable[[Any, Limits], Any] = _same
    """What the type does not say: gives the value as it is kept; ValueError with what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """The properties of a type that have a meaning in a /set."""

    name: str
    properties: Mapping[str, Property]
    whole: Callable[[Mapping[str, Any], Limits], None] = field(default=lambda _whole, _limits: None)
    """Looks at the object to be created as a whole; SetError."""

    def create(self, given: Mapping[str, Any], created: CreationIds, limits: Limits) -> dict[str, Any]:
        """The object to be made, with its defaults and without what the server sets. SetError."""
        problems = {name[:100]: "there is no such property" for name in given if name not in self.properties}
        made: dict[str, Any] = {}
        for name, one in self.properties.items():
            if one.server or one.born:
                if name in given and (one.usual is None or given[name] != one.usual):
                    problems[name] = "only the server sets it"
            elif name in given:
                _put(made, problems, name, one, given[name], created, limits)
            elif one.default is REQUIRED:
                problems[name] = "it is missing"
            else:
                made[name] = one.default
        if problems:
            raise invalid_properties(problems)
        self.whole(made, limits)
        return made

    def update(
        self, current: Mapping[str, Any], patch: Mapping[str, Any], created: CreationIds, limits: Limits
    ) -> dict[str, Any]:
        """The properties that change, with their new values; `current` is the whole object. SetError."""
        paths = patches.paths(patch, limits)
        touched = {path[0] for path in paths}
        defaults = {
            name: one.default
            for name, one in self.properties.items()
            if name in touched and one.default is not REQUIRED
        }
        patched = patches.apply(paths, current, defaults)
        problems: dict[str, str] = {}
        changed: dict[str, Any] = {}
        for name in sorted(touched):
            one = self.properties.get(name)
            value = patched.get(name)
            if one is None:
                problems[name[:100]] = "there is no such property"
            elif same(value, current.get(name)):
                continue
            elif one.server or one.fixed:
                problems[name] = "only the server sets it" if one.server else "it never changes"
            else:
                _put(changed, problems, name, one, value, created, limits)
        if problems:
            raise invalid_properties(problems)
        return {name: value for name, value in changed.items() if not same(value, current.get(name))}


def _put(
    made: dict[str, Any],
    problems: dict[str, str],
    name: str,
    one: Property,
    value: Any,
    created: CreationIds,
    limits: Limits,
) -> None:
    """Takes a value a client gave, or the problem with it."""
    try:
        convert(value, one.type)
        if one.refers and value is not None and (value := created.find(value)) is None:
            raise ValueError("nothing was made by that name")  # noqa: TRY301 - a problem like the others
        made[name] = one.clean(value, limits)
    except (msgspec.ValidationError, ValueError) as problem:
        problems[name] = str(problem)[:_REASON_MAX_CHARS]  # it may name the value


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same; true is not 1."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def added(given: Mapping[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """What a client must be told of a new object: all that it did not send, or not in this form (RFC 8620 5.3)."""
    return {name: value for name, value in made.items() if name not in given or not same(given[name], value)}


def retold(patch: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a client must be told of an object that it has changed: what it sent is there in another form (RFC 8620
    5.3). None: nothing."""
    sent = {name: value for name, value in patch.items() if value is not None and name in after}
    return {name: after[name] for name, value in sent.items() if not same(value, after[name])} or None
