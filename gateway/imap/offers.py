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
    Offer("ESEARCH"),  # RFC 4731
    Offer("SEARCHRES"),  # RFC 5182
    Offer("WITHIN"),  # RFC 5032
    Offer("I18NLEVEL=1"),  # RFC 5255
    Offer("SORT"),  # RFC 5256
    Offer("SORT=DISPLAY"),  # RFC 5957
    Offer("THREAD=ORDEREDSUBJECT"),  # RFC 5256
    Offer("THREAD=REFERENCES"),  # RFC 5256
    Offer("THREAD=REFS"),  # draft-ietf-morg-inthread
    Offer("ESORT"),  # RFC 5267
    Offer("CONTEXT=SEARCH"),  # RFC 5267
    Offer("CONTEXT=SORT"),  # RFC 5267
    Offer("MULTISEARCH"),  # RFC 7377
    Offer("SEARCH=FUZZY"),  # RFC 6203
    Offer("INPROGRESS"),  # RFC 9585
    Offer("MULTIAPPEND"),  # RFC 3502
    Offer("BINARY"),  # RFC 3516
    Offer("CATENATE"),  # RFC 4469
    Offer("URLAUTH"),  # RFC 4467
    Offer("URL-PARTIAL"),  # RFC 5550 5.7
    Offer("URLAUTH=BINARY"),  # RFC 5524
    Offer("OBJECTID"),  # RFC 8474
    Offer("REPLACE"),  # RFC 8508
    Offer("SAVEDATE"),  # RFC 8514
    Offer("PREVIEW"),  # RFC 8970
)

# What ENABLE takes (RFC 5161 3.1), each with what it implies.
ENABLEABLE: Final[dict[str, frozenset[str]]] = {}


def offered(session: Session) -> list[str]:
    """The extensions that are there now."""
    late = session.state is not State.NOT_AUTHENTICATED
    return [one.words for one in OFFERS if (late or one.early) and (one.when is None or one.when(session))]
