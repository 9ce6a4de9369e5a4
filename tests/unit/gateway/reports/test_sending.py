"""One report: who is sent it, what it says, what happens when somebody cannot be sent it."""

import asyncio
import gzip
from base64 import b64decode

import pytest

from actors.report.types import DMARC, TLS
from cluster.errors import NotFound, Unavailable
from gateway.reports import sending
from mail.reports import aggregate, tls
from mail.reports.aggregate import Aggregate, Record
from mail.reports.find import reports_in
from mail.reports.tls import TlsReport
from mail.reports.unpack import unpacked
from tests.unit.gateway.reports.golden_files import same_as
from tests.unit.gateway.reports.world import DAY, RECORD, Posted, Session, Signature, World, verdict
from tests.unit.mail.reports import rfc7489_schema

OTHERS = RECORD.replace(b"rua=mailto:dmarc@x.test", b"rua=mailto:a@agent.test,mailto:b@rude.test,https://x.test/")
AGREED = {"x.test._report._dmarc.agent.test": {"TXT": [b"v=DMARC1"]}}


def xml_of(posted: Posted) -> bytes:
    """The report as it stands in a message."""
    raw = posted.message
    content = raw[raw.index(b"application/gzip") :].partition(b"\r\n\r\n")[2].partition(b"\r\n--")[0]
    return unpacked(b64decode(content))


async def test_an_aggregate_report_as_a_file() -> None:
    world = World(contact="https://mx.test/contact", organization="Example & Co")
    signatures = [Signature("pass", "y.test"), Signature("fail", "x.test", "s2")]
    failed = verdict(dkim=signatures, disposition="reject")
    await world.count(failed, failed, verdict("pass", sender="", spf="pass", spf_aligned=True, ip="2001:db8::1"))
    assert await world.reporter().send(DMARC, DAY, "x.test") == "sent"
    (posted,) = world.box.kept.values()
    assert (posted.recipient, posted.sender, posted.tls_optional) == ("dmarc@x.test", "noreply-dmarc@mx.test", False)
    same_as("aggregate.txt", posted.message)
    rfc7489_schema.check(xml_of(posted))
    (report,) = reports_in(posted.message).reports
    assert isinstance(report, Aggregate)
    assert [(record.source_ip, record.count, record.disposition) for record in report.records] == [
        ("192.0.2.1", 2, "reject"),
        ("2001:db8::1", 1, "none"),
    ]
    assert f"Message-ID: <{report.report_id}@mx.test>\r\n".encode() in posted.message


async def test_a_tls_report_as_a_file() -> None:
    world = World()
    await world.count(sessions=[Session(), Session(), Session("certificate-expired", "it ended in 2020")])
    assert await world.reporter().send(TLS, DAY, "x.test") == "sent"
    (posted,) = world.box.kept.values()
    assert (posted.recipient, posted.tls_optional) == ("tls@x.test", True)
    same_as("tls.txt", posted.message)
    (report,) = reports_in(posted.message).reports
    assert isinstance(report, TlsReport)
    assert tls.failures(report)[0][1].failed_session_count == 1


async def test_others_are_sent_reports_only_if_they_agree() -> None:
    world = World(AGREED | {"_dmarc.x.test": {"TXT": [OTHERS]}})
    await world.count(verdict())
    assert await world.reporter().send(DMARC, DAY, "x.test") == "sent"
    assert world.box.recipients == ["a@agent.test"]


async def test_who_does_not_want_it_any_more_is_not_sent_it() -> None:
    for now in ([], [b"v=DMARC1; p=none"], [RECORD, RECORD], [b"v=spf1"]):
        world = World({"_dmarc.x.test": {"TXT": now}})
        await world.count(verdict())
        assert await world.reporter().send(DMARC, DAY, "x.test") == "nobody"
        assert world.box.kept == {}


async def test_a_dns_that_does_not_answer_is_asked_later() -> None:
    world = World({"_dmarc.x.test": {"TXT": [OTHERS]}} | AGREED)
    await world.count(verdict(), sessions=[Session()])
    world.resolver.broken = {"_dmarc.x.test", "_smtp._tls.x.test"}
    assert await world.reporter().send(DMARC, DAY, "x.test") == "later"
    assert await world.reporter().send(TLS, DAY, "x.test") == "later"
    world.resolver.broken = {"x.test._report._dmarc.rude.test"}
    assert await world.reporter().send(DMARC, DAY, "x.test") == "later"
    assert world.box.recipients == ["a@agent.test"]


async def test_who_has_it_is_not_sent_it_again() -> None:
    record = RECORD.replace(b"rua=", b"rua=mailto:two@x.test,")
    world = World({"_dmarc.x.test": {"TXT": [record]}})
    await world.count(verdict())
    world.box.trouble = Unavailable("away")
    assert await world.reporter().send(DMARC, DAY, "x.test") == "later"
    world.box.trouble = None
    assert await world.reporter().send(DMARC, DAY, "x.test") == "sent"
    assert world.box.recipients == ["dmarc@x.test", "two@x.test"]
    asked = world.box.asked
    assert await world.reporter().send(DMARC, DAY, "x.test") == "sent"
    assert world.box.asked == asked


async def test_an_address_that_will_never_work_is_no_reason_to_try_again() -> None:
    world = World()
    await world.count(verdict())
    world.box.trouble = NotFound("nobody")
    assert await world.reporter().send(DMARC, DAY, "x.test") == "sent"


@pytest.mark.parametrize(
    ("limits", "recipients"), [(b"!10m", ["big@x.test", "small@x.test"]), (b"!1k", ["big@x.test"])]
)
async def test_who_takes_only_small_reports(limits: bytes, recipients: list[str]) -> None:
    rua = b"rua=mailto:big@x.test,mailto:small@x.test" + limits
    world = World({"_dmarc.x.test": {"TXT": [RECORD.replace(b"rua=mailto:dmarc@x.test", rua)]}})
    await world.count(verdict())
    assert await world.reporter().send(DMARC, DAY, "x.test") == "sent"
    assert world.box.recipients == recipients
    assert all(reports_in(posted.message).reports for posted in world.box.kept.values())


async def test_where_all_take_only_smaller_ones_they_are_told() -> None:
    world = World({"_dmarc.x.test": {"TXT": [RECORD.replace(b"mailto:dmarc@x.test", b"mailto:dmarc@x.test!1k")]}})
    await world.count(verdict())
    assert await world.reporter().send(DMARC, DAY, "x.test") == "sent"
    (posted,) = world.box.kept.values()
    same_as("too_large.txt", posted.message)


async def test_more_rows_than_a_report_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "ROWS_MAX", 5)
    world = World()
    await world.count(*(verdict(ip=f"192.0.2.{number}") for number in range(20)))
    await world.reporter().send(DMARC, DAY, "x.test")
    (posted,) = world.box.kept.values()
    (report,) = reports_in(posted.message).reports
    assert isinstance(report, Aggregate)
    assert len(report.records) == 5
    assert report.errors


async def test_a_large_report_is_made_in_a_thread_and_is_the_same() -> None:
    worlds = World(), World()
    for world in worlds:
        await world.count(*(verdict(ip=f"10.0.{number // 256}.{number % 256}") for number in range(700)))
    await worlds[0].reporter().send(DMARC, DAY, "x.test")
    reporter = worlds[1].reporter()
    results = [reporter.send(DMARC, DAY, "x.test") for _ in range(3)]
    assert await asyncio.gather(*results) == ["sent"] * 3
    assert worlds[0].box.kept == worlds[1].box.kept


async def test_a_report_of_twenty_thousand_rows_is_read_by_our_own_reader() -> None:
    row = Record("192.0.2.1", 1, "none", "fail", "fail", "x" * 60 + ".test", "y" * 60 + ".test", "z" * 60 + ".test")
    policy = aggregate.Published("x.test", p="none")
    report = Aggregate("o", "a@b", "id", 1, 2, policy, (row,) * 20_000)
    assert len(aggregate.parse(unpacked(gzip.compress(aggregate.render(report), 1))).records) == 20_000


# -- HTTPS -----------------------------------------------------------------------------------------------------------

WEB = {"_smtp._tls.x.test": {"TXT": [b"v=TLSRPTv1; rua=https://r.test/v1,mailto:tls@x.test,mailto:a@b@c"]}}


async def test_tls_reports_over_https_and_by_mail() -> None:
    world = World(WEB)
    await world.count(sessions=[Session()])
    world.web.why = "HTTP status 500"
    assert await world.reporter().send(TLS, DAY, "x.test") == "later"
    assert world.box.recipients == ["tls@x.test"]
    world.web.why = ""
    assert await world.reporter().send(TLS, DAY, "x.test") == "sent"
    assert await world.reporter().send(TLS, DAY, "x.test") == "sent"
    ((uri, body),) = world.web.taken
    assert uri == "https://r.test/v1"
    assert tls.parse(unpacked(body)).policies[0].summary.total_successful_session_count == 1
    assert world.box.asked == 1


async def test_nobody_wants_to_know_of_tls() -> None:
    world = World({"_smtp._tls.x.test": {"TXT": [b"v=TLSRPTv1"]}})
    await world.count(sessions=[Session()])
    assert await world.reporter().send(TLS, DAY, "x.test") == "nobody"
