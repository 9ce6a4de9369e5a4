"""Reports that come: kept once, counted, told of; and what hostile ones cost."""

import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from actors.report.client import Ledger
from actors.report.types import Received
from cluster.errors import Unavailable
from gateway.reports.receiving import REPORTS_MAX, Receiving, summary
from mail.reports import aggregate, tls
from mail.reports.aggregate import Aggregate, Published, Record
from mail.reports.arf import Feedback
from mail.reports.compose import Mailing, aggregate_message, feedback_message, tls_message
from mail.reports.tls import Applied, Failure, Policy, Range, Summary, TlsReport
from tests.unit.gateway.reports.world import World

ADDRESS = "dmarc@ours.test"
MAILING = Mailing("noreply@y.test", (ADDRESS,), "r1", "y.test", 1_700_000_000_000)
REPORT = Aggregate("Y Inc", "noreply@y.test", "r1", 1000, 2000, Published("Ours.test", p="none"), (
    Record("192.0.2.1", 3, "none", "pass", "fail", "ours.test"),
    Record("192.0.2.2", 5, "none", "fail", "fail", "ours.test"),
    Record("192.0.2.3", 7, "none", "fail", "fail", "ours.test"),
    Record("192.0.2.2", 4, "none", "fail", "fail", "ours.test"),
))  # fmt: skip
TLS = TlsReport("Y Inc", Range("2016-04-01T00:00:00Z", "2016-04-01T23:59:59Z"), "t1", [
    Applied(Policy("sts", policy_domain="ours.test"), Summary(10, 3), [
        Failure("certificate-expired", 2, receiving_mx_hostname="mx.ours.test"), Failure("validation-failure", 1),
    ]),
])  # fmt: skip


def aggregate_mail(report: Aggregate = REPORT) -> bytes:
    xml = aggregate.render(report)
    return aggregate_message(MAILING, domain="ours.test", submitter="y.test", begin_s=1, end_s=2, xml=xml)


def attached(content: bytes, kind: str = "application/gzip", name: str = "report.xml.gz") -> bytes:
    message = EmailMessage()
    message["From"] = "noreply@y.test"
    message.add_attachment(content, maintype=kind.partition("/")[0], subtype=kind.partition("/")[2], filename=name)
    return message.as_bytes()


class Town(World):
    def __init__(self, **settings: Any) -> None:
        super().__init__(**({"addresses": ("Dmarc@OURS.test", "fbl@bücher.test")} | settings))
        self.receiving = Receiving(self.ledger, self.clock, self.settings, self.registry)

    async def come(self, message: bytes, to: str = ADDRESS) -> list[Received]:
        self.clock.advance(1)
        await self.receiving.look([to], message, "ident.1")
        return await self.ledger.newest(100)

    def sample(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0


async def test_an_aggregate_report_in_few_words() -> None:
    town = Town()
    (kept,) = await town.come(aggregate_mail())
    assert (kept.kind, kept.domain, kept.org, kept.sender) == ("dmarc", "ours.test", "Y Inc", "y.test")
    assert (kept.report_id, kept.begin_s, kept.end_s, kept.ident) == ("r1", 1000, 2000, "ident.1")
    assert (kept.passed, kept.failed) == (3, 16)
    assert kept.worst == (("192.0.2.2", 9), ("192.0.2.3", 7))
    assert town.sample("rookery_reports_dmarc_messages_total", result="fail") == 16
    assert await town.ledger.read(kept.id) == kept


async def test_a_tls_report_in_few_words() -> None:
    town = Town()
    message = tls_message(MAILING, domain="ours.test", submitter="y.test", begin_s=1, end_s=2, json=tls.render(TLS))
    (kept,) = await town.come(message)
    assert (kept.kind, kept.domain, kept.passed, kept.failed) == ("tls", "ours.test", 10, 3)
    assert (kept.begin_s, kept.end_s) == (1_459_468_800, 1_459_555_199)
    assert kept.worst == (("certificate-expired mx.ours.test", 2), ("validation-failure ours.test", 1))
    assert town.sample("rookery_reports_tls_sessions_total", result="pass") == 10


async def test_abuse_and_failure_reports_in_few_words() -> None:
    town = Town()
    for kind in ("abuse", "auth-failure"):
        fields = [("Feedback-Type", kind), ("Reported-Domain", "Ours.test"), ("Source-IP", "192.0.2.1")]
        fields += [("Incidents", "4"), ("Reporting-MTA", "dns; mx.y.test"), ("Auth-Failure", "spf" * (kind != "abuse"))]
        await town.come(feedback_message(MAILING, subject="s", words="w", fields=fields, headers=b"A: b\r\n"))
    failure, abuse = await town.ledger.newest(9)
    assert (abuse.kind, abuse.domain, abuse.org, abuse.failed) == ("abuse", "ours.test", "mx.y.test", 4)
    assert abuse.worst == (("abuse 192.0.2.1", 4),)
    assert (failure.kind, failure.worst) == ("failure", (("spf 192.0.2.1", 4),))


async def test_the_same_again_is_kept_once() -> None:
    town = Town()
    assert len(await town.come(aggregate_mail())) == 1
    assert len(await town.come(aggregate_mail())) == 1
    assert town.sample("rookery_reports_received_total", kind="dmarc", outcome="again") == 1
    assert town.sample("rookery_reports_dmarc_messages_total", result="fail") == 16
    other = aggregate_mail().replace(b"noreply@y.test", b"noreply@z.test")
    assert len(await town.come(other)) == 2  # somebody else's, whatever it claims to be


async def test_only_what_comes_to_a_report_address_is_read() -> None:
    town = Town()
    assert await town.come(aggregate_mail(), "me@ours.test") == []
    assert town.receiving.is_for("DMARC@ours.test")
    assert town.receiving.is_for("FBL@xn--bcher-kva.test")
    assert not Town(addresses=()).receiving.is_for(ADDRESS)


async def test_many_reports_in_one_message_are_cut() -> None:
    mail = EmailMessage()
    mail["From"] = "a@y.test"
    for number in range(REPORTS_MAX + 5):
        content = aggregate.render(aggregate.parse(aggregate.render(REPORT).replace(b"r1", b"%d" % number)))
        mail.add_attachment(content, maintype="text", subtype="xml", filename=f"{number}.xml")
    assert len(await Town().come(mail.as_bytes())) == REPORTS_MAX


async def test_a_ledger_that_is_away_costs_the_report_only() -> None:
    class Away(Ledger):
        async def keep(self, report: Received) -> bool:
            raise Unavailable("away")

    town = Town()
    receiving = Receiving(Away(town.store, town.clock), town.clock, town.settings, registry := CollectorRegistry())
    await receiving.look([ADDRESS], aggregate_mail(), "ident.1")
    lost = {"kind": "dmarc", "outcome": "lost"}
    assert registry.get_sample_value("rookery_reports_received_total", lost) == 1


def test_dates_that_cannot_be_read_and_numbers_that_are_too_large() -> None:
    for start in ("yesterday", "", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2016-04-01T00:00:00"):
        report = TlsReport("o", Range(start, start), "id", [])
        assert summary(report, 1, "", "").begin_s in (0, 1_459_468_800, 253_402_387_139)
    feedback = Feedback("abuse", {"incidents": ("9" * 400,)})
    assert summary(feedback, 1, "", "").failed == 1


# -- hostile ones ------------------------------------------------------------------------------------------------------

ZEROS = 200 * 1024 * 1024


def _zip(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("report.xml", content)
    return out.getvalue()


ENTITIES = b'<!DOCTYPE f [<!ENTITY a "%s">%s]><feedback>&z;</feedback>' % (
    b"a" * 100,
    b"".join(b'<!ENTITY %c "&%c;&%c;">' % (98 + n, 97 + n, 97 + n) for n in range(24)),
)
HOSTILE: dict[str, Callable[[], bytes]] = {
    "gzip bomb": lambda: gzip.compress(bytes(ZEROS), 9),
    "gzip in gzip": lambda: gzip.compress(gzip.compress(bytes(ZEROS), 9), 9),
    "zip bomb": lambda: _zip(bytes(ZEROS)),
    "many gzip members": lambda: gzip.compress(b"<feedback>" * 10) * 20_000,
    "entities": lambda: ENTITIES,
    "external entity": lambda: b'<!DOCTYPE f [<!ENTITY x SYSTEM "file:///etc/passwd">]><feedback>&x;</feedback>',
    "deep": lambda: gzip.compress(b"<a>" * 1_000_000),
    "deep json": lambda: b'{"a":' + b"[" * 1_000_000,
    "open comment": lambda: b"<feedback>" + b"<!--" * 500_000,
    "open cdata": lambda: b"<feedback>" + b"<![CDATA[" * 200_000,
    "open tags": lambda: b"<feedback>" + b"<a " * 500_000,
    "long text": lambda: b"<feedback><x>" + b"&amp;" * 2_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_report_costs_bounded_memory_and_is_told_of(name: str) -> None:
    town = Town()
    message = attached(HOSTILE[name]())
    tracemalloc.start()
    try:
        assert await town.come(message) == []
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(message) * 4 + 300 * 1024 * 1024
    assert town.sample("rookery_reports_received_total", kind="none", outcome="damaged") == 1


async def test_more_records_than_are_read_are_told_of() -> None:
    record = b"<record><row><source_ip>1.1.1.1</source_ip><count>1</count></row></record>"
    head = b"<feedback><policy_published><domain>x.test</domain></policy_published>"
    town = Town()
    assert await town.come(attached(gzip.compress(head + record * 400_000))) == []
    assert town.sample("rookery_reports_received_total", kind="none", outcome="damaged") == 1
