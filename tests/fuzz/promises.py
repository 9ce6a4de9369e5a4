"""Promises about bytes that were not written by us, or not as they are now: what may leave, and what must come back.

Each takes any bytes and raises AssertionError, or whatever else should not have left, when its promise is broken.
test_promises.py tries each for a moment in the suite, `python -m tests.fuzz.long NAME` for as long as one likes.
"""

import contextlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

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
from mail.message.header import fields
from mail.message.record import encode, read_message
from mail.trust import authres, dmarc_record, spf_record
from mail.trust.arc import Verdict
from mail.trust.arc import verify as arc_verify
from mail.trust.arc_seal import seal
from mail.trust.arc_sets import BrokenChain, collect
from mail.trust.dkim import verify
from mail.trust.dkim_canon import Field, Signable
from mail.trust.dkim_keys import parse_record
from mail.trust.dkim_sign import SigningKey, sign
from mail.trust.dkim_signature import read
from mail.trust.dkim_tags import BadTags
from mail.trust.dmarc_reports import report_destinations
from mail.trust.questions import Asking, Question
from mail.trust.spf import check_mail_from
from ops.settings import Settings
from ops.transfer.maildir import Maildir
from ops.transfer.mbox import Mbox
from tests.unit.actors.directory.table import TableDirectory
from tests.unit.mail.trust.asking import Answer, Zone

Promise = Callable[[bytes], None]
TABLE: Final = {
    "domains": [{"name": "x.test", "subaddress_separators": "+"}],
    "accounts": {"one": ["a@x.test"]},
    "aliases": {"all@x.test": ["a@x.test", "all@x.test", "far@y.test"]},
}
T = TypeVar("T")
SEALER: Final = SigningKey("x.test", "s", Ed25519PrivateKey.from_private_bytes(bytes(32)))
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


class _Everywhere(Zone):
    """A DNS where every name has the same records."""

    def __init__(self, kinds: dict[str, list[Any]]) -> None:
        super().__init__({})
        self.kinds = kinds

    def answer(self, question: Question) -> Answer:
        self.asked.append(question)
        assert 0 < len(question.name) <= 253
        assert question.name.isascii()
        return Answer("ok", tuple(self.kinds.get(question.kind, ())), name=question.name)


def spf(data: bytes) -> None:
    """An SPF record, and the explanation it leads to: one of the seven results after a bounded number of questions
    about names; a record is a problem, or terms; an explanation is a line of ASCII.
    """
    record = spf_record.read(b"v=spf1 " + data)
    assert not record.problem or not record.terms
    kinds: dict[str, list[Any]] = {
        "TXT": [b"v=spf1 " + data],
        "A": ["203.0.113.9"],
        "MX": [(1, "m.test")],
        "PTR": ["p.test"],
    }
    for ip, sender in (("192.0.2.1", "a.b+c@x.test"), ("2001:db8::1", "ä@x.test")):
        zone = _Everywhere(kinds)
        found = zone.run(check_mail_from(ip, sender, "client.test"))
        assert found.result in ("none", "neutral", "pass", "fail", "softfail", "temperror", "permerror")
        assert len(zone.asked) <= 35
        assert found.explanation == "" or (found.explanation.isascii() and found.explanation.isprintable())


def dmarc(data: bytes) -> None:
    """A DMARC record: none, or policies, numbers within their bounds, and a bounded number of addresses that mail can
    be sent to.
    """
    record = dmarc_record.read(data)
    assert (record is not None) == dmarc_record.is_record(data[: dmarc_record.RECORD_BYTES_MAX])
    if record is None:
        return
    assert all(record.policy_for(tag)[0] in ("none", "quarantine", "reject") for tag in ("p", "sp", "np"))
    assert 0 <= record.pct <= 100
    assert 0 <= record.ri_s < 1 << 32
    zone = _Everywhere({"TXT": [data]})
    found = zone.run(report_destinations(record, "x.test"))
    assert len(found) <= dmarc_record.URIS_MAX**2
    for one in found:
        assert not one.may_be_sent or (one.address.count("@") == 1 and one.address.isprintable())


def authentication_results(data: bytes) -> None:
    """An Authentication-Results field: nothing, or results that are written, and then read as the same; nobody's field
    is taken for ours but by its name; taking ours away takes only such fields.
    """
    what = authres.parse(data)
    if what is not None:
        assert authres.claims(data, (what.authserv_id,))
        with contextlib.suppress(ValueError):  # a word that we would not write
            written = authres.render(what)
            again = authres.parse(written.partition(b":")[2])
            assert again is not None
            assert authres.render(again) == written
    head = b"A: b\r\nAuthentication-Results: x.test; none\r\nAuthentication-Results:" + data + b"\r\nC: d\r\n"
    removed = authres.to_remove(head, ("x.test",))
    left = authres.without(head, removed)
    assert len(fields(left)) == len(fields(head)) - len(removed)
    assert authres.to_remove(left, ("x.test",)) == []


def dkim_signature(data: bytes) -> None:
    """A DKIM-Signature field and a message that is one: BadTags, or what is read, once and again; every signature has a
    result, and that of noise is never a pass.
    """
    for raw in (data, b"DKIM-Signature:" + data):
        if b":" in raw:
            with contextlib.suppress(BadTags):
                found = read(Field(b"dkim-signature", raw))
                assert found.b and len(found.blank) <= len(raw)  # noqa: PT018
        for message in (raw, raw + b"\r\nFrom: a@b.test\r\n\r\nHello\r\n"):
            results = answered(verify(message, 1_700_000_000), data)
            assert len(results) <= 10
            assert all(one.result != "pass" for one in results)


def dkim_key(data: bytes) -> None:
    """A key record: BadTags, or a record that says of both algorithms whether it serves."""
    for text in (data, b"v=DKIM1; p=" + data):
        with contextlib.suppress(BadTags):
            record = parse_record(text)
            assert record.bits or (record.refusal("rsa-sha256") and record.refusal("ed25519-sha256"))


def arc_sets(data: bytes) -> None:
    """A message with ARC fields: BrokenChain, or sets without a gap; noise never passes, and is sealed as such."""
    for message in (data, b"ARC-Seal:" + data + b"\r\n\r\nx\r\n"):
        with contextlib.suppress(BrokenChain):
            sets = collect(Signable(message))
            assert [one.instance for one in sets] == list(range(1, len(sets) + 1))
        found = answered(arc_verify(message, 1_700_000_000), data)
        assert found.result != "pass"
        sealed = seal(message, "mx.test", "none", found.result, SEALER, 1_700_000_000)
        assert sealed == b"" or sealed.startswith(b"ARC-Seal: i=")


def answered(asking: Asking[T], text: bytes) -> T:
    """The evaluator's result, where the DNS says this text to everything."""
    try:
        questions = next(asking)
        while True:
            questions = asking.send(tuple(Answer("ok", (text,)) for _ in questions))
    except StopIteration as stop:
        result: T = stop.value
        return result


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
        spf,
        dmarc,
        authentication_results,
        dkim_signature,
        dkim_key,
        arc_sets,
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


def _chain(count: int) -> bytes:
    message = _RAW
    for number in range(count):
        cv: Verdict = "pass" if number else "none"
        message = seal(message, "mx.test", "spf=pass", cv, SEALER, 1_700_000_000) + message
    return message


_RAW: Final = b"From: a@b.test\r\nSubject: x\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
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
    "maildir": [_RAW, b"0 $Work\n1 b\n27 c\n", b"\n \n"],
    "spf": [
        b"ip4:192.0.2.0/24 ip6:2001:db8::/32 a mx/24//64 ptr:%{d2} exists:%{ir}.%{l1r+-}.x.test ?all",
        b"include:%{d} redirect=%{o} exp=%{h} x=y",
        b"-all exp=%{d}",
        b"a:%%%_%-.x.test " * 20,
    ],
    "dmarc": [
        b"v=DMARC1; p=none; sp=reject; np=quarantine; rua=mailto:a@x.test!10m,mailto:b@y.test; ruf=mailto:c@x.test",
        b"v=DMARC1; p=reject; adkim=s; aspf=r; fo=1:d:s; pct=50; ri=3600; psd=y; t=y;",
    ],
    "authentication_results": [
        b' y.test 1; spf=pass smtp.mailfrom=a@b.test; dkim=fail reason="x" header.d=b.test (c (d)) header.b="A/="',
        b" y.test; none",
        b' "x.test"; iprev=pass policy.iprev=192.0.2.1',
        b"\r\n\t(x) x.test\r\n 1;\r\n dkim/1=pass",
    ],
    "dkim_signature": [
        sign(_RAW, [SEALER], 1_700_000_000, expire_s=60).removeprefix(b"DKIM-Signature:"),
        sign(_RAW, [SEALER], 1_700_000_000) + _RAW,
        b" v=1; a=rsa-sha256; d=b\xc3\xbccher.test; s=s; h=from; l=0; i=a=3D@x.b\xc3\xbccher.test; bh=; b=AA==\r\n",
    ],
    "dkim_key": [
        b"v=DKIM1; k=ed25519; h=sha256; s=email; t=y:s; n=a=20b; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        b"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        b"",
    ],
    "arc_sets": [_chain(1), _chain(2)],
}
assert _VALID.keys() == PROMISES.keys()
