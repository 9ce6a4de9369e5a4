"""Promises about bytes that were not written by us, or not as they are now: what may leave, and what must come back.

Each takes any bytes and raises AssertionError, or whatever else should not have left, when its promise is broken.
test_promises.py tries each for a moment in the suite, `python -m tests.fuzz.long NAME` for as long as one likes.
"""

import contextlib
import gzip
import hashlib
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
from cluster.dns import codec as dns
from cluster.errors import Corrupt, Misconfigured
from cluster.lookup.table import WrongTable, read_table
from cluster.rules.expression import Expression
from cluster.rules.facts import Failed, Missing
from cluster.rules.kinds import Kind
from gateway.web.http import BadRequest, read_request
from mail import proxy, sasl
from mail.message.header import fields
from mail.message.record import encode, read_message
from mail.milter.apply import Envelope, apply
from mail.milter.codes import Command, Protocol, Response
from mail.milter.content import split
from mail.milter.errors import ProtocolError
from mail.milter.frames import frame
from mail.milter.machine import Client
from mail.proxy.header import V2_BYTES_MAX
from mail.trust import authres, chain, dane, dmarc_record, mtasts, spf_record
from mail.trust.dmarc_reports import report_destinations
from mail.trust.questions import Question
from mail.trust.spf import check_mail_from
from ops.settings import Settings
from ops.transfer.maildir import Maildir
from ops.transfer.mbox import Mbox
from tests.authorities import Certified
from tests.fuzz import signatures
from tests.fuzz.signatures import SIGNATURES
from tests.unit.actors.directory.table import TableDirectory
from tests.unit.mail.trust.asking import Answer, Zone

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


def dns_response(data: bytes) -> None:
    """A response of a DNS server, behind its question and as it is: an answer or a failure, never an error."""
    for kind in dns.KINDS:
        question = dns.question(dns.wire_name("host.example.test"), kind)
        for message in (data, b"\0\7\x81\x80\0\1" + data[:6].ljust(6, b"\0") + question + data[6:]):
            if dns.is_answer(message, question):
                reply = dns.read(message, "host.example.test", kind)
                assert reply.status != "tempfail" or reply.why
                assert len(reply.records) <= dns.RECORDS_MAX


def dns_name(data: bytes) -> None:
    """A name that is asked for: sent as it is, or it is none; what was sent is read as the same."""
    name = data.decode("utf-8", "surrogateescape")
    if wire := dns.wire_name(name):
        question = dns.question(wire, "A")
        assert dns.is_answer(b"\0\7\x81\x80\0\1" + bytes(6) + dns.shaken(question, 2**4096 - 1), question)
        assert dns.read(b"\0\7\x81\x80\0\1" + bytes(6) + question, name, "A").status == "ok"


def mta_sts_policy(data: bytes) -> None:
    """An MTA-STS policy: BadPolicy, or one that prints as it was read."""
    with contextlib.suppress(mtasts.BadPolicy):
        policy = mtasts.read_policy(data)
        assert mtasts.read_policy(mtasts.render(policy)) == policy
        assert all(policy.names(host.replace("*", "x")) for host in policy.mx)


def mta_sts_record(data: bytes) -> None:
    """MTA-STS records: an id of letters and digits, or why there is none."""
    for texts in ([data], [b"v=STSv1;" + data], data.split(b"\n")):
        record = mtasts.read_record(texts)
        assert bool(record.why) != (record.id.isalnum() and record.id.isascii())


def tlsa(data: bytes) -> None:
    """TLSA records and certificates: none raises anything, and what does not belong together does not fit."""
    records = dane.usable([(data[0] % 5, data[1] % 3, data[2] % 4, data[3:])] if len(data) > 3 else [])
    whole = (_CERTIFIED.der, _CERTIFIED.spki, data)
    fitting = [digest for one in whole for digest in (one, hashlib.sha256(one).digest(), hashlib.sha512(one).digest())]
    for shown in ([data], [_CERTIFIED.der, data], [data, _CERTIFIED.der], []):
        assert not chain.match(shown, records, ("mx.example.test",), 1.0).ok or data[3:] in fitting


def web_request(data: bytes) -> None:
    """A request to our HTTPS listener: BadRequest with a status, or a request."""
    for head in (data, b"GET / HTTP/1.1\r\nHost: x\r\n" + data):
        with contextlib.suppress(BadRequest):
            assert read_request(head).method in ("GET", "HEAD")


def milter(data: bytes) -> None:
    """What a milter answers to its options and to a message, its first bytes the options: ProtocolError, or changes
    that can be carried out, after which the header holds the fields that it names, and every line ends in CRLF.
    """
    client = Client()
    client.negotiate()
    client.outgoing()
    with contextlib.suppress(ProtocolError):
        client.receive(frame(Command.OPTNEG, b"\0\0\0\6\0\0\1\xff\0" + data[:3]))
        content = split(_RAW)
        client.message(content)
        client.outgoing()
        client.receive(data[3:])
        client.outgoing()
        wanted = client.outcome.changes if client.outcome else ()
        after = apply(Envelope("a@b.test"), content, wanted, leading_space=Protocol.HDR_LEADSPC in client.protocol)
        again = split(after.content.join())
        assert [field.name for field in again.fields] == [field.name for field in after.content.fields]
        assert not {*b"\r\n"} & {*again.join().replace(b"\r\n", b"")}


FACTS: Final = {
    "t": "Bob@Example.org", "n": 7, "yes": True, "names": ("x", "y"), "f": 0.5,
}  # fmt: skip


KINDS: Final = {name: type(one) for name, one in FACTS.items()} | {"names": tuple[str, ...]}


def rule(data: bytes) -> None:
    """The text of a rule: Misconfigured with one sentence, or a rule that gives its kind or fails, for any facts."""
    text = data.decode("utf-8", "replace")
    told, compiled = "", None
    try:
        compiled = Expression.compile(text, KINDS)
    except Misconfigured as error:
        told = error.log
    if compiled is None:
        assert told.startswith("the rule «")
        assert "\n" not in told
        return
    for facts in (FACTS, FACTS | {"t": text, "n": -(2**70)}, {}):
        with contextlib.suppress(Failed):
            assert type(compiled.evaluate(facts)).__name__ in _KINDS[compiled.kind]


def lookup_file(data: bytes) -> None:
    """A file of a lookup, in each form and gzipped: WrongTable, or a table that can be asked anything."""
    for form in ("lines", "csv"):
        for file in (data, gzip.compress(data), b"\x1f\x8b" + data):
            with contextlib.suppress(WrongTable):
                table = read_table(file, form, bytes_max=1000, entries_max=50)
                assert len(table) <= 50
                for key in ("", "a.b", "10.0.0.1", "::1", data.decode("utf-8", "surrogateescape")):
                    assert isinstance(table.find(key), str | Missing)


PROMISES: Final[dict[str, Promise]] = SIGNATURES | {
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
        spf,
        dmarc,
        authentication_results,
        dns_response,
        dns_name,
        mta_sts_policy,
        mta_sts_record,
        tlsa,
        web_request,
        milter,
        rule,
        lookup_file,
    )
}


_KINDS: Final = {
    Kind.BOOL: ("bool",), Kind.INT: ("int",), Kind.FLOAT: ("float", "int"), Kind.TEXT: ("str",),
    Kind.TEXTS: ("tuple",), Kind.INTS: ("tuple",),
}  # fmt: skip


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
_CERTIFIED: Final = Certified.root()
_NESTED: Final = b"\x91" * 3000  # lists in lists, as msgpack has them
_RULES: Final = (
    't.matches(r"^(\\w+)@") && n > 3 || !(t in ["a", "b"])',
    "(yes ? n : -n) * 2 % 3 == 1",
    "names.exists(x, x.endsWith('y')) && names[1] == \"y\"",
    'in_network(t, ["10.0.0.0/8", "::/0"]) || lookup("l", t.lower(), "\\x41\\n") == "" || t in list("l")',
    "size(t) + int(f) / n - random(5)",
)
_VALID: Final[dict[str, list[bytes]]] = signatures.VALID | {
    "rule": [text.encode() for text in _RULES],
    "lookup_file": [b"# c\na=1 # x\n*.b=2\n10.0.0.0/8=3\n::/0\n", b'"a,b",1\n#\nc\n', b""],
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
    "milter": [
        b"\x10\0\x70" + frame(Response.ADDHEADER, b"A\0b\n\tc\0") + frame(Response.CONTINUE),
        b"\0\0\x70" + frame(Response.INSHEADER, b"\0\0\0\2A\0b\0") + frame(Response.REPLBODY, b"a\nb"),
        b"\0\0\x70" + frame(Response.CHGHEADER, b"\0\0\0\1From\0\0") + frame(Response.ACCEPT),
        b"\0\0\x70" + frame(Response.CHGFROM, b"<a@b.test>\0SIZE=1\0") + frame(Response.ADDRCPT, b"c@d.test\0"),
        b"\0\0\x70" + frame(Response.PROGRESS) + frame(Response.REPLYCODE, b"550-5.7.1 a\r\n550 5.7.1 b\0"),
        b"\0\0\x7f" + frame(Response.QUARANTINE, b"why\0") + frame(Response.DELRCPT, b"a@b.test\0"),
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
    "dns_response": [
        b"\0\1\0\0\0\0\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1",
        b"\0\1\0\0\0\0\xc0\x0c\0\5\0\1\0\0\0\x3c\0\2\xc0\x0c",
        b"\0\1\0\0\0\0\xc0\x0c\0\x0f\0\1\0\0\0\x3c\0\7\0\1\2mx\xc0\x11",
        b"\0\0\0\1\0\0\xc0\x0c\0\6\0\1\0\0\0\x3c\0\x16\0\0" + bytes(20),
    ],
    "dns_name": [b"host.example.test", b"_25._tcp.mx.test.", b"a..b", "bücher.test".encode(), b"a\\b.\xff"],
    "mta_sts_policy": [b"version: STSv1\r\nmode: enforce\nmx: a.test\nmx: *.b.test\nmax_age: 604800\n"],
    "mta_sts_record": [b"v=STSv1; id=20160831085700Z;", b"v=STSv1;id=a;x=y\nv=spf1"],
    "tlsa": [b"\3\1\1" + bytes(32), b"\2\0\0" + _CERTIFIED.der, b"\2\1\0" + _CERTIFIED.spki, _CERTIFIED.der],
    "web_request": [b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.example.test\r\n\r\n"],
}
assert _VALID.keys() == PROMISES.keys()
