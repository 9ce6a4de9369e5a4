"""What somebody wishes to see of what others share with him (RFC 8621 2, RFC 9670 1.4), over any protocol.

The law: all that is shared with somebody he is subscribed to until he says otherwise, and what he says is his alone: it
is a private annotation of his (RFC 5464) on the mailbox, so it goes with the mailbox under all its names, and changes
its owner's log. The list of names that IMAP has (SUBSCRIBE) follows what he says, whichever way he says it.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Final, Protocol

from actors.mailbox.types import Annotations, Who

ENTRY: Final = "/private/vendor/rookery/subscribed"
_NOT: Final = b"0"


class Wishing(Protocol):
    """What is needed of the mailboxes to say it."""

    async def annotate(
        self, account: int, name: str, pairs: Sequence[tuple[str, bytes | None]], *, who: Who | None = None
    ) -> None:
        """Set annotations of a mailbox."""
        ...


class Wished(Protocol):
    """What is needed of the mailboxes to read it."""

    async def annotations(self, account: int, names: Sequence[str], who: Who | None = None) -> Annotations:
        """All annotations that are for who asks, of those mailboxes that he may read some of."""
        ...


def wishes(value: bytes | None) -> bool:
    """What a value of ENTRY says."""
    return value != _NOT


async def wish(mail: Wishing, account: int, name: str, who: Who, *, on: bool) -> None:
    """Somebody wishes to see another's mailbox, or not to. Raises NotFound, NoRight (of what he may neither read nor
    write to), OverLimit."""
    await mail.annotate(account, name, [(ENTRY, None if on else _NOT)], who=who)


async def unwanted(mail: Wished, account: int, names: Iterable[str], who: Who) -> Collection[str]:
    """Those of another's mailboxes that somebody does not wish to see. Raises Trouble."""
    found = await mail.annotations(account, list(names), who)
    return {name for name, entries in found.of if not wishes(dict(entries).get(ENTRY))}
