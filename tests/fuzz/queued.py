"""Promises about the queue: its rows, and notifications that come back. Part of promises.py."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from actors.queue import rows
from actors.queue.entry import Condition
from actors.queue.entry import Entry as QueueEntry
from actors.queue.types import Envelope, Owed, Recipient, Result, Step, Told
from cluster.errors import Corrupt
from mail.dsn.build import build as build_notification
from mail.dsn.parse import RECIPIENTS_MAX, VALUE_CHARS_MAX
from mail.dsn.parse import parse as parse_notification
from mail.dsn.report import Report
from mail.dsn.report import Told as NotifiedOf


def queue_row(data: bytes) -> None:
    """An entry of the queue, as stored, and with its version in order: Corrupt, or one that is written back and read
    as the same, that can be shown, and that has a time.
    """
    for stored in (data, rows.VERSION + data):
        with contextlib.suppress(Corrupt):
            entry = rows.load(stored)
            again = rows.load(rows.store(entry))
            assert (again, again.now, again.timer()) == (entry, entry.now, entry.timer())
            assert len(entry.shown(bytes(16), whole=True).fates) == len(entry.mail.recipients)


def notification(data: bytes) -> None:
    """A delivery status notification: a bounded account of it, or None; nothing else leaves."""
    for message in (data, _NOTIFICATION.replace(b"Action: failed", data)):
        found = parse_notification(message)
        if found is not None:
            assert 0 < len(found.recipients) <= RECIPIENTS_MAX
            assert all(len(value) <= VALUE_CHARS_MAX for one in found.recipients for value in one)


def _queued(*steps: Step) -> bytes:
    people = (Recipient("a@x.test"), Recipient("b@x.test", ("SUCCESS",), "rfc822;c@y.test"))
    mail = Envelope("x.test", "me@y.test", people, bytes(32), 1, priority=3, envid="e")
    return rows.store(QueueEntry(mail, Condition(heard=(Told(Result("deferred", 450), (1,)),)), steps))


_QUEUED: Final = _queued(
    Step("queued", 1, 2),
    Step("lent", 3, 9, 1),
    Step("failed", 4, 5, 1, told=(Told(Result("failed", 550, "5.1.1", "no"), (0,)),), owed=(Owed("failure", (0,)),)),
)


_NOTIFICATION: Final = build_notification(
    Report(
        "mx.test", "me@y.test", 1_700_000_000_000, "1@mx.test", "=_1",
        (NotifiedOf("a@x.test", "failed", "5.1.1", "rfc822;c@y.test", "mx.x.test", "192.0.2.1", 550, "no such user"),),
        original=b"Message-ID: <x@y>\r\n\r\nx\r\n",
    )
).message  # fmt: skip


_RAW: Final = b"From: a@b.test\r\nSubject: x\r\nContent-Type: text/plain\r\n\r\nHello\r\n"


_NESTED: Final = b"\x91" * 3000  # lists in lists, as msgpack has them


_OLD_ROWS: Final = Path(__file__).parents[1] / "unit" / "actors" / "queue" / "rows" / "version-1"
QUEUE: Final[dict[str, Callable[[bytes], None]]] = {one.__name__: one for one in (queue_row, notification)}
VALID: Final[dict[str, list[bytes]]] = {
    "queue_row": [_QUEUED, _queued(), _QUEUED[1:], *(path.read_bytes() for path in sorted(_OLD_ROWS.glob("*.row")))],
    "notification": [
        _NOTIFICATION,
        b"Final-Recipient: utf-8;\\x{D800}\\x{110000}@x\r\nAction: failed",
        b"\r\n\r\n" * 2000,
        _NOTIFICATION.replace(b"message/delivery-status", b"message/global-delivery-status"),
    ],
}
