"""COPY and MOVE, with COPYUID (RFC 3501 6.4.7, RFC 6851, RFC 4315 3).

The law: all or nothing; after a MOVE no message is in both mailboxes or in none. Between accounts the messages are
added first, and taken away only when they are durable there: what is cut off in between leaves a message in both.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from actors.mailbox.index import ranges_of
from actors.mailbox.rights import DELETE, EXPUNGE, INSERT, need
from actors.mailbox.types import COPY_MAX, DELETED, KEYWORD_SHIFT, Added, Item, Ranges
from cluster.errors import NotFound, Refused
from gateway.imap.bounds import within
from gateway.imap.parts import Array, Hold, Pace, Place
from gateway.imap.places import place, readable
from gateway.imap.selected import Selection
from gateway.imap.session import Ok, Session
from gateway.imap.store import writable
from gateway.imap.troubles import No
from mail.imap import commands, seqset

_AT_ONCE_BYTES: Final = 4_000_000  # of messages added to another account in one commit, and held meanwhile
_AT_ONCE: Final = 1000
_SYSTEM: Final = (1 << KEYWORD_SHIFT) - 1


async def copy(session: Session, command: commands.Copy) -> Ok:
    """RFC 3501 6.4.7."""
    code, _ = await _transferred(session, session.selected, command, move=False)
    return Ok("COPY completed", code)


async def move(session: Session, command: commands.Move) -> Ok:
    """RFC 6851 3.3: COPYUID comes untagged, before the EXPUNGE responses that the answer brings with it."""
    code, limit = await _transferred(session, writable(session), command, move=True)
    if code:
        session.answer(b"*", b"OK", "Moved", code)
    return Ok("MOVE completed", limit, highest=True)


async def _transferred(
    session: Session, selection: Selection, command: commands.Copy | commands.Move, *, move: bool
) -> tuple[str, str]:
    """COPYUID, empty where no message was named, and for who may not read what he has put there; and MESSAGELIMIT."""
    rows = selection.resolve(command.messages, uid=command.uid)
    alive, _ = selection.locate(rows)
    if len(alive) < len(rows) and not command.uid:
        raise No("Some of the messages were expunged", "EXPUNGEISSUED")  # RFC 2180 4.4.1: nothing is copied
    target = await place(session, command.mailbox)
    if not len(alive):
        await _must_take(session, target)
        return "", ""
    alive, limit = within(session, alive, COPY_MAX)
    if limit and not move:
        raise No("Too many messages to copy at once", limit)  # RFC 9738 3.1
    added: Added | None
    if target.account == selection.account:
        added = await selection.hold.copy(selection.ranges(alive), target.name, move=move)
    else:
        added = await _Between(session, selection, target).run(alive, move=move)
    return copyuid(added) if added and await readable(session, target) else "", limit


class _Between:
    """A COPY or MOVE from one account to another."""

    def __init__(self, session: Session, selection: Selection, target: Place) -> None:
        self._session = session
        self._selection = selection
        self._target = target
        self._added: list[Added] = []
        self._source: list[int] = []

    async def run(self, rows: Array, *, move: bool) -> Added | None:
        """All of them, or none."""
        hold = self._selection.hold
        if move and not {DELETE, EXPUNGE} <= set(hold.rights):
            raise No("You do not have the right to remove these messages", "NOPERM")
        await _must_take(self._session, self._target)
        rows, places = self._selection.locate(rows)  # they have other places since anything was waited for
        index = hold.view.index
        columns = (
            self._selection.uids[rows].tolist(),
            index.emails[places].tolist(),
            index.flags[places].tolist(),
            index.dates[places].tolist(),
        )
        self._session.progress.goal = len(rows)
        try:
            await self._add_all(*columns)
        except Exception:
            await take_back(self._session, self._target, self._added)
            raise
        if not self._added:
            return None
        gone = ranges_of(np.array(self._source))
        if move:
            await take_away(self._session, hold, gone, self._target, self._added)
        last = self._added[-1]
        uids = tuple(span for added in self._added for span in added.uids)
        return Added(last.mailbox, last.uidvalidity, uids, last.modseq, gone)

    async def _add_all(self, uids: list[int], emails: list[int], words: list[int], dates: list[int]) -> None:
        mail, keywords = self._session.services.mail, self._selection.names.keywords
        pace = Pace(self._session.services.clock)
        items: list[Item] = []
        size = 0
        for start in range(0, len(uids), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            messages = await mail.messages(self._selection.account, emails[part])
            for uid, message, word, date_ms in zip(uids[part], messages, words[part], dates[part], strict=True):
                if message is None:
                    continue
                try:
                    prepared = await mail.prepare(await mail.content(message))
                except NotFound:  # expunged, and swept, since the command came
                    continue
                names = tuple(name for bit, name in enumerate(keywords, KEYWORD_SHIFT) if word >> bit & 1)
                items.append(Item(prepared, date_ms, word & _SYSTEM, names))
                self._source.append(uid)
                size += prepared.weight
                if size >= _AT_ONCE_BYTES or len(items) >= _AT_ONCE:
                    await self._add(items)
                    items, size = [], 0
                await pace.breathe()
        if items:
            await self._add(items)

    async def _add(self, items: list[Item]) -> None:
        target = self._target
        self._session.progress.done = len(self._source) - len(items)
        self._added.append(await self._session.services.mail.add(target.account, target.name, items, who=target.who))


async def take_away(session: Session, hold: Hold, gone: Ranges, target: Place, added: Sequence[Added]) -> Ranges:
    """Remove messages that were added elsewhere, and say which those were. If that is refused, as rights may be taken
    meanwhile, nothing was added either. After other trouble, of which the outcome is not known, they are in both."""
    try:
        await hold.set_flags(gone, "add", DELETED)
        return (await hold.expunge(gone)).uids
    except (NotFound, Refused):
        await take_back(session, target, added)
        raise


async def take_back(session: Session, target: Place, added: Sequence[Added]) -> None:
    """Take out what was added: RFC 3501 6.4.7 wants the mailbox as it was. With the owner's rights, since who may put
    messages in need not be one who may take any out."""
    if not added:
        return
    hold = await session.services.mail.select(target.account, target.name, read_only=True, changed=lambda: None)
    try:
        if hold.info.id == added[0].mailbox:  # else another has its name by now
            uids = tuple(span for one in added for span in one.uids)
            await hold.set_flags(uids, "add", DELETED)
            await hold.expunge(uids)
    finally:
        await hold.close()


def copyuid(added: Added) -> str:
    """The response code, empty when nothing was copied."""
    if not added.uids:
        return ""
    return f"COPYUID {added.uidvalidity} {uid_set(added.source)} {uid_set(added.uids)}"


def uid_set(ranges: Ranges) -> str:
    """The ranges as IMAP writes them; they are ascending."""
    return bytes(seqset.SequenceSet(ranges)).decode()


async def _must_take(session: Session, target: Place) -> None:
    """A missing target is told even if there is nothing to copy, and so is one that takes nothing of this client."""
    looked = await session.services.mail.look(target.account, target.name, target.who)
    need(looked.info.acl, target.who, INSERT)
