"""Reports that come to our report addresses: read, counted, kept in few words.

The law: what comes is somebody's claim, and often hostile: it costs bounded time and memory, nothing of it is believed
beyond what is shown, and what cannot be read is told of. The same report again is the same. Mail never fails for it.
"""

import asyncio
import hashlib
from collections import Counter as Counts
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, Literal

import structlog
from prometheus_client import CollectorRegistry, Counter

from actors.report.client import Ledger
from actors.report.types import Received
from cluster.clock import Clock
from cluster.errors import Trouble
from gateway.reports.settings import ReportSettings
from mail.message.header import header_end
from mail.message.limits import DEFAULT as LIMITS
from mail.reports.aggregate import Aggregate, Record
from mail.reports.arf import Feedback
from mail.reports.find import Found, reports_in
from mail.reports.tls import TlsReport, failures
from mail.trust.author import author_of
from mail.trust.names import a_label

APART_FROM_BYTES: Final = 16 * 1024  # read in a thread: packed a hundred times as much can be in there
AT_ONCE: Final = 2  # messages that are read; each may take 100 MB for a moment
REPORTS_MAX: Final = 10  # of one message that are kept; real ones have one
WORST_MAX: Final = 10
TEXT_CHARS_MAX: Final = 200
PROBLEMS_MAX: Final = 10
_TIME_S_MAX: Final = 1 << 40


class Receiving:
    """Reads them. One a process."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        settings: ReportSettings,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._addresses = frozenset(_plain(address) for address in settings.addresses)
        self._room = asyncio.Semaphore(AT_ONCE)
        self._log = structlog.get_logger()
        registry = registry or CollectorRegistry()
        self._count = Counter(
            "rookery_reports_received",
            "Reports that came, by kind; of kind none: a message to a report address without one.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._dmarc = Counter(
            "rookery_reports_dmarc_messages",
            "Messages that others report for our domains, by result.",
            ["result"],
            registry=registry,
        )
        self._tls = Counter(
            "rookery_reports_tls_sessions",
            "Sessions that others report for our domains, by result.",
            ["result"],
            registry=registry,
        )

    def is_for(self, address: str) -> bool:
        """Whether what comes to an address is read."""
        return bool(self._addresses) and _plain(address) in self._addresses

    async def look(self, recipients: Sequence[str], message: bytes, ident: str) -> None:
        """Read a message that was accepted, if it is for one of our report addresses. Raises nothing."""
        if not any(map(self.is_for, recipients)):
            return
        async with self._room:
            if len(message) < APART_FROM_BYTES:
                found = reports_in(message)
            else:
                found = await asyncio.to_thread(reports_in, message)
        await self._keep(found, _sender(message), ident)

    async def _keep(self, found: Found, sender: str, ident: str) -> None:
        if not found.reports:
            self._count.labels("none", "damaged" if found.problems else "none").inc()
            self._log.warning("reports.unreadable", ident=ident, sender=sender, why=found.problems[:PROBLEMS_MAX])
            return
        for report in found.reports[:REPORTS_MAX]:
            received = summary(report, self._clock.now_ms(), sender, ident, found.problems)
            try:
                is_new = await self._ledger.keep(received)
            except Trouble as trouble:
                self._count.labels(received.kind, "lost").inc()
                self._log.warning("reports.lost", ident=ident, why=trouble.log)
                continue
            self._tell(received, is_new=is_new)

    def _tell(self, received: Received, *, is_new: bool) -> None:
        self._count.labels(received.kind, "new" if is_new else "again").inc()
        if not is_new:
            return
        counter = {"dmarc": self._dmarc, "tls": self._tls}.get(received.kind)
        if counter is not None:
            counter.labels("pass").inc(received.passed)
            counter.labels("fail").inc(received.failed)
        self._log.info(
            "reports.received",
            kind=received.kind,
            domain=received.domain,
            org=received.org,
            passed=received.passed,
            failed=received.failed,
            worst=[name for name, _count in received.worst[:3]],
            problems=len(received.problems),
            ident=received.ident,
        )


def summary(
    report: Aggregate | TlsReport | Feedback, at_ms: int, sender: str, ident: str, problems: Iterable[str] = ()
) -> Received:
    """A report in few words. `sender`: the domain in From of what brought it; reports of different senders are
    different, so nobody can take another one's place."""
    if isinstance(report, Aggregate):
        received = _of_aggregate(report)
    elif isinstance(report, TlsReport):
        received = _of_tls(report)
    else:
        received = _of_feedback(report, ident)
    about = (received.kind, sender, received.org, received.report_id, received.domain, str(received.begin_s))
    return Received(
        hashlib.sha256("\0".join(about).encode("utf-8", "replace")).digest()[:16],
        at_ms,
        received.kind,
        received.domain,
        received.org,
        sender,
        received.report_id,
        received.begin_s,
        received.end_s,
        received.passed,
        received.failed,
        received.worst,
        ident,
        tuple(_cut(text) for text in (*received.problems, *problems))[:PROBLEMS_MAX],
    )


def _of_aggregate(report: Aggregate) -> Received:
    passed, sources = 0, Counts[str]()
    for record in report.records:
        if _is_good(record):
            passed += record.count
        else:
            sources[record.source_ip] += record.count
    return Received(
        b"",
        0,
        "dmarc",
        _name(report.policy.domain),
        _cut(report.org_name),
        "",
        _cut(report.report_id),
        min(report.begin_s, _TIME_S_MAX),
        min(report.end_s, _TIME_S_MAX),
        passed,
        sources.total(),
        tuple(sources.most_common(WORST_MAX)),
        "",
        (*report.errors, *report.problems),
    )


def _is_good(record: Record) -> bool:
    return "pass" in (record.dkim, record.spf)


def _of_tls(report: TlsReport) -> Received:
    worst = Counts[str]()
    for domain, failure in failures(report):
        where = failure.receiving_mx_hostname or failure.receiving_ip or domain
        worst[_cut(f"{failure.result_type} {where}")] += failure.failed_session_count
    domains = [_name(one.policy.policy_domain) for one in report.policies]
    return Received(
        b"",
        0,
        "tls",
        next((domain for domain in domains if domain), ""),
        _cut(report.organization_name),
        "",
        _cut(report.report_id),
        _seconds(report.date_range.start_datetime),
        _seconds(report.date_range.end_datetime),
        sum(one.summary.total_successful_session_count for one in report.policies),
        sum(one.summary.total_failure_session_count for one in report.policies),
        tuple(worst.most_common(WORST_MAX)),
    )


def _of_feedback(report: Feedback, ident: str) -> Received:
    """Abuse reports have no id of their own: each message is one."""
    kind: Literal["abuse", "failure"] = "failure" if report.type == "auth-failure" else "abuse"
    incidents = report.first("incidents")
    count = int(incidents) if incidents.isascii() and incidents.isdigit() and len(incidents) <= 9 else 1
    source, what = report.first("source-ip"), report.first("auth-failure") or report.type
    return Received(
        b"",
        0,
        kind,
        _name(report.first("reported-domain")),
        _cut(report.first("reporting-mta").rpartition(";")[2].strip() or report.first("user-agent")),
        report_id=ident,
        failed=count,
        worst=((_cut(f"{what} {source}".strip()), count),),
    )


def _seconds(text: str) -> int:
    """0 for what cannot be read."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return 0
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    try:
        return max(0, int(moment.timestamp()))
    except (OverflowError, ValueError):
        return 0


def _sender(message: bytes) -> str:
    head = message[: header_end(message, 0, min(len(message), LIMITS.header_bytes_max))]
    domains = author_of(head).domains
    return _cut(domains[0].lower()) if len(domains) == 1 else ""


def _name(domain: str) -> str:
    return a_label(domain) or _cut(domain.lower())


def _plain(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local.lower()}@{a_label(domain) or domain.lower()}"


def _cut(text: str) -> str:
    return text[:TEXT_CHARS_MAX].encode("utf-8", "replace").decode()
