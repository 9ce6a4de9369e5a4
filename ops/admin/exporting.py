"""A mailbox's messages as a stream, each read when the one before has been taken."""

from collections.abc import AsyncGenerator
from typing import Final, NamedTuple

import numpy as np

from actors.mailbox.client import MailboxClient, Message
from actors.mailbox.index import Array
from actors.mailbox.types import KEYWORD_SHIFT, SYSTEM_FLAGS
from cluster.errors import Corrupt, NotFound
from ops.admin.errors import text_of
from wire import admin_pb2 as pb

PAGE: Final = 100  # message records read at once


class _Rows(NamedTuple):
    """A mailbox at one moment: columns of the same length, ascending by UID."""

    uidvalidity: int
    keywords: tuple[str, ...]
    uids: Array
    emails: Array
    flags: Array
    dates: Array
    sizes: Array


async def export(
    mailboxes: MailboxClient, account: int, request: pb.ExportRequest
) -> AsyncGenerator[pb.ExportedMessage, None]:
    """The messages; those that are removed meanwhile are left out. Raises NotFound."""
    rows = await _rows(mailboxes, account, request.mailbox)
    has = _held(rows, request)
    for start in range(0, len(rows.uids), PAGE):
        page = range(start, min(start + PAGE, len(rows.uids)))
        wanted = [row for row in page if not has[row]]
        found = await mailboxes.messages(account, [int(rows.emails[row]) for row in wanted])
        stored = dict(zip(wanted, found, strict=True))
        for row in page:
            answer = _described(rows, row)
            if has[row] or await _fill(mailboxes, answer, stored[row]):
                yield answer


async def _rows(mailboxes: MailboxClient, account: int, name: str) -> _Rows:
    selected = await mailboxes.select(account, name, read_only=True, changed=lambda: None)
    try:
        index = selected.view.index
        columns = [column.copy() for column in (index.uids, index.emails, index.flags, index.dates, index.sizes)]
        return _Rows(selected.info.uidvalidity, selected.view.keywords, *columns)
    finally:
        await selected.close()


def _held(rows: _Rows, request: pb.ExportRequest) -> Array:
    """Which rows the client has already."""
    held = np.zeros(len(rows.uids), bool)
    if request.uidvalidity == rows.uidvalidity:
        for span in request.have:
            low, high = np.searchsorted(rows.uids, span.first), np.searchsorted(rows.uids, span.last, "right")
            held[low:high] = True
    return held


async def _fill(mailboxes: MailboxClient, answer: pb.ExportedMessage, stored: Message | None) -> bool:
    """Add the content; False for a message that is gone."""
    if stored is None:
        return False
    try:
        answer.content = await mailboxes.content(stored)
    except NotFound:
        return False
    except Corrupt as error:
        answer.problem = text_of(error)
    return True


def _described(rows: _Rows, row: int) -> pb.ExportedMessage:
    return pb.ExportedMessage(
        uidvalidity=rows.uidvalidity,
        uid=int(rows.uids[row]),
        date_ms=int(rows.dates[row]),
        flags=_names(int(rows.flags[row]), rows.keywords),
        size=int(rows.sizes[row]),
    )


def _names(word: int, keywords: tuple[str, ...]) -> list[str]:
    names = (*SYSTEM_FLAGS, *keywords)
    assert len(SYSTEM_FLAGS) == KEYWORD_SHIFT
    return [name for bit, name in enumerate(names) if word >> bit & 1]
