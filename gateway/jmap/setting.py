"""What /set, /copy and /import of all types have in common: the three kinds of success, and of failure (RFC 8620 5.3).

The law: each object that was named is told of: what became of it, or why nothing did; by its id where it has one.
"""

from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.errors import NoRight, NotFound, OverLimit, OverQuota, Refused, Trouble
from mail.jmap.email.errors import Refused as EmailRefused
from mail.jmap.errors import SetError


@dataclass(slots=True)
class Outcome:
    """Of one call."""

    created: dict[str, Any] = field(default_factory=dict)
    updated: dict[str, Any] = field(default_factory=dict)
    destroyed: list[str] = field(default_factory=list)
    not_created: dict[str, Any] = field(default_factory=dict)
    not_updated: dict[str, Any] = field(default_factory=dict)
    not_destroyed: dict[str, Any] = field(default_factory=dict)

    def answer(
        self,
        account_id: str | None,
        old: str | None,
        new: str | None,
        find: Callable[[str], str | None] = lambda name: name,
    ) -> dict[str, Any]:
        """The answer to a /set. `find`: the id that a name means, for `#x` is none, and ids are told (RFC 8620 5.3)."""
        updated = {find(name) or name: told for name, told in self.updated.items()}
        destroyed = list(dict.fromkeys(find(name) or name for name in self.destroyed))
        return {
            **({"accountId": account_id} if account_id is not None else {}),
            **({"oldState": old, "newState": new} if new is not None else {}),
            "created": self.created or None,
            "updated": updated or None,
            "destroyed": destroyed or None,
            "notCreated": self.not_created or None,
            "notUpdated": _by_id(self.not_updated, find, updated) or None,
            "notDestroyed": _by_id(self.not_destroyed, find, destroyed) or None,
        }


def _by_id(failed: Mapping[str, Any], find: Callable[[str], str | None], told: Container[str]) -> dict[str, Any]:
    """An object with two names, of which one is told of as done, keeps the other for what failed."""
    found: dict[str, Any] = {}
    for name, error in failed.items():
        known = find(name)
        found[name if known is None or known in told or known in failed else known] = error
    return found


async def each(
    given: Mapping[str, Any] | None,
    do: Callable[[str, Any], Awaitable[Any]],
    done: dict[str, Any],
    failed: dict[str, Any],
) -> None:
    """Do something with each of the objects, one after the other."""
    for name, value in (given or {}).items():
        try:
            done[name] = await do(name, value)
        except (SetError, EmailRefused, Trouble) as error:
            failed[name] = set_error(error).json()


def set_error(error: SetError | EmailRefused | Trouble) -> SetError:
    """What a client is told. Raises the trouble again, if it is of the whole call."""
    if isinstance(error, SetError):
        return error
    if isinstance(error, EmailRefused):
        more: dict[str, Any] = {"properties": list(error.properties)} if error.properties else {}
        if error.not_found:
            more["notFound"] = list(error.not_found)
        return SetError(error.type, error.description, **more)
    for kind, name in _ERRORS.items():
        if isinstance(error, kind):
            return SetError(name, error.says)
    raise error


_ERRORS: Mapping[type[Trouble], str] = {
    NotFound: "notFound",
    NoRight: "forbidden",
    OverQuota: "overQuota",
    OverLimit: "tooLarge",
    Refused: "forbidden",
}
