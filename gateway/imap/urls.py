r"""What an IMAP URL names (RFC 5092): the octets of a message or a part of one, read with somebody's eyes.

The law: nothing is read that the one who asks might not FETCH; \Seen and \Recent stay as they are. A mailbox is
opened once for all URLs of a command that name it, and let go of in the end. What is read and taken apart for a
command, and is not told, is bounded: a small command may name a little of each of many large messages.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from actors.mailbox.client import Message
from actors.mailbox.rights import READ
from cluster.errors import NotFound, Refused
from gateway.imap.items import cut
from gateway.imap.parts import Hold, Pace, Place
from gateway.imap.places import place, place_of
from gateway.imap.session import Session
from gateway.imap.troubles import No
from mail.imap import url as urls
from mail.imap.errors import ImapError
from mail.imap.fetch import BodySection, Partial
from mail.imap.url import ImapUrl, UrlRange
from mail.message import binary
from mail.message.section import find_part
from mail.message.structure import bodystructure

HOLDS_MAX: Final = 16  # mailboxes that the URLs of one command name
UNTOLD_MAX: Final = 4  # as many of the largest messages may be read that nothing is told of: about a second


class Reading:
    """The URLs of one command. `size_bytes` is the caller's, to bound what they bring together."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._holds: dict[tuple[int, str, int], Hold] = {}
        self._last: tuple[bytes, bytes] | None = None  # digest and octets: URLs of one message mostly follow each other
        self._untold_bytes = 0
        self._pace = Pace(session.services.clock)
        self.size_bytes = 0

    async def close(self) -> None:
        """Let go of the mailboxes."""
        for hold in self._holds.values():
            await hold.close()

    async def named(self, text: bytes) -> bytes:
        """What a URL of CATENATE names: of one's own server and user, relative to the selected mailbox. Raises No
        [BADURL] (RFC 4469 4.1)."""
        session = self._session
        selection = session.selection
        base = selection.name if selection is not None else None
        try:
            url = urls.parse(text, base)
        except ImapError as error:
            raise No(error.text, (error.code or b"").decode()) from None
        if url.auth is None and self._is_ours(url):
            found = await self.content(url, await self._place(url))
            if found is not None:
                return found
        raise No("This URL names nothing here", urls.bad_url_code(text).decode())

    def _is_ours(self, url: ImapUrl) -> bool:
        """Whether a URL is of this server and user; a relative one is."""
        if url.server is None:
            return True
        assert self._session.principal is not None
        own_host = self._session.services.hostname.lower()
        return url.server.host == own_host and url.server.user in (None, self._session.principal.login)

    async def _place(self, url: ImapUrl) -> Place | None:
        try:
            return await place(self._session, url.mailbox)
        except NotFound:
            return None

    async def content(self, url: ImapUrl, where: Place | None) -> bytes | None:
        """The octets that a URL names; None where there are none for these eyes."""
        found = await self._message(url, where)
        if found is None:
            return None
        message, raw = found
        section = url.section or BodySection()
        if section.fields:
            self._reads(len(raw))
        if url.partial is not None:  # a thousand URLs may name a little of a large part: it is not copied for each
            origin, count = url.partial
            section = replace(section, partial=Partial(origin, len(raw) if count is None else count))
        return self._told(cut(section, message.record, raw))

    async def binary(self, url: ImapUrl, where: Place | None) -> bytes | None:
        """The same without its transfer encoding (RFC 5524 3.2); None also where that cannot be undone."""
        found = await self._message(url, where)
        path = url.section.path if url.section is not None else ()
        if found is None or (url.section is not None and url.section.text is not None):
            return None
        message, raw = found
        self._reads(len(raw))
        try:
            data = binary.decoded(raw, message.record, path)
        except binary.UnknownEncoding:
            return None
        return self._told(data if data is None or url.partial is None else _part(url.partial, data))

    async def structure(self, url: ImapUrl, where: Place | None) -> bytes | None:
        """BODYPARTSTRUCTURE (RFC 5524 3.2), rendered."""
        found = await self._message(url, where)
        if found is None or (url.section is not None and url.section.text is not None):
            return None
        part = find_part(found[0].record.root, url.section.path if url.section is not None else ())
        return None if part is None else bodystructure(part)

    async def number(self, where: Place) -> int | None:
        """The mailbox's number in its account; None where it may not be read."""
        hold = await self._hold(where)
        return None if hold is None else hold.info.id

    def _reads(self, size_bytes: int) -> None:
        """So much is to be read, or taken apart."""
        self._untold_bytes += size_bytes
        if self._untold_bytes > UNTOLD_MAX * self._session.services.settings.message_bytes_max:
            raise No("The URLs of one command would have too much read for what they name", "LIMIT")

    def _told(self, data: bytes | None) -> bytes | None:
        """What a URL names of it; that is for the client to receive."""
        self._untold_bytes -= len(data or b"")
        return data

    async def _message(self, url: ImapUrl, where: Place | None) -> tuple[Message, bytes] | None:
        hold = await self._hold(where) if where is not None else None
        if hold is None or where is None or url.uid_validity not in (None, hold.info.uidvalidity):
            return None
        index = hold.view.index
        row = int(index.uids.searchsorted(np.uint32(url.uid)))
        if row >= index.count or int(index.uids[row]) != url.uid:
            return None
        (message,) = await self._session.services.mail.messages(where.account, [int(index.emails[row])])
        await self._pace.breathe()
        try:
            return None if message is None else (message, await self._raw(message))
        except NotFound:  # expunged, and swept, meanwhile
            return None

    async def _raw(self, message: Message) -> bytes:
        if self._last is None or self._last[0] != message.digest:
            self._reads(message.record.size)
            self._last = message.digest, await self._session.services.mail.content(message)
        return self._last[1]

    async def _hold(self, where: Place) -> Hold | None:
        """The mailbox, if it is there and may be read."""
        key = (where.account, where.name, where.who.account if where.who is not None else 0)
        hold = self._holds.get(key)
        if hold is None:
            if len(self._holds) >= HOLDS_MAX:
                raise No("The URLs of one command may name 16 mailboxes", "LIMIT")
            try:
                hold = await self._session.services.mail.select(
                    where.account, where.name, read_only=True, changed=_nothing, who=where.who
                )
            except (NotFound, Refused):
                return None
            self._holds[key] = hold
        return hold if READ in hold.rights else None


async def place_with(session: Session, login: str, name: str) -> tuple[int, Place] | None:
    """Whose mailbox a name is with the eyes of another user: his account's number, and the place. None: no such, also
    for a user who may not log in any more."""
    user = await session.services.directory.principal(login)
    if user is None:
        return None
    try:
        return user.account, await place_of(session.services, user.account, name)
    except NotFound:
        return None


def _part(partial: UrlRange, data: bytes) -> bytes:
    origin, count = partial
    return data[origin:] if count is None else data[origin : origin + count]


def _nothing() -> None:
    pass
