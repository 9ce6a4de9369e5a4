"""What CAPABILITY says and what ENABLE takes: one line for each extension, with the document that defines it.

The law: what is announced here holds (RFC 3501 6.1.1); it depends on the connection's state and the settings, never on
the client. An extension is a line here, and a line in ops/docs/rfcs.md.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from gateway.imap.session import Session, State


class Offer(NamedTuple):
    """An extension: its words, in which state they are told, and what decides besides, if anything does.

    Before login there is what a client needs for it, and afterwards all.
    """

    words: str
    early: bool = False
    when: Callable[[Session], bool] | None = None


OFFERS: Final[tuple[Offer, ...]] = (
    Offer("IMAP4rev1", early=True),  # RFC 3501
    Offer("LITERAL+", early=True),  # RFC 7888
    Offer("SASL-IR", early=True),  # RFC 4959
    Offer("ID", early=True),  # RFC 2971
    Offer("ENABLE", early=True),  # RFC 5161
    Offer("IDLE", early=True),  # RFC 2177
    Offer("UIDPLUS"),  # RFC 4315
    Offer("MOVE"),  # RFC 6851
    Offer("NAMESPACE"),  # RFC 2342
    Offer("SPECIAL-USE"),  # RFC 6154
    Offer("CHILDREN"),  # RFC 3348
    Offer("UNSELECT"),  # RFC 3691
)

# What ENABLE takes (RFC 5161 3.1), each with what it implies.
ENABLEABLE: Final[dict[str, frozenset[str]]] = {}


def offered(session: Session) -> list[str]:
    """The extensions that are there now."""
    late = session.state is not State.NOT_AUTHENTICATED
    return [one.words for one in OFFERS if (late or one.early) and (one.when is None or one.when(session))]
