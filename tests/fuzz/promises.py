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
from cluster.blobs.codec import pack, unpack
from cluster.config import load as load_settings
from cluster.errors import Corrupt, Misconfigured
from mail import proxy, sasl
from mail.message.record import encode, read_message
from mail.proxy.header import V2_BYTES_MAX
from ops.settings import Settings
from ops.transfer.maildir import Maildir
from ops.transfer.mbox import Mbox
from tests.fuzz import emails, network, queued, reports, signatures
from tests.fuzz.emails import EMAILS
from tests.fuzz.network import NETWORK
from tests.fuzz.queued import QUEUE
from tests.fuzz.reports import REPORTS
from tests.fuzz.signatures import SIGNATURES
from tests.unit.actors.directory.table import TableDirectory

Promise = Callable[[bytes], None]


TABLE: Final = {
    "domains": [{"name": "x.test", "subaddress_separators": "+"}],
    "accounts": {"one": ["a@x.test"]},
    "aliases": {"all@x.test": ["a@x.test", "all@x.test", "far@y.test"]},
}


PROXY_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"


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


def proxy_header(data: bytes) -> None:
    """What a relay says in front: BadHeader, or a header that is read the same byte by byte, and nothing behind it."""
    for stream in (data, PROXY_SIGNATURE + data):
        with contextlib.suppress(proxy.BadHeader):
            header = proxy.parse(stream)
            assert header is None or header == proxy.parse(stream[: header.size]) == _step_by_step(stream)
            assert header is not None or len(stream) < V2_BYTES_MAX


def _step_by_step(stream: bytes) -> proxy.Header | None:
    had = 0
    while (header := proxy.parse(stream[:had])) is None:
        had = proxy.wanted(stream[:had])
    assert header.size == had
    return header


def sasl_exchange(data: bytes) -> None:
    """What a client says to log in, lines of it: no error leaves, nobody is let in whom nobody knows, it ends."""
    for name in sasl.MECHANISMS:
        bindings = (sasl.Binding("tls-unique", b"x"),)
        exchange = sasl.begin(name, nonce="n", secret=b"s" * 16, bindings=bindings)
        for line in data.split(b"\n"):
            step = exchange.step(line)
            if not isinstance(step, sasl.Challenge | sasl.Done | sasl.Failed):
                step = exchange.answer(None if isinstance(step, sasl.NeedScram) else False)
            assert not isinstance(step, sasl.Done)
            if isinstance(step, sasl.Failed):
                break


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


PROMISES: Final[dict[str, Promise]] = (
    SIGNATURES
    | NETWORK
    | EMAILS
    | QUEUE
    | REPORTS
    | {
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
            proxy_header,
            sasl_exchange,
            mbox,
            maildir,
        )
    }
)


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


_RAW: Final = b"From: a@b.test\r\nSubject: x\r\nContent-Type: text/plain\r\n\r\nHello\r\n"


_NESTED: Final = b"\x91" * 3000  # lists in lists, as msgpack has them


_VALID: Final[dict[str, list[bytes]]] = (
    signatures.VALID
    | network.VALID
    | emails.VALID
    | queued.VALID
    | reports.VALID
    | {
        "log_entry": [encode_entry(_entry()), encode_entry(_entry())[:-1] + _NESTED, b"\x95\1\0\xc4\0\x90" + _NESTED],
        "head": [encode_head(_account()), b"\x9c" + encode_head(_account())[1:] + _NESTED],
        "index_page": [_page(), unpack(_page()[1:]), b""],
        "garbage": [pack_emails(load([_page()]).emails), b"\1" * 16, b"\1" * 15],
        "message": [b"\1\1" + TOKEN + encode(read_message(_RAW)), encode(read_message(_RAW)), b"\1", b"\1\1"],
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
        "proxy_header": [
            b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25\r\nEHLO a\r\n",
            b"PROXY TCP6 2001:db8::1 ::1 40000 25\r\n",
            b"PROXY UNKNOWN\r\n",
            b"\x21\x11\x00\x20" + bytes(12) + b"\x20\x00\x0d\x01\0\0\0\0\x21\x00\x05TLSv1" + b"\x02\x00\x01a",
            b"\x21\x11\x00\x13" + bytes(12) + b"\x03\x00\x04\0\0\0\0",
            b"\x20\x00\x00\x00",
        ],
        "sasl_exchange": [
            b"n,,n=user,r=abc\nc=biws,r=abcn,p=AAAA\n\n",
            b"p=tls-unique,a=x,n=user,r=abc\nc=cD10bHMtdW5pcXVlLGE9eCx4,r=abcn,p=AAAA",
            b"n,a=user,\x01host=a\x01auth=Bearer abc\x01\x01\n\x01",
            b"user=a\x01auth=Bearer abc\x01\x01\n",
            b"\0user\0pass",
            b"\nuser\npass",
        ],
        "mbox": [
            b"Content-Length: 5\n\nHello\nFrom b@c Tue Nov  3 12:00:00 2020\n\n>From x\n",
            b"Status: RO\nX-UID: 1\n\nx\n",
        ],
        "maildir": [_RAW, b"0 $Work\n1 b\n27 c\n", b"\n \n"],
    }
)


assert _VALID.keys() == PROMISES.keys()
