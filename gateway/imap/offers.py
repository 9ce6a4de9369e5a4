"""What CAPABILITY says and what ENABLE takes: one line for each extension, with the document that defines it.

The law: what is announced here holds (RFC 3501 6.1.1); it depends on the connection's state and the settings, never on
the client. An extension is a line here, and a line in ops/docs/rfcs.md.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from actors.mailbox.types import COPY_MAX
from gateway.imap.session import Session, State


class Offer(NamedTuple):
    """An extension: its words, in which state they are told, what decides besides and which number goes with them, if
    anything does.

    Before login there is what a client needs for it, and afterwards all.
    """

    words: str
    early: bool = False
    when: Callable[[Session], bool] | None = None
    value: Callable[[Session], int] | None = None

    def told(self, session: Session) -> str:
        """As CAPABILITY says it."""
        return self.words if self.value is None else f"{self.words}={self.value(session)}"


OFFERS: Final[tuple[Offer, ...]] = (
    Offer("IMAP4rev1", early=True),  # RFC 3501
    Offer("IMAP4rev2", early=True),  # RFC 9051
    Offer("LITERAL+", early=True, when=lambda session: session.services.settings.literals == "plus"),  # RFC 7888
    Offer("LITERAL-", early=True, when=lambda session: session.services.settings.literals == "minus"),  # RFC 7888
    Offer("SASL-IR", early=True),  # RFC 4959
    Offer("ID", early=True),  # RFC 2971
    Offer("ENABLE", early=True),  # RFC 5161
    Offer("IDLE", early=True),  # RFC 2177
    Offer("UIDPLUS"),  # RFC 4315
    Offer("MOVE"),  # RFC 6851
    Offer("NAMESPACE"),  # RFC 2342
    Offer("SPECIAL-USE"),  # RFC 6154
    Offer("CREATE-SPECIAL-USE"),  # RFC 6154 3
    Offer("CHILDREN"),  # RFC 3348
    Offer("LIST-EXTENDED"),  # RFC 5258
    Offer("LIST-STATUS"),  # RFC 5819
    Offer("LIST-MYRIGHTS"),  # RFC 8440
    Offer("LIST-METADATA"),  # RFC 9590
    Offer("ACL"),  # RFC 4314
    Offer("RIGHTS=kxte"),  # RFC 4314 5.1.1
    Offer("METADATA"),  # RFC 5464
    Offer("QUOTA"),  # RFC 9208
    Offer("QUOTA=RES-STORAGE"),
    Offer("QUOTA=RES-MESSAGE"),
    Offer("QUOTASET"),
    Offer("STATUS=SIZE"),  # RFC 8438
    Offer("APPENDLIMIT", value=lambda session: session.services.settings.message_bytes_max),  # RFC 7889
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
    Offer("CONDSTORE"),  # RFC 7162
    Offer("QRESYNC"),  # RFC 7162
    Offer("UTF8=ACCEPT"),  # RFC 6855
    Offer("UIDONLY"),  # RFC 9586
    Offer("UIDBATCHES"),  # RFC 10022
    Offer("PARTIAL"),  # RFC 9394
    Offer("MESSAGELIMIT", value=lambda session: session.services.settings.message_limit),  # RFC 9738
    Offer("SAVELIMIT", value=lambda _session: COPY_MAX),  # RFC 9738
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
    Offer("NOTIFY"),  # RFC 5465
    Offer("COMPRESS=DEFLATE", when=lambda session: session.services.settings.compress),  # RFC 4978
    Offer("UNAUTHENTICATE", when=lambda session: session.services.settings.unauthenticate),  # RFC 8437
    Offer("JMAPACCESS", when=lambda session: bool(session.services.settings.jmap_url)),  # RFC 9698
)

# What ENABLE takes (RFC 5161 3.1), each with what it implies.
ENABLEABLE: Final[dict[str, frozenset[str]]] = {
    "CONDSTORE": frozenset(),  # RFC 7162 3.1
    "QRESYNC": frozenset({"CONDSTORE"}),  # RFC 7162 3.2.3
    "IMAP4REV2": frozenset(),  # RFC 9051 A
    "UTF8=ACCEPT": frozenset(),  # RFC 6855 3
    "UIDONLY": frozenset(),  # RFC 9586 3.1
}
SPELLED: Final = {"IMAP4REV2": "IMAP4rev2"}  # how those are told that are not in capitals


def offered(session: Session) -> list[str]:
    """The extensions that are there now."""
    late = session.state is not State.NOT_AUTHENTICATED
    return [one.told(session) for one in OFFERS if (late or one.early) and (one.when is None or one.when(session))]
