"""What changed while a client was away (RFC 7162 3.2): which UIDs are gone, and the flags of what is not.

The law: what the client remembered with its MODSEQ and what it is told here make the mailbox as it is. What is gone
comes from the account's log; where that is too long, all that is not there is told as gone.
"""

import numpy as np

from actors.mailbox.types import Ranges
from gateway.imap import spans
from gateway.imap.parts import Array
from gateway.imap.selected import Selection
from gateway.imap.session import Session
from gateway.imap.spans import common, gaps, holds
from gateway.imap.telling import tell_flags
from gateway.imap.troubles import Bad, Told
from mail.imap import codes
from mail.imap.commands import Qresync
from mail.imap.seqset import SequenceSet


def check(session: Session, known: Qresync) -> None:
    """Raises Bad if the parameter may not be used, or is not what RFC 7162 3.2.5.2 and 7 have."""
    if not session.qresync:
        raise Bad("QRESYNC has to be enabled first")
    if known.sequences is None or known.uids is None:
        return
    if session.uidonly:
        raise Bad("There are no sequence numbers after ENABLE UIDONLY", codes.UID_REQUIRED.decode())
    if not _ascends(known.sequences) or not _ascends(known.uids) or _size(known.sequences) != _size(known.uids):
        raise Bad("Known numbers and their UIDs have to ascend and to be as many")


async def catch_up(session: Session, known: Qresync) -> Told | None:
    """All that SELECT tells besides (3.2.5). Of a mailbox with other UIDs nothing (3.2.5)."""
    selection = session.selected
    if known.uid_validity != selection.hold.info.uidvalidity:
        return None
    if known.mod_sequence >= selection.hold.view.modseq:  # as mostly: nothing has happened
        return None
    rows = selection.changed_since(known.mod_sequence)
    wanted = _wanted(selection, known.known_uids)
    await _tell_vanished(session, wanted, known.mod_sequence, _agreed(selection, known))
    return await tell_flags(session, rows[holds(wanted, selection.uids[rows])], with_uid=True)


async def tell_vanished(session: Session, messages: SequenceSet, since: int) -> None:
    """Of these UIDs, those that are gone since (3.2.6)."""
    await _tell_vanished(session, _wanted(session.selected, messages), since, 0)


async def _tell_vanished(session: Session, wanted: Array, since: int, agreed: int) -> None:
    """`agreed`: of UIDs up to it the client knows all that is gone.

    What is gone while the client still counts it is told without EARLIER, with the answer.
    """
    selection = session.selected
    last, until = selection.uidnext - 1, selection.hold.view.modseq
    if since >= until or last == len(selection.uids):  # nothing has left since, or ever
        return
    absent = common(gaps(selection.uids, last), wanted)
    gone: Ranges | None = ()
    if len(absent):
        gone = await session.services.mail.vanished(selection.account, selection.hold.info.id, since, until)
    if gone is None:
        absent = common(absent, spans.spans([(agreed + 1, last)]))
    else:
        absent = common(absent, spans.spans(gone))
    for line in spans.vanished(absent, earlier=True):
        session.wire.write(line)
        await session.wire.drain()


def _wanted(selection: Selection, messages: SequenceSet | None) -> Array:
    """The UIDs that are asked about, as ranges; without any, all that there ever were (3.2.5.1)."""
    last = selection.uidnext - 1
    if messages is None:
        return spans.spans([(1, last)] if last else [])
    return spans.spans(messages.resolve(last))


def _agreed(selection: Selection, known: Qresync) -> int:
    """The highest UID that has the number the client believes it has (3.2.5.2); 0 for none."""
    if known.sequences is None or known.uids is None:
        return 0
    rows = _first(known.sequences, len(selection.uids), len(selection.uids)) - 1
    uids = _first(known.uids, len(rows), selection.uidnext - 1)
    rows = rows[: len(uids)]
    same = np.flatnonzero(selection.uids[rows] == uids)
    return int(uids[same[-1]]) if len(same) else 0


def _first(numbers: SequenceSet, count: int, last: int) -> Array:
    """The first `count` numbers of an ascending set, as far as they are not above `last`."""
    pieces = [np.empty(0, np.int64)]
    for low, high in numbers.ranges:
        if count <= 0 or low > last:
            break
        pieces.append(np.arange(low, min(high, last, low + count - 1) + 1))
        count -= len(pieces[-1])
    return np.concatenate(pieces)


def _ascends(numbers: SequenceSet) -> bool:
    before = 0
    for low, high in numbers.ranges:
        if not before < low <= high:
            return False
        before = high
    return True


def _size(numbers: SequenceSet) -> int:
    return sum(high - low + 1 for low, high in numbers.ranges)
