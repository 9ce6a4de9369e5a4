"""One report: a domain's day of one kind, made from its counts and sent to everybody who wants it.

The law: who wants it is asked anew, and others' addresses only with their consent. Each is sent it once: its name comes
from the day, the domain and the address, and who has it is written down. A report that was made twice is the same one.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal, TypeAlias, TypeVar

import structlog
from prometheus_client import CollectorRegistry, Counter

from actors.report.client import Ledger
from actors.report.types import DMARC, TLS, Counted
from cluster.dns.resolver import Resolver
from cluster.errors import Trouble
from gateway.reports.https import Poster
from gateway.reports.posting import Post, Signer, Unsigned
from gateway.reports.rows import DAY_S, ROWS_MAX, Us, aggregates, tls_report
from gateway.reports.settings import ReportSettings
from gateway.trust.driver import Asker
from mail.reports import aggregate, tls
from mail.reports.aggregate import Aggregate
from mail.reports.compose import Mailing, aggregate_message, error_message, tls_message
from mail.reports.tls import TlsReport
from mail.reports.unpack import gzipped
from mail.trust import tlsrpt
from mail.trust.dmarc_discovery import RegisteredDomain, records_in
from mail.trust.dmarc_record import read
from mail.trust.dmarc_reports import ReportDestination, mailto, report_destinations
from mail.trust.names import can_be_asked

T = TypeVar("T")

Ended: TypeAlias = Literal["sent", "nobody", "later"]
"""sent: everybody has it. nobody: nobody wants it, or may be sent it. later: it has to be tried again."""

APART_FROM_ROWS: Final = 500  # made in a thread: 10 ms and more of the loop's; one at a time, each may take 50 MB
DEADLINE_S: Final = 60.0  # for the DNS, one report; nobody waits for it
NAMES: Final = {DMARC: "dmarc", TLS: "tls"}


class Reporter:
    """Makes and sends them. One a process."""

    def __init__(
        self,
        ledger: Ledger,
        resolver: Resolver,
        post: Post,
        settings: ReportSettings,
        host: str,
        *,
        signer: Signer | None = None,
        https: Poster | None = None,
        registered_domain: RegisteredDomain | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        """`host`: the name this server gives itself, the same on all of a cluster. `https`: None: only mail.
        `registered_domain`: a public suffix list, instead of walking the tree."""
        self._ledger = ledger
        self._resolver = resolver
        self._post = post
        self._host = host
        self._signer = signer or Unsigned()
        self._https = https
        self._registered = registered_domain
        sender = settings.sender or f"noreply-dmarc@{host}"
        self._us = Us(host, settings.organization or host, sender, settings.contact)
        self._thread = asyncio.Semaphore(1)
        self._log = structlog.get_logger()
        self._sent = Counter(
            "rookery_reports_sent",
            "Reports sent, by kind and how it ended for one of those who want them.",
            ["kind", "outcome"],
            registry=registry or CollectorRegistry(),
        )

    async def send(self, kind: bytes, day: int, domain: str) -> Ended:
        """Send a report. Raises Unavailable of the ledger."""
        return await (self._dmarc(day, domain) if kind == DMARC else self._tls(day, domain))

    # -- DMARC ---------------------------------------------------------------------------------------------------------

    async def _dmarc(self, day: int, domain: str) -> Ended:
        found = await self._dmarc_destinations(domain)
        if found is None:
            return "later"
        willing = [one for one in found if one.may_be_sent]
        unknown = any(one.consent == "unknown" for one in found)
        for one in found:
            if one.consent == "refused":
                self._note("dmarc", "refused", day, domain, one.asked, one.why)
        if not willing:
            return "later" if unknown else "nobody"
        counted = await self._ledger.counted(DMARC, day, domain, ROWS_MAX)
        mails = await self._apart(len(counted), lambda: self._dmarc_mails(counted, day, domain, willing))
        if not mails:
            return "nobody"
        done = [await self._mail(DMARC, day, domain, *mail) for mail in mails]
        return "sent" if all(done) and not unknown else "later"

    async def _dmarc_destinations(self, domain: str) -> tuple[ReportDestination, ...] | None:
        """Of the record that is there now; None: the DNS does not say."""
        name = f"_dmarc.{domain}"
        if not can_be_asked(name):
            return ()
        answer = await self._resolver.ask(name, "TXT")
        if answer.status == "tempfail":
            return None
        texts = records_in(answer)
        record = read(texts[0]) if len(texts) == 1 else None
        if record is None or not record.rua:
            return ()
        async with Asker(self._resolver, DEADLINE_S) as asker:
            found: tuple[ReportDestination, ...] = await asker.run(
                report_destinations(record, domain, registered_domain=self._registered)
            )
        return found

    def _dmarc_mails(
        self, counted: Sequence[Counted], day: int, domain: str, to: Sequence[ReportDestination]
    ) -> list[tuple[str, str, bytes]]:
        """The reports of a domain's day as messages: their names, to whom they go."""
        found: list[tuple[str, str, bytes]] = []
        for report in aggregates(counted, self._us, domain, day, is_whole=len(counted) < ROWS_MAX):
            xml = aggregate.render(report)
            made = [(one, self._aggregate_message(report, domain, one.address, xml)) for one in to]
            fitting = [
                (report.report_id, one.address, message)
                for one, message in made
                if not one.size_bytes_max or len(message) <= one.size_bytes_max
            ]
            found += fitting or self._too_large(report.report_id, day, domain, to, len(made[0][1]))
        return found

    def _too_large(
        self, name: str, day: int, domain: str, to: Sequence[ReportDestination], size_bytes: int
    ) -> list[tuple[str, str, bytes]]:
        """What all are told where none takes as much (RFC 7489 7.2.2)."""
        uris = [one.uri for one in to]
        return [
            (
                name,
                one.address,
                error_message(
                    self._mailing(name, one.address, day),
                    domain=domain,
                    submitter=self._us.host,
                    size_bytes=size_bytes,
                    uris=uris,
                ),
            )
            for one in to
        ]

    def _aggregate_message(self, report: Aggregate, domain: str, address: str, xml: bytes) -> bytes:
        day = report.begin_s // DAY_S
        return aggregate_message(
            self._mailing(report.report_id, address, day),
            domain=domain,
            submitter=self._us.host,
            begin_s=report.begin_s,
            end_s=report.end_s,
            xml=xml,
        )

    # -- TLS -----------------------------------------------------------------------------------------------------------

    async def _tls(self, day: int, domain: str) -> Ended:
        async with Asker(self._resolver, DEADLINE_S) as asker:
            wanted: tlsrpt.Wanted = await asker.run(tlsrpt.wanted_by(domain))
        if wanted.status != "found":
            return "later" if wanted.status == "unknown" else "nobody"
        counted = await self._ledger.counted(TLS, day, domain, ROWS_MAX)
        report = await self._apart(len(counted), lambda: tls_report(counted, self._us, domain, day))
        if report is None:
            return "nobody"
        results = [await self._tls_to(day, domain, report, uri) for uri in wanted.rua]
        return "sent" if all(results) else "later"

    async def _tls_to(self, day: int, domain: str, report: TlsReport, uri: str) -> bool:
        """Whether it has it, or never will."""
        content = tls.render(report)
        if uri.lower().startswith("https:"):
            return await self._tls_over_https(day, domain, uri, gzipped(content))
        address = mailto(uri)
        if not address:
            self._note("tls", "refused", day, domain, uri, "no mail address")
            return True
        message = tls_message(
            self._mailing(report.report_id, address, day),
            domain=domain,
            submitter=self._us.host,
            begin_s=day * DAY_S,
            end_s=(day + 1) * DAY_S - 1,
            json=content,
        )
        return await self._mail(TLS, day, domain, report.report_id, address, message)

    async def _tls_over_https(self, day: int, domain: str, uri: str, content: bytes) -> bool:
        if self._https is None:
            self._note("tls", "refused", day, domain, uri, "HTTPS is not used here")
            return True
        if await self._ledger.is_sent(TLS, day, domain, uri):
            return True
        why = await self._https(uri, content)
        self._note("tls", "failed" if why else "sent", day, domain, uri, why)
        if not why:
            await self._ledger.sent(TLS, day, domain, uri)
        return not why

    # -- both ----------------------------------------------------------------------------------------------------------

    async def _apart(self, rows: int, make: Callable[[], T]) -> T:
        """What is made of so many rows, in a thread where they are many."""
        if rows < APART_FROM_ROWS:
            return make()
        async with self._thread:
            return await asyncio.to_thread(make)

    def _mailing(self, name: str, address: str, day: int) -> Mailing:
        """Dated when the day had ended: the same whenever it is made."""
        return Mailing(self._us.email, (address,), name, self._us.host, (day + 1) * DAY_S * 1000)

    async def _mail(self, kind: bytes, day: int, domain: str, name: str, address: str, message: bytes) -> bool:
        """Queue it; whether it is, or never will be."""
        whom = f"{name} {address}"
        if await self._ledger.is_sent(kind, day, domain, whom):
            return True
        idem = hashlib.sha256(f"report\0{name}\0{address}".encode("utf-8", "replace")).digest()
        try:
            signed = await self._signer.sign(message, self._us.email)
            await self._post.post(signed, address, sender=self._us.email, name=idem, tls_optional=kind == TLS)
        except Trouble as trouble:
            self._note(NAMES[kind], "failed", day, domain, address, trouble.log)
            return not trouble.retry
        await self._ledger.sent(kind, day, domain, whom)
        self._note(NAMES[kind], "sent", day, domain, address)
        return True

    def _note(self, kind: str, outcome: str, day: int, domain: str, to: str, why: str = "") -> None:
        self._sent.labels(kind, outcome).inc()
        known: dict[str, Any] = {"kind": kind, "day": day, "domain": domain, "to": to}
        if why:
            known["why"] = why
        (self._log.info if outcome == "sent" else self._log.warning)(f"reports.{outcome}", **known)
