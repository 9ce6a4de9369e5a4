"""What is remembered of one client between its commands (RFC 3501 3), and the words every answer is made of.

The law: a session belongs to one client; nothing in it outlives the connection, and only `enter` and `leave` change
which mailbox is selected.
"""

import asyncio
from enum import IntEnum
from typing import Final, NamedTuple

from gateway.access.parts import Why
from gateway.imap.parts import Log, Place, Principal, Services, Wire
from gateway.imap.selected import Selection
from gateway.imap.troubles import Told
from mail.imap import render

_CODES: Final[dict[Why, str]] = {"limit": "LIMIT", "stopping": "UNAVAILABLE", "silent": ""}  # RFC 5530


class State(IntEnum):
    """RFC 3501 3. The logout state is `Session.ended`."""

    NOT_AUTHENTICATED = 1
    AUTHENTICATED = 2
    SELECTED = 3


class Ok(NamedTuple):
    """A tagged OK: its text, and a response code without brackets or nothing.

    `told`: flags the client knows of from this command's responses, so that they are not said again.
    """

    text: str
    code: str = ""
    told: Told | None = None


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
        "principal",
        "selection",
        "services",
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
        self.ended = False  # nothing more is to be answered; the connection is to be closed
        self.failures = 0  # of logging in
        self.mistakes = 0  # commands answered BAD since the last OK
        self.enabled: frozenset[str] = frozenset()  # in capitals, as ENABLE and what implies it (RFC 5161) have it
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

    async def enter(self, place: Place, *, read_only: bool) -> Selection:
        """Select a mailbox. Whatever comes of it, the one before is left first (RFC 3501 6.3.1)."""
        await self.leave()
        hold = await self.services.mail.select(
            place.account, place.name, read_only=read_only, changed=self.changed, who=place.who
        )
        self.selection = Selection(hold, place)
        return self.selection

    async def leave(self) -> None:
        """Select nothing."""
        selection, self.selection = self.selection, None
        if selection is not None:
            await selection.hold.close()

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

    def tell(self, *, expunges: bool, told: Told | None = None) -> None:
        """Say what has happened to the selected mailbox."""
        if self.selection is None or self.ended or not self.selection.readable:
            return
        if self.selection.hold.view.gone:
            # RFC 2180 3.3: who has a mailbox selected that another deletes is disconnected.
            self.bye("The selected mailbox was deleted")
        elif news := self.selection.sync(expunges=expunges, told=told):
            self.wire.write(news)

    def changed(self) -> None:
        """The selected mailbox has changed: an idling client hears of it once all of this moment's changes are in."""
        if self.idling is not None and not self._news_due:
            self._news_due = True
            asyncio.get_running_loop().call_soon(self.tell_idle)

    def tell_idle(self) -> None:
        """Say the news unasked (RFC 2177), unless the client does not even read what it was sent before."""
        self._news_due = False
        if self.idling is not None and not self.wire.clogged:
            self.tell(expunges=True)
            if self.ended:
                self.wire.close()
            elif self.selection is not None and self.selection.more:
                self.changed()
