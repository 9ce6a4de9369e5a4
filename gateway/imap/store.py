r"""Changing flags and removing messages: STORE, EXPUNGE, UID EXPUNGE.

The law: the client's own change is answered as it asked (`.SILENT` or not); what others changed is never hidden by it.
"""

import numpy as np

from actors.mailbox.types import KEYWORD_BYTES_MAX, KEYWORDS_MAX
from gateway.imap.flagnames import split_flags
from gateway.imap.parts import Array, FlagsMode
from gateway.imap.selected import Selection
from gateway.imap.session import Ok, Session
from gateway.imap.troubles import No, Told
from mail.imap import commands
from mail.imap.commands import StoreMode

_MODES: dict[StoreMode, FlagsMode] = {
    StoreMode.ADD: "add",
    StoreMode.REMOVE: "remove",
    StoreMode.REPLACE: "replace",
}


async def store(session: Session, command: commands.Store) -> Ok:
    """RFC 3501 6.4.6."""
    selection = writable(session)
    rows = selection.resolve(command.messages, uid=command.uid)
    bits, keywords = split_flags(command.flags)
    if command.mode is StoreMode.REMOVE:
        keywords = tuple(word for word in keywords if selection.names.bit(word))  # others are on no message
    check_keywords(keywords, selection.names.keywords)
    alive, places = selection.locate(rows)
    before = selection.hold.view.index.flags[places]
    # What others changed, and the client has not heard of, it hears in the end, with its own change in it.
    ours = ~selection.unheard(places)
    if len(alive):
        await selection.hold.set_flags(selection.ranges(alive), _MODES[command.mode], bits, keywords)
    if command.silent:
        wanted = _wanted(selection, before, command.mode, bits, keywords)
        return Ok("STORE completed", told=Told(alive[ours], wanted[ours]))
    text, told = selection.flags_of(alive, with_uid=command.uid)
    session.wire.write(selection.new_keywords() + text)
    if len(told.rows) < len(rows) and not command.uid:  # RFC 2180 4.2.2, 4.2.3
        raise No("Some of the messages were expunged", "EXPUNGEISSUED", told)
    return Ok("STORE completed", told=told)


async def expunge(session: Session, _command: commands.Expunge) -> Ok:
    """RFC 3501 6.4.3. The EXPUNGE responses come with the answer, like those for what others removed."""
    await writable(session).hold.expunge()
    return Ok("EXPUNGE completed")


async def uid_expunge(session: Session, command: commands.UidExpunge) -> Ok:
    """RFC 4315 2.1."""
    selection = writable(session)
    rows = selection.resolve(command.messages, uid=True)
    if len(rows):
        await selection.hold.expunge(selection.ranges(rows))
    return Ok("UID EXPUNGE completed")


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
        mask |= np.int64(selection.names.bit(word))
    if mode is StoreMode.ADD:
        return before | mask
    if mode is StoreMode.REMOVE:
        return before & ~mask
    return np.full(len(before), mask)
