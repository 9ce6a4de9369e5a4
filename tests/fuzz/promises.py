"""Promises about bytes that were not written by us, or not as they are now: what may leave, and what must come back.

Each takes any bytes and raises AssertionError, or whatever else should not have left, when its promise is broken.
test_promises.py tries each for a moment in the suite, `python -m tests.fuzz.long NAME` for as long as one likes.
"""

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from actors.directory.addresses import BadAddress, parse
from actors.directory.rows import FORMAT, decode
from actors.directory.state import Defaults, may_send_as, resolve
from actors.directory.types import Account, Alias, Domain
from actors.mailbox import events as ev
from actors.mailbox.client import Message
from actors.mailbox.events import decode as decode_entry
from actors.mailbox.events import encode as encode_entry
from actors.mailbox.index import Index, load
from actors.mailbox.state import Account as Mailboxes
from actors.mailbox.state import Mailbox, decode_head, encode_head
from actors.mailbox.storage import pack_emails, unpack_emails
from actors.queue import rows
from actors.queue.entry import Condition
from actors.queue.entry import Entry as QueueEntry
from actors.queue.types import Envelope, Owed, Recipient, Result, Step, Told
from cluster.blobs.codec import pack, unpack
from cluster.config import load as load_settings
from cluster.errors import Corrupt, Misconfigured
from mail.dsn.build import build as build_notification
from mail.dsn.parse import RECIPIENTS_MAX, VALUE_CHARS_MAX
from mail.dsn.parse import parse as parse_notification
from mail.dsn.report import Report
from mail.dsn.report import Told as NotifiedOf
from mail.message.record import encode, read_message
from ops.settings import Settings
from ops.transfer.maildir import Maildir
from ops.transfer.mbox import Mbox
from tests.unit.actors.directory.table import TableDirectory

Promise = Callable[[bytes], None]
TABLE: Final = {
    "domains": [{"name": "x.test", "subaddress_separators": "+"}],
    "accounts": {"one": ["a@x.test"]},
    "aliases": {"all@x.test": ["a@x.test", "all@x.test", "far@y.test"]},
}
TOKEN: Final = bytes(range(32))  # where a message record has its digest


def log_entry(data: bytes) -> None:
    """A log entry: Corrupt, or what it says is written back and read as the same."""
    with contextlib.suppress(Corrupt):
        entry = decode_entry(data)
        assert decode_entry(encode_entry(entry)) == entry


def head(data: bytes) -> None:
    """An account's head: Corrupt, or an account that is written back and read as the same."""
    with contextlib.suppress(Corrupt):
        account = decode_head(data, 1, 1)
        assert encode_head(decode_head(encode_head(account), 1, 1)) == encode_head(account)


def index_page(data: bytes) -> None:
    """An index page, as it is stored and with its packing in order: Corrupt, or rows that can be looked at."""
    for page in (data, b"\1" + pack(data)):
        with contextlib.suppress(Corrupt):
            index = load([page])
            assert len(index.uids) == len(index.saved) == index.count


def garbage(data: bytes) -> None:
    """A list of messages for the sweeper: Corrupt, or numbers."""
    for stored in (data, pack(data)):
        with contextlib.suppress(Corrupt):
            assert all(isinstance(email, int) for email in unpack_emails(stored))


def message(data: bytes) -> None:
    """A message's row, as it is stored and with its head in order: Corrupt, or a record."""
    for stored in (data, b"\1\1" + TOKEN + data):
        with contextlib.suppress(Corrupt):
            assert Message(stored).record is not None


def blob(data: bytes) -> None:
    """A packed message: what was packed comes back; of anything else Corrupt leaves, or bytes."""
    assert unpack(pack(data)) == data
    for codec in (b"", b"\0", b"\1", b"\2"):
        with contextlib.suppress(Corrupt):
            assert isinstance(unpack(codec + data), bytes)


def directory_row(data: bytes) -> None:
    """A record of the directory: Corrupt, or what was asked for."""
    for kind in (Domain, Account, Alias):
        for stored in (data, FORMAT + data):
            with contextlib.suppress(Corrupt):
                assert isinstance(decode(stored, kind), kind)


def settings(data: bytes) -> None:
    """A settings file: Misconfigured with a sentence that names it, or settings."""
    told = ""
    try:
        load_settings(Settings, data, {"HOME": "x"}, _no_file, name="the file")
    except Misconfigured as error:
        told = error.log
    assert not told or "the file" in told


def _no_file(_path: str) -> bytes:
    raise FileNotFoundError(2, "No such file")


def address(data: bytes) -> None:
    """An address as a peer writes it: BadAddress, or it is read and printed as the same, and every question about it
    is answered.
    """
    text = data.decode("utf-8", "surrogateescape")
    directory = TableDirectory(TABLE)
    directory.run(resolve(text, Defaults()))
    directory.run(may_send_as(1, text))
    with contextlib.suppress(BadAddress):
        read = parse(text)
        assert parse(str(read)) == read


def mbox(data: bytes) -> None:
    """An mbox file: every byte from the first From_ line on is in one message, no error leaves."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "mbox"
        path.write_bytes(b"From a@b Tue Nov  3 12:00:00 2020\n" + data)
        found = list(Mbox(path, "INBOX").remaining([]))
    assert sum(one.size for one in found) <= len(data) + 34
    assert all(one.content or one.problem for one in found)


def maildir(data: bytes) -> None:
    """A file and a keyword list of a Maildir: the message as it is, with CRLF, or its problem."""
    with tempfile.TemporaryDirectory() as place:
        for folder in ("cur", "new", "tmp"):
            (Path(place) / folder).mkdir()
        (Path(place) / "dovecot-keywords").write_bytes(data)
        (Path(place) / "cur" / "1.M1.x:2,Sab").write_bytes(data)
        (one,) = Maildir(Path(place), "INBOX").remaining([])
    assert one.content or one.problem
    assert b"\n" not in one.content.replace(b"\r\n", b"")


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


PROMISES: Final[dict[str, Promise]] = {
    one.__name__: one
    for one in (
        log_entry,
        head,
        index_page,
        garbage,
        message,
        blob,
        directory_row,
        settings,
        address,
        mbox,
        maildir,
        queue_row,
        notification,
    )
}


def valid(name: str) -> list[bytes]:
    """Inputs that are as they should be: what is spoilt from them finds more than noise does."""
    return _VALID[name]


def _entry() -> ev.Entry:
    rows = (ev.Row(1, 1, 0, 10, 1_700_000_000_000),)
    events = (
        ev.MailboxCreated(1, "INBOX", 7, "inbox"),
        ev.MessagesAdded(1, rows),
        ev.FlagsChanged(1, ((1, 1),), 0, 1, -1),
    )
    return ev.Entry(ev.VERSION, 1_700_000_000_000, b"idem", events)


def _account() -> Mailboxes:
    account = Mailboxes(1, 1)
    account.apply(1, _entry())
    return account


def _page() -> bytes:
    box = Mailbox(1, "INBOX", "inbox", 7, index=Index())
    box.feed(1, 1, _entry().events[1])
    assert box.index is not None
    stored = box.index.page(0)
    assert stored is not None
    return stored


def _row(record: Any) -> bytes:
    return FORMAT + msgspec.msgpack.encode(record)


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
_OLD_ROWS: Final = Path(__file__).parents[1] / "unit" / "actors" / "queue" / "rows" / "version-1"
_NESTED: Final = b"\x91" * 3000  # lists in lists, as msgpack has them
_VALID: Final[dict[str, list[bytes]]] = {
    "log_entry": [encode_entry(_entry()), encode_entry(_entry())[:-1] + _NESTED, b"\x95\1\0\xc4\0\x90" + _NESTED],
    "head": [encode_head(_account()), b"\x9c" + encode_head(_account())[1:] + _NESTED],
    "index_page": [_page(), unpack(_page()[1:]), b""],
    "garbage": [pack_emails(load([_page()]).emails), b"\1" * 16, b"\1" * 15],
    "message": [b"\1\1" + TOKEN + encode(read_message(_RAW)), encode(read_message(_RAW)), b"\1", b"\1\1"],
    # The last two are frames whose head says that they hold 2^40 bytes.
    "blob": [pack(_RAW), pack(_RAW * 3000), b"\x28\xb5\x2f\xfd\xe0" + (1 << 40).to_bytes(8, "little") + b"\1\0\0"],
    "directory_row": [_row(Alias("a@x.test", ("b@x.test",))), b"\x94\1" + _NESTED],
    "settings": [
        b"hostname = 'x'\n[imap]\nidle_s = 1800\n[[listen]]\nprotocol = 'smtp'\nport = 25\n",
        b"[tls]\ncertificate = { env = 'HOME' }\nkey = { file = '/x' }\n",
        b"data = 1979-05-27T07:32:00Z\n",
        b"a = " + b"[" * 5000,
        b"hostname = " + b"9" * 5000,
    ],
    "address": [
        b"a+b@x.test",
        b'"a b"@x.test',
        b"all@x.test",
        "ä@bücher.test".encode(),
        b"a@[127.0.0.1]",
        b"\xff@x.test",
    ],
    "mbox": [
        b"Content-Length: 5\n\nHello\nFrom b@c Tue Nov  3 12:00:00 2020\n\n>From x\n",
        b"Status: RO\nX-UID: 1\n\nx\n",
    ],
    "queue_row": [_QUEUED, _queued(), _QUEUED[1:], *(path.read_bytes() for path in sorted(_OLD_ROWS.glob("*.row")))],
    "notification": [
        _NOTIFICATION,
        b"Final-Recipient: utf-8;\\x{D800}\\x{110000}@x\r\nAction: failed",
        b"\r\n\r\n" * 2000,
        _NOTIFICATION.replace(b"message/delivery-status", b"message/global-delivery-status"),
    ],
    "maildir": [_RAW, b"0 $Work\n1 b\n27 c\n", b"\n \n"],
}
assert _VALID.keys() == PROMISES.keys()
