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
from actors.report.types import Counted
from cluster.blobs.codec import pack, unpack
from cluster.config import load as load_settings
from cluster.errors import Corrupt, Misconfigured
from gateway.reports.receiving import summary
from gateway.reports.rows import Us, aggregates, tls_report
from mail.message.header import fields
from mail.message.record import encode, read_message
from mail.reports import aggregate as aggregate_reports
from mail.reports import arf, find
from mail.reports import tls as tls_reports
from mail.reports.errors import ReportError
from mail.reports.unpack import REPORT_BYTES_MAX, gzipped, unpacked
from mail.trust import authres, dmarc_record, failure_requests, spf_record, tlsrpt
from mail.trust.dmarc_reports import report_destinations
from mail.trust.questions import Question
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


def aggregate_report(data: bytes) -> None:
    """A DMARC aggregate report: ReportError, or one that is written and read as the same, and told in few words."""
    with contextlib.suppress(ReportError):
        report = aggregate_reports.parse(data)
        again = aggregate_reports.parse(aggregate_reports.render(report, rfc9990=True))
        assert again.begin_s == report.begin_s
        assert [one.count for one in again.records] == [one.count for one in report.records]
        _few_words(report)


def tls_session_report(data: bytes) -> None:
    """A TLS report: ReportError, or a report that is written and read as the same, and told in few words."""
    with contextlib.suppress(ReportError):
        report = tls_reports.parse(data)
        assert tls_reports.parse(tls_reports.render(report)) == report
        _few_words(report)


def feedback(data: bytes) -> None:
    """An abuse or failure report: ReportError, or one whose fields are written and read as the same."""
    with contextlib.suppress(ReportError):
        report = arf.parse(data)
        written = [(name, value) for name, values in report.fields.items() for value in values]
        again = arf.parse(arf.render([("feedback-type", report.type), *written]))
        assert again.type == " ".join(report.type.split())
        _few_words(report)


def _few_words(report: Any) -> None:
    told = summary(report, 1, "x.test", "ident", ())
    assert len(msgspec.msgpack.encode(told)) < 20_000
    assert told.passed >= 0
    assert told.failed >= 0


def packed_report(data: bytes) -> None:
    """A report as it was sent: ReportError, or no more bytes than a report may have; what was packed comes back."""
    assert unpacked(gzipped(data)) == data
    for begin in (b"", b"\x1f\x8b", b"PK\x03\x04", gzipped(b"x")):
        with contextlib.suppress(ReportError):
            assert len(unpacked(begin + data)) <= REPORT_BYTES_MAX


def report_message(data: bytes) -> None:
    """A message to a report address: reports and problems, in words, whatever it is."""
    for raw in (data, b"Content-Type: application/gzip\r\n\r\n" + data):
        found = find.reports_in(raw)
        assert all(isinstance(problem, str) for problem in found.problems)


def tlsrpt_record(data: bytes) -> None:
    """A TLS reporting record: none, or some URIs of two schemes."""
    for text in (data, b"v=TLSRPTv1; rua=" + data, b"v=TLSRPTv1; rua=mailto:a@x.test;" + data):
        record = tlsrpt.read(text)
        assert record is None or 0 < len(record.rua) <= tlsrpt.URIS_MAX
        assert record is None or all(uri.lower().startswith(("mailto:", "https:")) for uri in record.rua)


def failure_request(data: bytes) -> None:
    """A wish for failure reports: none, or an address of the domain itself."""
    head = b"DKIM-Signature: d=x.test; s=s; r=y; " + data + b"\r\n\r\n"
    assert all(len(pair) == 2 for pair in failure_requests.signatures_that_ask(head))
    text = data.decode("latin-1")
    for found in (failure_requests.dkim_request(data, "x.test"), failure_requests.spf_request(text, "x.test")):
        if found is not None:
            local, _, domain = found.address.rpartition("@")
            assert domain == "x.test"
            assert local.isascii()
            assert local.isprintable()
            assert not set(local) & set('@<>,;:"() ')
            assert 0 <= found.percent <= 100


def report_row(data: bytes) -> None:
    """A row of the ledger, of whatever version: left out, or in a report that is read back."""
    us = Us("mx.test", "o", "a@b")
    for report in aggregates([Counted(data, 3)], us, "x.test", 1):
        assert aggregate_reports.render(report)
    sessions = tls_report([Counted(data, 3)], us, "x.test", 1)
    assert sessions is None or tls_reports.render(sessions)


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
        aggregate_report,
        tls_session_report,
        feedback,
        packed_report,
        report_message,
        tlsrpt_record,
        failure_request,
        report_row,
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


def _row_of(row: Any) -> bytes:
    return msgspec.msgpack.encode(row)


_AGGREGATE: Final = (
    b"<feedback><report_metadata><org_name>o</org_name><report_id>r</report_id><date_range><begin>1</begin><end>2</end>"
    b"</date_range></report_metadata><policy_published><domain>x.test</domain><p>none</p></policy_published>"
    b"<record><row><source_ip>192.0.2.1</source_ip><count>3</count><policy_evaluated><disposition>none</disposition>"
    b"<dkim>pass</dkim><spf>fail</spf></policy_evaluated></row><identifiers><header_from>x.test</header_from>"
    b"</identifiers><auth_results><spf><domain>y.test</domain><result>pass</result></spf></auth_results></record>"
    b"</feedback>"
)
_TLS: Final = (
    b'{"organization-name":"o","date-range":{"start-datetime":"2016-04-01T00:00:00Z","end-datetime":"x"},'
    b'"report-id":"1","policies":[{"policy":{"policy-type":"sts","policy-domain":"x.test","policy-string":[]},'
    b'"summary":{"total-successful-session-count":1,"total-failure-session-count":2},"failure-details":'
    b'[{"result-type":"certificate-expired","failed-session-count":2}]}]}'
)
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
    "aggregate_report": [_AGGREGATE, _AGGREGATE.replace(b"</row>", b""), b"<!DOCTYPE x>" + _AGGREGATE],
    "tls_session_report": [_TLS, _TLS.replace(b"[]", b"[" * 3000), b"[" * 5000],
    "feedback": [b"Feedback-Type: abuse\r\nVersion: 1\r\nSource-IP: 192.0.2.1\r\nIncidents: 3\r\n\tx\r\n"],
    "packed_report": [gzipped(_AGGREGATE), gzipped(b"x" * 5000) * 3, gzipped(_TLS)[:-3]],
    "report_message": [
        b'Content-Type: multipart/report; boundary="b"\r\n\r\n--b\r\nContent-Type: message/feedback-report\r\n\r\n'
        b"Feedback-Type: abuse\r\n--b\r\nContent-Type: text/xml\r\n\r\n" + _AGGREGATE + b"\r\n--b--\r\n",
        gzipped(_TLS),
    ],
    "tlsrpt_record": [b"v=TLSRPTv1; rua=mailto:a@x.test,https://x.test/y; ext=1;", b"mailto:a@x.test , https://y.test"],
    "failure_request": [b"ra=a=2Bb; rp=10; rr=v:x", b"v=spf1 ra=a rp=10 rr=e:f -all"],
    "report_row": [
        _row_of(
            {
                "record": {
                    "source_ip": "192.0.2.1",
                    "count": 0,
                    "disposition": "none",
                    "dkim": "pass",
                    "spf": "fail",
                    "header_from": "x.test",
                },
                "policy": {"domain": "x.test", "p": "none"},
            }
        ),
        _row_of({"policy": {"policy-type": "sts"}, "ok": False, "failures": [{"result-type": "validation-failure"}]}),
        _NESTED,
    ],
}
assert _VALID.keys() == PROMISES.keys()
