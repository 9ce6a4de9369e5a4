"""FETCH responses with flags for many messages, no more at a time than the client takes.

The law: whatever is said here is in what comes back, so that it is not said again with the answer.
"""

from typing import Final

import numpy as np

from gateway.imap.parts import Array, Pace
from gateway.imap.session import Session
from gateway.imap.troubles import Told

ROWS_MAX: Final = 1000  # a batch: about 50 kB


async def tell_flags(session: Session, rows: Array, *, with_uid: bool) -> Told:
    """The flags of those of the rows that exist; with UID and MODSEQ where the client wants that."""
    selection = session.selected
    session.wire.write(selection.new_keywords())
    told = []
    pace = Pace(session.services.clock)
    for start in range(0, len(rows), ROWS_MAX):
        text, part = selection.flags_of(rows[start : start + ROWS_MAX], with_uid=with_uid)
        told.append(part)
        session.wire.write(text)
        session.progress.done = start
        await session.wire.drain()
        await pace.breathe()
    return together(told)


def together(parts: list[Told]) -> Told:
    """All of it, ascending; the parts have each its MODSEQs, or each none."""
    if not parts:
        return Told(np.empty(0, np.int64), np.empty(0, np.int64))
    rows = np.concatenate([part.rows for part in parts])
    words = np.concatenate([part.words for part in parts])
    modseqs = [part.modseqs for part in parts if part.modseqs is not None]
    told = Told(rows, words, np.concatenate(modseqs) if len(modseqs) == len(parts) else None)
    if len(rows) > 1 and (np.diff(rows) <= 0).any():
        order = np.argsort(rows)
        told = Told(rows[order], words[order], None if told.modseqs is None else told.modseqs[order])
    return told
