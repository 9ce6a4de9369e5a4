"""What the grammar knows of extensions that are in no CAPABILITY yet: refused, never half done.

The law: a command that passes here has nothing in it that its handler would overlook. Who offers an extension
(`offers`) takes away what stands here of it.
"""

from collections.abc import Callable
from typing import Any, Final

from gateway.imap.troubles import Bad
from mail.imap import commands, search
from mail.imap.fetch import FetchAttribute, FetchItem

_A: Final = FetchAttribute
_ITEMS: Final = frozenset({_A.MODSEQ})
_KEYS: Final = (
    search.ModSequence,
    search.Older,
    search.Younger,
    search.EmailId,
    search.ThreadId,
    search.SavedBefore,
    search.SavedOn,
    search.SavedSince,
    search.SaveDateSupported,
    search.Fuzzy,
)


def check(command: commands.Command) -> None:
    """Bad if there is something in it that nobody would heed."""
    overlooked = _OVERLOOKED.get(type(command))
    if overlooked is not None and overlooked(command):
        raise Bad("This is of an extension that is not offered")


def _opening(command: commands.Select | commands.Examine) -> bool:
    return command.condstore or command.qresync is not None


def _fetch(command: commands.Fetch) -> bool:
    modified = command.changed_since is not None or command.partial is not None
    return modified or command.messages.saved or any(map(_item, command.items))


def _item(item: FetchItem) -> bool:
    return item in _ITEMS


def _store(command: commands.Store) -> bool:
    return command.unchanged_since is not None or command.messages.saved


def _saved(command: commands.Copy | commands.Move | commands.UidExpunge) -> bool:
    return command.messages.saved


def _search(command: commands.Search) -> bool:
    if command.returns is not None:
        return True
    keys: list[search.SearchKey] = [command.key]
    while keys:
        match keys.pop():
            case search.And(several):
                keys += several
            case search.Or(left, right):
                keys += (left, right)
            case search.Not(key):
                keys.append(key)
            case search.SeqSet(messages) | search.UidSet(messages) if messages.saved:
                return True
            case key if isinstance(key, _KEYS):
                return True
    return False


_OVERLOOKED: Final[dict[type[Any], Callable[[Any], bool]]] = {
    commands.Copy: _saved,
    commands.Examine: _opening,
    commands.Fetch: _fetch,
    commands.Move: _saved,
    commands.Search: _search,
    commands.Select: _opening,
    commands.Store: _store,
    commands.UidExpunge: _saved,
}
