"""Promises about what comes from other servers, filters and settings: DNS, records, policies, replies, milters, rules.
Part of promises.py."""

import asyncio
import contextlib
import gzip
import hashlib
from collections.abc import Callable
from typing import Any, Final

from cluster.dns import codec as dns
from cluster.errors import Misconfigured
from cluster.lookup.table import WrongTable, read_table
from cluster.rules.expression import Expression
from cluster.rules.facts import Failed, Missing
from cluster.rules.kinds import Kind
from mail.message.downgrade import Undowngradable, downgrade
from mail.message.header import fields
from mail.milter.apply import Envelope, apply
from mail.milter.codes import Command, Protocol, Response
from mail.milter.content import split
from mail.milter.errors import ProtocolError
from mail.milter.frames import frame
from mail.milter.machine import Client
from mail.smtp.client.capabilities import parse_hello
from mail.smtp.client.replies import LINE_BYTES_MAX, REPLY_BYTES_MAX, ReplyReader
from mail.smtp.replies import Reply
from mail.trust import authres, chain, dane, dmarc_record, mtasts, spf_record
from mail.trust.dmarc_reports import report_destinations
from mail.trust.questions import Question
from mail.trust.spf import check_mail_from
from tests.authorities import Certified
from tests.unit.gateway.web.world import World
from tests.unit.mail.trust.asking import Answer, Zone

_CERTIFIED: Final = Certified.root()


_RAW: Final = b"From: a@b.test\r\nSubject: x\r\nContent-Type: text/plain\r\n\r\nHello\r\n"


_RULES: Final = (
    't.matches(r"^(\\w+)@") && n > 3 || !(t in ["a", "b"])',
    "(yes ? n : -n) * 2 % 3 == 1",
    "names.exists(x, x.endsWith('y')) && names[1] == \"y\"",
    'in_network(t, ["10.0.0.0/8", "::/0"]) || lookup("l", t.lower(), "\\x41\\n") == "" || t in list("l")',
    "size(t) + int(f) / n - random(5)",
)


_MULTIPART: Final = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"


def _replies(data: bytes, step: int) -> tuple[list[Reply], str]:
    reader = ReplyReader()
    found: list[Reply] = []
    for start in range(0, len(data), step):
        reader.add(data[start : start + step])
        while (one := reader.next()) is not None:
            found.append(one)
        assert reader.waiting_bytes <= LINE_BYTES_MAX + REPLY_BYTES_MAX
    return found, reader.garbled


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
    """What comes on an HTTPS connection: the server refuses it, or takes it for requests that its handlers answer; it
    holds no more of it than its bounds, and ends when the client does.
    """
    asyncio.run(_web_request(data))


async def _web_request(data: bytes) -> None:
    world = World()
    world.gate.set()
    for before in (
        b"",
        b"GET /hello HTTP/1.1\r\nHost: x\r\n",
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: ",
    ):
        client = world.connect()
        await client.send(before + data)
        assert not client.wire.out or client.wire.out.startswith((b"HTTP/1.1 ", b"HTTP/1.0 "))
        await client.leave()
    assert not world.server._connections
    assert not [event for event, _ in world.log.said if event == "web.defect"]


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


FACTS: Final = {
    "t": "Bob@Example.org", "n": 7, "yes": True, "names": ("x", "y"), "f": 0.5,
}  # fmt: skip


KINDS: Final = {name: type(one) for name, one in FACTS.items()} | {"names": tuple[str, ...]}


_KINDS: Final = {
    Kind.BOOL: ("bool",), Kind.INT: ("int",), Kind.FLOAT: ("float", "int"), Kind.TEXT: ("str",),
    Kind.TEXTS: ("tuple",), Kind.INTS: ("tuple",),
}  # fmt: skip


def reply(data: bytes) -> None:
    """What an SMTP server says: replies, or once and for all none; whole equals byte by byte; what is kept is bounded
    and printable; offers are read from any of it.
    """
    whole, pieces = _replies(data, len(data) or 1), _replies(data, 1)
    assert whole == pieces
    for one in whole[0]:
        assert one.text.replace("\n", "").isprintable()
        assert parse_hello(one.text).extended


def downgraded(data: bytes) -> None:
    """A message for a server without 8BITMIME: 7-bit, or it is said why not."""
    for target in ("7BIT", "8BITMIME"):
        with contextlib.suppress(Undowngradable):
            assert downgrade(data, target).isascii() or target == "8BITMIME"


NETWORK: Final[dict[str, Callable[[bytes], None]]] = {
    one.__name__: one
    for one in (
        reply,
        downgraded,
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
VALID: Final[dict[str, list[bytes]]] = {
    "rule": [text.encode() for text in _RULES],
    "lookup_file": [b"# c\na=1 # x\n*.b=2\n10.0.0.0/8=3\n::/0\n", b'"a,b",1\n#\nc\n', b""],
    "milter": [
        b"\x10\0\x70" + frame(Response.ADDHEADER, b"A\0b\n\tc\0") + frame(Response.CONTINUE),
        b"\0\0\x70" + frame(Response.INSHEADER, b"\0\0\0\2A\0b\0") + frame(Response.REPLBODY, b"a\nb"),
        b"\0\0\x70" + frame(Response.CHGHEADER, b"\0\0\0\1From\0\0") + frame(Response.ACCEPT),
        b"\0\0\x70" + frame(Response.CHGFROM, b"<a@b.test>\0SIZE=1\0") + frame(Response.ADDRCPT, b"c@d.test\0"),
        b"\0\0\x70" + frame(Response.PROGRESS) + frame(Response.REPLYCODE, b"550-5.7.1 a\r\n550 5.7.1 b\0"),
        b"\0\0\x7f" + frame(Response.QUARANTINE, b"why\0") + frame(Response.DELRCPT, b"a@b.test\0"),
    ],
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
    "web_request": [
        b'GET /letters HTTP/1.1\r\nHost: a.test\r\nRange: bytes=0-1,3-\r\nIf-None-Match: W/"x"\r\n\r\n',
        (
            b"PUT /echo HTTP/1.1\r\nHost:\r\nContent-Encoding:gzip\r\n"
            b"Transfer-Encoding:chunked\r\n\r\n1\r\n\x1f\r\n0\r\n\r\n"
        ),
    ],
    "reply": [
        b"250-mx hello\r\n250-SIZE 1\r\n250-AUTH=PLAIN\r\n250 LIMITS RCPTMAX=5\r\n",
        b"550-5.1.1 no\r\n550 5.1.1 such user\r\n421 4.3.2 bye\n",
    ],
    "downgraded": [
        _MULTIPART + b"Content-Transfer-Encoding: 8bit\r\n\r\n\xff\r\n--b--\r\n",
        _MULTIPART.replace(b"mixed", b"signed") + b"\r\n\xff\r\n--b--\r\n",
        b"Subject: x\r\n\r\ncaf\xe9\r\n",
    ],
}
