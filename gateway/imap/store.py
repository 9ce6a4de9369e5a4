r"""Changing flags and removing messages: STORE, EXPUNGE, UID EXPUNGE.

The law: the client's own change is answered as it asked (`.SILENT` or not); what others changed is never hidden by it.
"""

from typing import Final, NamedTuple

import numpy as np

from actors.mailbox.types import DELETED, KEYWORD_BYTES_MAX, KEYWORDS_MAX
from gateway.imap.bounds import note, within
from gateway.imap.flagnames import split_flags
from gateway.imap.parts import Array, FlagsMode
from gateway.imap.selected import Selection
from gateway.imap.session import Ok, Session
from gateway.imap.spans import rendered, runs
from gateway.imap.telling import ROWS_MAX, tell_flags, together
from gateway.imap.troubles import No, Told
from mail.imap import commands
from mail.imap.codes import modified_code
from mail.imap.commands import StoreMode
from mail.imap.seqset import SequenceSet

_ON_NO_MESSAGE: Final = -(2**63)  # stands for a keyword that was not made, as no message was there to have it
_MODES: Final[dict[StoreMode, FlagsMode]] = {
    StoreMode.ADD: "add",
    StoreMode.REMOVE: "remove",
    StoreMode.REPLACE: "replace",
}


class _Change(NamedTuple):
    """What a STORE is about: the rows that exist, with what they had, and whether the client had heard of all that."""

    rows: Array
    words: Array
    modseqs: Array
    ours: Array


async def store(session: Session, command: commands.Store) -> Ok:
    """RFC 3501 6.4.6, RFC 7162 3.1.3."""
    selection = writable(session)
    if command.unchanged_since is not None and not session.condstore:
        session.enable(("CONDSTORE",))
    rows, limit = within(session, selection.resolve(command.messages, uid=command.uid))
    bits, keywords = split_flags(command.flags)
    if command.mode is StoreMode.REMOVE:
        keywords = tuple(word for word in keywords if selection.names.bit(word))  # others are on no message
    check_keywords(keywords, selection.names.keywords)
    alive, places = selection.locate(rows)
    index = selection.hold.view.index
    # What others changed, and the client has not heard of, it hears in the end, with its own change in it.
    change = _Change(alive, index.flags[places], index.modseqs[places], ~selection.unheard(places))
    failed = alive[:0]
    if len(alive):
        reply = await selection.hold.set_flags(
            selection.ranges(alive), _MODES[command.mode], bits, keywords, command.unchanged_since
        )
        failed = selection.resolve(SequenceSet(reply.failed), uid=True)
    if command.silent:
        wanted = _wanted(selection, change.words, command.mode, bits, keywords)
        told = await _silent(session, change, wanted, failed, always=command.unchanged_since is not None)
    else:
        told = await tell_flags(session, alive, with_uid=command.uid)
    missing = len(selection.locate(rows)[0]) < len(rows)
    return _answer(session, command, told, limit, failed, missing=missing)


def _answer(session: Session, command: commands.Store, told: Told, limit: str, failed: Array, *, missing: bool) -> Ok:
    """NO if some were gone already, as RFC 2180 4.2.2 and 4.2.3 have it; of .SILENT only where the client cares."""
    gone = missing and not command.uid and not (command.silent and command.unchanged_since is None)
    if len(failed):  # RFC 7162 3.1.3: the code may be in either answer
        note(session, limit)
        numbers = session.selected.uids[failed] if command.uid else failed + 1
        code = modified_code(rendered(runs(numbers))).decode()
        if gone:
            raise No("Some of the messages were expunged", code, told)
        return Ok("Conditional STORE failed for some", code, told)
    if gone:
        note(session, limit)
        raise No("Some of the messages were expunged", "EXPUNGEISSUED", told)
    return Ok("STORE completed", limit, told)


async def _silent(session: Session, change: _Change, wanted: Array, failed: Array, *, always: bool) -> Told:
    """What the client knows after .SILENT: the flags that it asked for, where nobody else changed any.

    Who hears of MODSEQs is told the new ones (RFC 7162 3.1.3); `always`: also where nothing had to be changed. What
    `failed` is told in full, as the client was behind with it.
    """
    selection = session.selected
    if not selection.style.modseq:
        return Told(change.rows[change.ours], wanted[change.ours])
    session.wire.write(selection.new_keywords())
    told = [await tell_flags(session, failed, with_uid=True)] if len(failed) else []
    for start in range(0, len(change.rows), ROWS_MAX):
        part = slice(start, start + ROWS_MAX)
        rows, places = selection.locate(change.rows[part])
        kept = np.searchsorted(change.rows, rows)
        index = selection.hold.view.index
        known = change.ours[kept] & (index.flags[places] == wanted[kept]) & ~np.isin(rows, failed)
        if not always:
            known &= index.modseqs[places] != change.modseqs[kept]
        text, modseqs = selection.modseqs_of(rows[known], places[known])
        told.append(Told(rows[known], wanted[kept][known], modseqs))
        session.wire.write(text)
        await session.wire.drain()
    return together(told)


async def expunge(session: Session, _command: commands.Expunge) -> Ok:
    """RFC 3501 6.4.3. The EXPUNGE responses come with the answer, like those for what others removed."""
    gone = await writable(session).hold.expunge()
    return Ok("EXPUNGE completed", highest=bool(gone.uids))


async def uid_expunge(session: Session, command: commands.UidExpunge) -> Ok:
    """RFC 4315 2.1."""
    selection = writable(session)
    rows, places = selection.locate(selection.resolve(command.messages, uid=True))
    deleted, limit = within(session, rows[(selection.hold.view.index.flags[places] & DELETED) != 0])
    gone = await selection.hold.expunge(selection.ranges(deleted if limit else rows)) if len(rows) else None
    return Ok("UID EXPUNGE completed", limit, highest=bool(gone and gone.uids))


def writable(session: Session) -> Selection:
    """The selected mailbox, if it was not opened with EXAMINE."""
    selection = session.selected
    if selection.hold.read_only:
        raise No("The mailbox is open for reading only", "READ-ONLY")
    return selection


def check_keywords(keywords: tuple[str, ...], table: tuple[str, ...]) -> None:
    """Raises No [LIMIT] when there is no room for the keywords that the account's table lacks."""
    if not keywords:
        return
    if any(len(word) > KEYWORD_BYTES_MAX for word in keywords):
        raise No(f"A keyword has at most {KEYWORD_BYTES_MAX} characters", "LIMIT")
    known = {word.lower() for word in table}
    if len(known | {word.lower() for word in keywords}) > KEYWORDS_MAX:
        raise No(f"An account can have {KEYWORDS_MAX} different keywords", "LIMIT")


def _wanted(selection: Selection, before: Array, mode: StoreMode, bits: int, keywords: tuple[str, ...]) -> Array:
    """The flags words the client expects after its change."""
    mask = np.int64(bits)
    for word in keywords:
        mask |= np.int64(selection.names.bit(word) or _ON_NO_MESSAGE)
    if mode is StoreMode.ADD:
        return before | mask
    if mode is StoreMode.REMOVE:
        return before & ~mask
    return np.full(len(before), mask)
