"""Reports on single messages that failed: DMARC's ruf= (RFC 9991, RFC 7489 7.3), DKIM's r=y (RFC 6651), SPF's ra=
(RFC 6652), in the form of RFC 6591.

The law: off unless the settings say otherwise. The header of the message goes out, never its body, never a recipient.
Never about a report or a bounce; never more in a day than the settings allow; nobody waits for it.
"""

import asyncio
import hashlib
from collections import Counter as Counts
from collections.abc import Iterator
from typing import Final, NamedTuple

import structlog
from prometheus_client import CollectorRegistry, Counter

from cluster.clock import Clock, Dice
from cluster.dns.resolver import Resolver
from cluster.errors import Trouble
from gateway.reports.posting import Post, Signer, Unsigned
from gateway.reports.settings import DAY_S, ReportSettings
from gateway.trust.driver import Asker
from gateway.trust.verdict import Dkim, Verdict
from mail.message.date import format_date
from mail.message.header import unfold, values
from mail.reports.compose import Mailing, feedback_message
from mail.trust.dmarc import DmarcResult
from mail.trust.dmarc_discovery import RegisteredDomain
from mail.trust.dmarc_reports import report_destinations
from mail.trust.failure_requests import Request, dkim_request, signatures_that_ask, spf_request
from mail.trust.names import a_label

AT_ONCE: Final = 16  # messages that are looked at; more are left out
HEAD_BYTES_MAX: Final = 64 * 1024  # of the header that is sent
DEADLINE_S: Final = 30.0
SIGNATURES_MAX: Final = 10
_FAILED: Final = frozenset({"fail", "policy", "neutral", "permerror"})
_DELIVERED: Final = {"none": "delivered", "quarantine": "spam", "reject": "reject"}
# RFC 6651 3.3: which letter of rr= a failed signature is for.
_DKIM_LETTERS: Final = {"fail": "v", "permerror": "s", "neutral": "o", "policy": "p", "temperror": "d"}
# RFC 6652 4: of an SPF result.
_SPF_LETTERS: Final = {"fail": "f", "softfail": "s", "neutral": "n", "none": "n", "temperror": "e", "permerror": "e"}

Fields = tuple[tuple[str, str], ...]


class Failed(NamedTuple):
    """What is reported to a domain: of RFC 6591 the kind of failure, and the fields that go with it."""

    domain: str
    failure: str
    fields: Fields


class Message(NamedTuple):
    """What is looked at. `applied`: none, quarantine or reject; `ident`: what traces call it."""

    verdict: Verdict
    applied: str
    head: bytes
    ident: str


def dmarc_failure(dmarc: DmarcResult, verdict: Verdict) -> Failed | None:
    """What a DMARC record wants to hear of, by its fo= (RFC 9989 4.7, RFC 7489 6.3)."""
    record = dmarc.record
    if record is None or not record.ruf or dmarc.result not in ("pass", "fail"):
        return None
    aligned = [name for name, is_so in (("dkim", dmarc.dkim_aligned), ("spf", dmarc.spf_aligned)) if is_so]
    alignment = (("Identity-Alignment", ", ".join(aligned) or "none"),)
    bad = next((one for one in verdict.dkim or () if one.result in _FAILED), None)
    spf = verdict.envelope.spf
    if ("0" in record.fo and not aligned) or ("1" in record.fo and len(aligned) < 2):
        return Failed(dmarc.policy_domain, "dmarc", (*alignment, *(_dkim_fields(bad) if bad is not None else ())))
    if "d" in record.fo and bad is not None:
        return Failed(dmarc.policy_domain, _dkim_kind(bad), (*alignment, *_dkim_fields(bad)))
    if "s" in record.fo and spf is not None and spf.result in ("fail", "softfail"):
        return Failed(dmarc.policy_domain, "spf", (*alignment, *_spf_fields(spf.domain, spf.record)))
    return None


def _dkim_kind(one: Dkim) -> str:
    """RFC 6591 3.3."""
    return "bodyhash" if "body" in one.why else "revoked" if "revoked" in one.why else "signature"


def _dkim_fields(one: Dkim) -> Fields:
    return (("DKIM-Domain", one.domain), ("DKIM-Selector", one.selector))


def _spf_fields(domain: str, record: str) -> Fields:
    return (("SPF-DNS", f'txt : {domain} : "{record}"'),) if record else ()


def may_be_told(message: Message) -> bool:
    """Not of what could be a report or a bounce: those who answer them with others would never end."""
    if not message.verdict.envelope.sender:
        return False
    kinds = [unfold(value).lower() for value in values(message.head, b"content-type")]
    automatic = [unfold(value).strip().lower() for value in values(message.head, b"auto-submitted")]
    return not any(kind.startswith(b"multipart/report") for kind in kinds) and all(it == b"no" for it in automatic)


class Failures:
    """Sends them. One a process."""

    def __init__(
        self,
        resolver: Resolver,
        post: Post,
        clock: Clock,
        dice: Dice,
        settings: ReportSettings,
        host: str,
        *,
        signer: Signer | None = None,
        registered_domain: RegisteredDomain | None = None,
        registry: CollectorRegistry | None = None,
    ) -> None:
        self._resolver = resolver
        self._post = post
        self._clock = clock
        self._dice = dice
        self._settings = settings
        self._host = host
        self._sender = settings.sender or f"noreply-dmarc@{host}"
        self._own = frozenset(address.lower() for address in (*settings.addresses, self._sender))
        self._signer = signer or Unsigned()
        self._registered = registered_domain
        self._running: set[asyncio.Task[None]] = set()
        self._day = 0
        self._today: Counts[str] = Counts()  # by domain; each has one at least, so as many as `failure_reports_day`
        self._log = structlog.get_logger()
        self._count = Counter(
            "rookery_failure_reports",
            "Reports on single messages, by what became of them.",
            ["outcome"],
            registry=registry or CollectorRegistry(),
        )

    def tell(self, verdict: Verdict | None, applied: str, head: bytes, ident: str, recipients: tuple[str, ...]) -> None:
        """Report on a message if somebody wants that, some time soon. Raises nothing."""
        if verdict is None or not self._settings.failure_reports:
            return
        message = Message(verdict, applied, head, ident)
        if any(recipient.lower() in self._own for recipient in recipients) or not may_be_told(message):
            return
        if len(self._running) >= AT_ONCE:
            self._count.labels("too many").inc()
            return
        task = asyncio.get_running_loop().create_task(self._look(message), name="failure report")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def stop(self) -> None:
        """Finish what was begun."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _look(self, message: Message) -> None:
        try:
            for wanted_by in (self._by_dmarc, self._by_dkim, self._by_spf):
                for failed, address in await wanted_by(message):
                    await self._send(message, failed, address)
        except Trouble as trouble:
            self._count.labels("failed").inc()
            self._log.warning("reports.failure_report", ident=message.ident, why=trouble.log)

    # -- who wants to know ---------------------------------------------------------------------------------------------

    async def _by_dmarc(self, message: Message) -> list[tuple[Failed, str]]:
        dmarc = message.verdict.dmarc
        failed = dmarc_failure(dmarc, message.verdict) if dmarc is not None else None
        if failed is None or dmarc is None or dmarc.record is None or not self._has_room(failed.domain):
            return []
        async with Asker(self._resolver, DEADLINE_S) as asker:
            found = await asker.run(
                report_destinations(dmarc.record, failed.domain, tag="ruf", registered_domain=self._registered)
            )
        return [(failed, one.address) for one in found if one.may_be_sent]

    async def _by_dkim(self, message: Message) -> list[tuple[Failed, str]]:
        bad = [one for one in message.verdict.dkim or () if one.result in _DKIM_LETTERS]
        asking = signatures_that_ask(message.head) if bad else frozenset()
        found = []
        for one in bad[:SIGNATURES_MAX]:
            domain = a_label(one.domain)
            if domain is None or (domain, one.selector.lower()) not in asking or not self._has_room(domain):
                continue
            request = await self._dkim_request(domain)
            if request is not None and self._is_wanted(request, _DKIM_LETTERS[one.result]):
                found.append((Failed(domain, _dkim_kind(one), _dkim_fields(one)), request.address))
        return found[:1]

    async def _dkim_request(self, domain: str) -> Request | None:
        answer = await self._resolver.ask(f"_report._domainkey.{domain}", "TXT")
        return dkim_request(answer.records[0], domain) if len(answer.records) == 1 else None

    async def _by_spf(self, message: Message) -> list[tuple[Failed, str]]:
        spf = message.verdict.envelope.spf
        if spf is None or spf.result not in _SPF_LETTERS or not self._has_room(spf.domain):
            return []
        request = spf_request(spf.record, spf.domain)
        if request is None or not self._is_wanted(request, _SPF_LETTERS[spf.result]):
            return []
        return [(Failed(spf.domain, "spf", _spf_fields(spf.domain, spf.record)), request.address)]

    def _is_wanted(self, request: Request, letter: str) -> bool:
        return request.is_for(letter) and self._dice.getrandbits(32) % 100 < request.percent

    # -- sending -------------------------------------------------------------------------------------------------------

    def _has_room(self, domain: str) -> bool:
        """Whether another may be sent to the domain today."""
        day = self._clock.now_ms() // 1000 // DAY_S
        if day != self._day:
            self._day, self._today = day, Counts()
        settings = self._settings
        has = self._today.total() < settings.failure_reports_day
        return has and self._today[domain] < settings.failure_reports_domain_day

    async def _send(self, message: Message, failed: Failed, address: str) -> None:
        if not self._has_room(failed.domain):
            self._count.labels("over limit").inc()
            return
        self._today[failed.domain] += 1
        name = hashlib.sha256(f"failure\0{message.ident}\0{failed.failure}\0{address}".encode("utf-8", "replace"))
        at_ms = self._clock.now_ms()
        mailing = Mailing(self._sender, (address,), name.hexdigest()[:32], self._host, at_ms)
        written = feedback_message(
            mailing,
            subject=f"Failure report for {failed.domain}",
            words=f"This is a report on a message that failed authentication ({failed.failure}) at {self._host}.\r\n",
            fields=tuple(self._fields(message, failed, at_ms)),
            headers=message.head[:HEAD_BYTES_MAX],
        )
        signed = await self._signer.sign(written, self._sender)
        await self._post.post(signed, address, sender="", name=name.digest())
        self._count.labels("sent").inc()
        self._log.info(
            "reports.failure_sent", ident=message.ident, domain=failed.domain, to=address, why=failed.failure
        )

    def _fields(self, message: Message, failed: Failed, at_ms: int) -> Iterator[tuple[str, str]]:
        """RFC 6591 3.1; who the message was for is nobody's business."""
        verdict = message.verdict
        yield "Feedback-Type", "auth-failure"
        yield "User-Agent", "Rookery"
        yield "Version", "1"
        yield "Auth-Failure", failed.failure
        yield "Original-Mail-From", f"<{verdict.envelope.sender}>"
        yield "Source-IP", verdict.envelope.ip
        yield "Arrival-Date", format_date(at_ms).decode()
        yield "Reported-Domain", failed.domain
        yield "Delivery-Result", _DELIVERED.get(message.applied, "other")
        results = verdict.authentication_results.partition(b":")[2]
        yield "Authentication-Results", unfold(results).decode("utf-8", "replace")
        yield from failed.fields
