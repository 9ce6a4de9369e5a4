"""Creation ids (RFC 8620 3.3, 5.3): `#` and the name a client gave an object that it makes in the same request.

The law: one map for all types of one request; the last object made under a name is the one it means; the map never
holds more than its bound.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from mail.jmap.errors import MethodError
from mail.jmap.limits import Limits


class CreationIds:
    """The map of one request. `given`: the client gave one, and gets it back with the response."""

    def __init__(self, given: Mapping[str, str] | None, limits: Limits) -> None:
        self.given = given is not None
        self._ids: dict[str, str] = dict(given or {})
        self._max = limits.created_ids_max

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def need_room(self, count: int) -> None:
        """To be asked before objects are made; MethodError where there would be too many in one request."""
        if len(self._ids) + count > self._max:
            raise MethodError("requestTooLarge", "One request makes more objects than allowed.")

    def add(self, creation_id: str, made: str) -> None:
        self._ids[creation_id] = made

    def find(self, text: str) -> str | None:
        """The id that a text means, be it an Id or `#` and a creation id; None: nothing was made by that name."""
        return self._ids.get(text[1:]) if text.startswith("#") else text

    def find_keys(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """The same map by ids, of `Id[...]` as in `mailboxIds`; None where a key means nothing, or two the same."""
        found = {self.find(key): value for key, value in given.items()}
        return None if None in found or len(found) < len(given) else found  # type: ignore[return-value]

    def find_path(self, path: tuple[str, ...]) -> tuple[str, ...] | None:
        """A path of a PatchObject with the ids that its tokens behind the first mean (`mailboxIds/#new`)."""
        found = (path[0], *map(self.find, path[1:]))
        return None if None in found else found  # type: ignore[return-value]

    def json(self) -> dict[str, str] | None:
        """What the Response has as createdIds."""
        return self._ids if self.given else None
