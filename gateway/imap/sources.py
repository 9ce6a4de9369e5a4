"""Which mailboxes are meant by the words of RFC 5465 6 and RFC 7377 2.2: PERSONAL, SUBSCRIBED, SUBTREE, MAILBOXES …

The law: who may not know of a mailbox gets the same as if it were not there: it is passed over (RFC 7377 5). None comes
twice.
"""

from collections.abc import Iterable, Iterator

from actors.mailbox.types import SEPARATOR
from cluster.errors import NotFound
from gateway.imap.parts import Place
from gateway.imap.places import Grove, groves, own_grove, place
from gateway.imap.session import Session
from gateway.imap.spaces import is_own
from gateway.imap.troubles import No
from mail.imap.esearch import SearchSource, SourceKind

_K = SourceKind


async def places_of(session: Session, sources: Iterable[SearchSource]) -> list[Place]:
    """All of them, but for what SELECTED means."""
    sources = list(sources)
    found: dict[tuple[int, str], Place] = {}
    woods = await _woods(session, sources)
    for source in sources:
        for one in _in_woods(source, woods):
            found.setdefault((one.account, one.name), one)
        if source.kind is _K.MAILBOXES:
            for name in source.mailboxes:
                try:
                    one = await place(session, name)
                except (No, NotFound):
                    continue
                found.setdefault((one.account, one.name), one)
    return list(found.values())


async def _woods(session: Session, sources: list[SearchSource]) -> list[Grove]:
    """One's own mailboxes, and others' only where a word means them."""
    if all(source.kind in (_K.SELECTED, _K.MAILBOXES) for source in sources):
        return []
    own = await own_grove(session)
    named = [name for source in sources for name in source.mailboxes if source.kind is not _K.MAILBOXES]
    if any(source.kind is _K.SUBSCRIBED for source in sources):
        named += own.tree.subscriptions
    return [own] if all(map(is_own, named)) else [own, *await groves(session)]


def _in_woods(source: SearchSource, woods: list[Grove]) -> Iterator[Place]:
    match source.kind:
        case _K.PERSONAL | _K.INBOXES:  # rules may deliver to any of them (RFC 5465 6.3)
            yield from (place for _name, place in _all_of(woods[:1]))
        case _K.SUBSCRIBED:
            subscribed = woods[0].tree.subscriptions
            yield from (place for name, place in _all_of(woods) if name in subscribed)
        case _K.SUBTREE | _K.SUBTREE_ONE:
            for top in source.mailboxes:
                for name, place in _all_of(woods):
                    below = name.removeprefix(top + SEPARATOR)
                    is_below = below != name and (source.kind is _K.SUBTREE or SEPARATOR not in below)
                    if name == top or is_below:
                        yield place


def _all_of(woods: Iterable[Grove]) -> Iterator[tuple[str, Place]]:
    """Every mailbox, with its name as the client sees it."""
    for grove in woods:
        for box in grove.tree.mailboxes:
            yield grove.prefix + box.name, Place(grove.account, box.name, grove.who, grove.prefix)
