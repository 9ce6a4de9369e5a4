"""What the grammar knows of extensions that are in no CAPABILITY yet: refused, never half done.

The law: a command that passes here has nothing in it that its handler would overlook. Who offers an extension
(`offers`) takes away what stands here of it.
"""

from collections.abc import Callable
from typing import Any, Final

from gateway.imap.troubles import Bad
from mail.imap import commands
from mail.imap.fetch import FetchAttribute, FetchItem

_A: Final = FetchAttribute
_ITEMS: Final = frozenset({_A.MODSEQ})


def check(command: commands.Command) -> None:
    """Bad if there is something in it that nobody would heed."""
    overlooked = _OVERLOOKED.get(type(command))
    if overlooked is not None and overlooked(command):
        raise Bad("This is of an extension that is not offered")


def _opening(command: commands.Select | commands.Examine) -> bool:
    return command.condstore or command.qresync is not None


def _fetch(command: commands.Fetch) -> bool:
    modified = command.changed_since is not None or command.partial is not None
    return modified or any(map(_item, command.items))


def _item(item: FetchItem) -> bool:
    return item in _ITEMS


def _store(command: commands.Store) -> bool:
    return command.unchanged_since is not None


_OVERLOOKED: Final[dict[type[Any], Callable[[Any], bool]]] = {
    commands.Examine: _opening,
    commands.Fetch: _fetch,
    commands.Select: _opening,
    commands.Store: _store,
}
