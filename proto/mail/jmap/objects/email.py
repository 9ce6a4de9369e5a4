"""Where emails are and what is said of them: mailboxIds, keywords and receivedAt as clients set them (RFC 8621 4).

The law: keywords leave here in lower case, mailboxes by their ids and at least one where all are named; all that is
wrong is named. What a message says is not looked at here (`mail.jmap.email`).
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from mail.jmap import patch as patches
from mail.jmap.convert import keyword
from mail.jmap.creation import CreationIds
from mail.jmap.dates import read_utc
from mail.jmap.errors import SetError, invalid_properties
from mail.jmap.ids import all_ids
from mail.jmap.limits import Limits
from mail.jmap.objects.names import PREFIXES, PROPERTIES

_PLACED: Final = ("mailboxIds", "keywords", "receivedAt")
_OBJECTS: Final = frozenset({"bodyStructure", "bodyValues"})  # a path may lead into them (RFC 8620 5.3)
_NONE: Final = frozenset[str]()


class Marks(NamedTuple):
    """A change of a set of names: all of them anew, or some more and some less."""

    all: frozenset[str] | None = None
    more: frozenset[str] = _NONE
    less: frozenset[str] = _NONE

    def apply(self, before: frozenset[str]) -> frozenset[str]:
        return self.all if self.all is not None else (before | self.more) - self.less


class EmailUpdate(NamedTuple):
    """What an update changes. `rest` must be what the email has already, as it never changes (RFC 8621 4.1)."""

    mailboxes: Marks
    keywords: Marks
    rest: Mapping[str, Any]


class Placed(NamedTuple):
    """A message to be added: the blob or email it comes from; `received` in seconds since 1970. None: not given."""

    source: str
    mailboxes: frozenset[str]
    keywords: frozenset[str] | None
    received: float | None


def keyword_set(value: Any) -> frozenset[str]:
    """`String[Boolean]` with each value true; ValueError."""
    if not isinstance(value, dict) or not all(one is True for one in value.values()):
        raise ValueError("it is no object of names with the value true")
    return frozenset(map(keyword, value))


def mailbox_set(value: Any, created: CreationIds) -> frozenset[str]:
    """`Id[Boolean]` with each value true, not empty; ValueError."""
    if not isinstance(value, dict) or not all(one is True for one in value.values()):
        raise ValueError("it is no object of ids with the value true")
    if not value or not all_ids(value, created=True):
        raise ValueError("it has no ids")
    if (found := created.find_keys(value)) is None:
        raise ValueError("nothing was made by that name")
    return frozenset(found)


def read_update(patch: Mapping[str, Any], created: CreationIds, limits: Limits) -> EmailUpdate:
    """A PatchObject for an Email; SetError."""
    paths = patches.paths(patch, limits)
    problems: dict[str, str] = {}
    mailboxes = _marks("mailboxIds", paths, created, problems)
    keywords = _marks("keywords", paths, created, problems)
    rest = {}
    for path, value in paths.items():
        if path[0] not in ("mailboxIds", "keywords"):
            if len(path) > 1:
                if path[0] not in _OBJECTS:
                    raise SetError("invalidPatch", "A path leads through what is no object.")
                problems[path[0]] = "it never changes"
            elif path[0] not in PROPERTIES["Email"] and not path[0].startswith(PREFIXES["Email"]):
                problems[path[0][:100]] = "there is no such property"
            rest[path[0]] = value
    if problems:
        raise invalid_properties(problems)
    return EmailUpdate(mailboxes, keywords, rest)


def _marks(name: str, paths: Mapping[patches.Path, Any], created: CreationIds, problems: dict[str, str]) -> Marks:
    more, less = set[str](), set[str]()
    for path, value in paths.items():
        if path[0] != name:
            continue
        try:
            if len(path) == 1:
                return _all(name, value, created)
            if len(path) > 2:
                raise SetError("invalidPatch", f"There is nothing inside a member of {name}.")
            one = {path[1]: True}
            found = keyword_set(one) if name == "keywords" else mailbox_set(one, created)
            if value is not True and value is not None:
                raise ValueError("its members are true")  # noqa: TRY301 - a problem like the others
            (more if value else less).update(found)
        except ValueError as problem:
            problems[name] = str(problem)
    if more & less:
        raise SetError("invalidPatch", f"A member of {name} is both set and taken away.")
    return Marks(None, frozenset(more), frozenset(less))


def _all(name: str, value: Any, created: CreationIds) -> Marks:
    if name == "mailboxIds":
        return Marks(mailbox_set(value, created))
    return Marks(_NONE if value is None else keyword_set(value))  # null is the default (RFC 8620 5.3)


def read_import(given: Mapping[str, Any], created: CreationIds, limits: Limits) -> Placed:
    """An EmailImport (RFC 8621 4.8); SetError."""
    return _placed("blobId", given, created, limits)


def read_copy(given: Mapping[str, Any], created: CreationIds, limits: Limits) -> Placed:
    """What Email/copy creates (RFC 8621 4.7); SetError. The mailboxes of the other account cannot be kept."""
    return _placed("id", given, created, limits)


def _placed(source: str, given: Mapping[str, Any], created: CreationIds, limits: Limits) -> Placed:
    problems = {name[:100]: "it cannot be set" for name in given if name != source and name not in _PLACED}
    found: dict[str, Any] = {}
    for name in (source, *_PLACED):
        value = given.get(name)
        if value is None and name in ("keywords", "receivedAt"):  # null is the default too, as in Email/set
            continue
        try:
            found[name] = _one(name, value, created)
        except ValueError as problem:
            problems[name] = str(problem)
    if problems:
        raise invalid_properties(problems)
    if len(found["mailboxIds"]) > limits.objects_set_max:
        raise SetError("tooManyMailboxes")
    return Placed(found[source], found["mailboxIds"], found.get("keywords"), found.get("receivedAt"))


def _one(name: str, value: Any, created: CreationIds) -> Any:
    if name == "mailboxIds":
        return mailbox_set(value, created)
    if name == "keywords":
        return keyword_set(value)
    if not isinstance(value, str):
        raise ValueError("it is missing, or no string")  # noqa: TRY004 - a problem like the others
    if name == "receivedAt":
        return read_utc(value).timestamp()
    if not all_ids([value], created=True) or (found := created.find(value)) is None:
        raise ValueError("it is no id")
    return found
