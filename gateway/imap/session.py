"""What is remembered of one client between its commands (RFC 3501 3), and the words every answer is made of.

The law: a session belongs to one client; nothing in it outlives the connection, and only `enter` and `leave` change
which mailbox is selected.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final, NamedTuple, Protocol

from actors.mailbox.types import Command, Reply
from gateway.access.parts import Why
from gateway.imap.parts import Log, Place, Principal, Services, Wire
from gateway.imap.progress import Progress
from gateway.imap.selected import Selection
from gateway.imap.style import style_of
from gateway.imap.troubles import Told
from gateway.imap.wishes import Wishes
from mail.imap import render

_CODES: Final[dict[Why, str]] = {
    "limit": "LIMIT",
    "stopping": "UNAVAILABLE",
    "silent": "",
    "revoked": "EXPIRED",
}  # RFC 5530


class State(IntEnum):
    """RFC 3501 3. The logout state is `Session.ended`."""

    NOT_AUTHENTICATED = 1
    AUTHENTICATED = 2
    SELECTED = 3


class Ok(NamedTuple):
    """A tagged OK: its text, and a response code without brackets or nothing.

    `told`: flags the client knows of from this command's responses, so that they are not said again.
    `highest`: something was expunged, so that who uses QRESYNC needs HIGHESTMODSEQ (RFC 7162 3.2.7, 3.2.9).
    """

    text: str
    code: str = ""
    told: Told | None = None
    highest: bool = False


class Notices(Protocol):
    """What a client hears of unasked, since it has used NOTIFY (notices.py)."""

    wishes: Wishes

    def own(self, account: int, command: Command, reply: Reply) -> None:
        """The client did this itself."""
        ...

    def selected(self, selection: Selection) -> None:
        """A mailbox was selected."""
        ...

    def look_again(self) -> None:
        """The client asks for news."""
        ...

    def tell_at_once(self) -> bool:
        """Say all there is, if it needs no waiting; whether it did not."""
        ...

    async def tell(self) -> None:
        """Say all there is."""
        ...

    def close(self) -> None:
        """Nothing is told any more."""
        ...


_UTF8 = frozenset({"UTF8=ACCEPT", "IMAP4REV2"})
_CONDSTORE = frozenset({"CONDSTORE", "QRESYNC"})


class Session:
    """One client."""

    __slots__ = (
        "_news_due",
        "enabled",
        "ended",
        "failures",
        "idling",
        "mistakes",
        "notices",
        "principal",
        "progress",
        "selection",
        "services",
        "wants_deflate",
        "wants_tls",
        "wire",
    )

    def __init__(self, services: Services, wire: Wire) -> None:
        self.services = services
        self.wire = wire
        self.principal: Principal | None = None
        self.selection: Selection | None = None
        self.idling: bytes | None = None  # the tag of the IDLE that is under way
        self.wants_tls = False  # STARTTLS was answered OK
        self.wants_deflate = False  # COMPRESS was answered OK
        self.ended = False  # nothing more is to be answered; the connection is to be closed
        self.failures = 0  # of logging in
        self.mistakes = 0  # commands answered BAD since the last OK
        self.enabled: frozenset[str] = frozenset()  # in capitals; grows in `enable` only
        self.progress = Progress()
        self.notices: Notices | None = None  # None: NOTIFY was not used
        self._news_due = False

    @property
    def log(self) -> Log:
        """Where its events go."""
        return self.wire.log

    @property
    def state(self) -> State:
        """Where the session is."""
        if self.principal is None:
            return State.NOT_AUTHENTICATED
        return State.AUTHENTICATED if self.selection is None else State.SELECTED

    @property
    def known(self) -> bool:
        """Whether somebody has logged in."""
        return self.principal is not None

    @property
    def holds(self) -> bool:
        """Whether there is a mailbox to let go of."""
        return self.selection is not None

    @property
    def is_guest(self) -> bool:
        """Whether the selected mailbox is another's: what may be told of it goes by the groups of the moment."""
        return self.selection is not None and self.selection.place.who is not None

    @property
    def rev2(self) -> bool:
        """Whether the client speaks IMAP4rev2 (RFC 9051)."""
        return "IMAP4REV2" in self.enabled

    @property
    def utf8(self) -> bool:
        """Whether names are UTF-8 and quoted strings may be (RFC 6855 3, RFC 9051 A)."""
        return not self.enabled.isdisjoint(_UTF8)

    @property
    def condstore(self) -> bool:
        """Whether FETCH responses tell MODSEQ (RFC 7162 3.1)."""
        return not self.enabled.isdisjoint(_CONDSTORE)

    @property
    def qresync(self) -> bool:
        """Whether VANISHED is said instead of EXPUNGE (RFC 7162 3.2.10)."""
        return "QRESYNC" in self.enabled

    @property
    def uidonly(self) -> bool:
        """Whether there are no sequence numbers (RFC 9586)."""
        return "UIDONLY" in self.enabled

    @property
    def account(self) -> int:
        """Whose mailboxes these are; only after login."""
        assert self.principal is not None
        return self.principal.account

    @property
    def selected(self) -> Selection:
        """The selected mailbox; only in the state that has one."""
        assert self.selection is not None
        return self.selection

    def enable(self, words: Iterable[str]) -> None:
        """From here on these hold (RFC 5161), in capitals; CONDSTORE also where a command asks for MODSEQs.

        RFC 7162 3.1: the first such command with a mailbox selected has HIGHESTMODSEQ told.
        """
        before = self.condstore
        self.enabled = self.enabled.union(words)
        if self.selection is None:
            return
        self.selection.style = style_of(self.enabled)
        if self.condstore and not before:
            self.answer(b"*", b"OK", "Highest", self.selection.highest_code())

    async def enter(self, place: Place, *, read_only: bool) -> Selection:
        """Select a mailbox. Whatever comes of it, the one before is left first (RFC 3501 6.3.1)."""
        await self.leave()
        hold = await self.services.mail.select(
            place.account, place.name, read_only=read_only, changed=self.changed, who=place.who
        )
        self.selection = Selection(hold, place, style_of(self.enabled))
        if self.notices is not None:
            self.notices.selected(self.selection)
        return self.selection

    async def leave(self) -> None:
        """Select nothing."""
        selection, self.selection = self.selection, None
        if selection is not None:
            await selection.hold.close()

    async def part(self) -> None:
        """Forget who it is, and all that was done since (RFC 8437 3); but not how often somebody guessed."""
        self.principal = None
        self.wire.depart()
        self.enabled = frozenset()
        self.hear(None)
        await self.leave()

    def hear(self, notices: Notices | None) -> None:
        """From now on these are told; None: as if NOTIFY had not been used."""
        before, self.notices = self.notices, notices
        if before is not None:
            before.close()
        if notices is not None and self.selection is not None:
            notices.selected(self.selection)

    def answer(self, tag: bytes, status: bytes, text: str, code: str = "") -> None:
        """The tagged answer to a command."""
        self.wire.write(render.tagged_line(tag, status, text, code.encode() or None))

    def dismiss(self, why: Why, text: str) -> None:
        """The server ends the session."""
        self.bye(text, _CODES[why])

    def bye(self, text: str, code: str = "") -> None:
        """The last words (RFC 3501 7.1.5), said once."""
        if not self.ended:
            self.answer(b"*", b"BYE", text, code)
            self.ended = True

    def tell(self, *, expunges: bool, told: Told | None = None, removes: bool = False) -> None:
        """Say what has happened to the selected mailbox, or of it what NOTIFY has asked for. `removes`: the client has
        asked for messages to be removed, and hears of it in any case."""
        if self.selection is None or self.ended or not self.selection.readable:
            return
        if self.selection.hold.view.gone:
            # RFC 2180 3.3: who has a mailbox selected that another deletes is disconnected.
            self.bye("The selected mailbox was deleted")
            return
        if self.notices is None:
            self._sync(expunges=expunges, told=told)
        elif removes or self.notices.wishes.selected is not None:
            self._sync(expunges=expunges, told=told, flags=self.notices.wishes.flags, with_uid=True)

    @property
    def has_more(self) -> bool:
        """Whether `tell` left something that the next one says: not where that says nothing, as no call ends that."""
        selection = self.selection
        if selection is None or self.ended or not (selection.more and selection.readable):
            return False
        return self.notices is None or self.notices.wishes.flags

    async def tell_rest(self) -> None:
        """What `tell` left, no more at a time than the client takes."""
        while self.has_more:
            await self.wire.drain()
            self.tell(expunges=False)

    def _sync(self, *, expunges: bool, told: Told | None, flags: bool = True, with_uid: bool = False) -> None:
        """What the contexts lose is told in the numbers that the client still has."""
        assert self.selection is not None
        if self.selection.contexts is not None:
            self.wire.write(self.selection.contexts.leave(self.selection))
        self.wire.write(self.selection.sync(expunges=expunges, told=told, flags=flags, with_uid=with_uid))

    def settle(self) -> None:
        """Before a tagged answer: what the client makes of the MODSEQs it was sent must be right (RFC 7162 6)."""
        if self.selection is not None and not self.ended and (line := self.selection.highest()):
            self.wire.write(line)

    def changed(self) -> None:
        """The selected mailbox has changed: an idling client hears of it once all of this moment's changes are in, and
        so does one that has used NOTIFY."""
        if (self.idling is not None or self.notices is not None) and not self._news_due:
            self._news_due = True
            self.wire.soon(self.tell_idle)

    def tell_idle(self) -> None:
        """Say the news unasked (RFC 2177), unless the client does not even read what it was sent before. To a guest it
        is said once it is known who he is by now."""
        self._news_due = False
        if self.notices is not None or self.is_guest:
            self.wire.news()
        elif self.idling is not None and not self.wire.clogged:
            self.tell(expunges=True)
            if self.ended:
                self.wire.close()
            elif self.selection is not None:
                if self.selection.contexts is not None:
                    self.wire.news()
                if self.has_more:
                    self.changed()
