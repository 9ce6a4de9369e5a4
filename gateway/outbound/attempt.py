"""One piece of work from the queue: it is tried, what came of it is reported, and what follows from it is told.

The law: what the remote server took is reported until the queue has it, however long that takes. A notice is sent only
when the queue says that it is owed, and is not owed any more only when it is durable.
"""

import asyncio
from typing import Final, NamedTuple, Protocol

from msgspec.structs import replace

from actors.queue.types import Envelope, Result, Shown, Work
from actors.trace.client import Tracing
from actors.trace.types import Fact, Note
from cluster.clock import Clock
from cluster.errors import Corrupt, NotFound, Trouble
from gateway.outbound.courier import Courier
from gateway.outbound.deliverysettings import DeliverySettings
from gateway.outbound.metrics import OutboundMetrics
from gateway.outbound.parts import Gate, Log, Notifying, Queue
from gateway.outbound.schedule import Schedule
from gateway.outbound.settling import Settled, given_up, pending, settle

REPORT_PAUSE_MAX_S: Final = 30.0  # between tries to report
REPORT_TRIES_MAX: Final = 240  # two hours: who has it may be sent it again after that
NOTICES_AT_ONCE: Final = 8  # each has its whole message in memory
LATER_S: Final = 60  # until something that does not answer here is asked again
_IN_NOBODYS_WORDS: Final = "deferred"


class Ended(NamedTuple):
    """How an attempt ended: a result for each recipient asked for; or none, and until when it waits."""

    recipients: tuple[int, ...] = ()
    results: tuple[Result, ...] = ()
    wait_until_ms: int = 0
    why: str = ""


class Settling(Protocol):
    """Hears of attempts."""

    def changed(self, mail: Envelope) -> None:
        """One has ended, and the queue knows how."""
        ...


class Attempts:
    """Makes them."""

    def __init__(
        self,
        queue: Queue,
        courier: Courier,
        schedule: Schedule,
        notices: Notifying,
        clock: Clock,
        settings: DeliverySettings,
        *,
        gate: Gate,
        tracing: Tracing,
        metrics: OutboundMetrics,
        log: Log,
        settled: Settling | None = None,
    ) -> None:
        """`settled`: who is told that something has become of mail."""
        self._queue = queue
        self._courier = courier
        self._schedule = schedule
        self._notices = notices
        self._clock = clock
        self._settings = settings
        self._gate = gate
        self._tracing = tracing
        self._metrics = metrics
        self._log = log
        self._settled = settled
        self._telling = asyncio.Semaphore(NOTICES_AT_ONCE)

    async def make(self, work: Work) -> Ended | None:
        """Try to deliver; None where there is nothing to report. Never raises Trouble."""
        now_ms, recipients = self._clock.now_ms(), pending(work)
        if self._schedule.too_late(work, now_ms):
            last = [work.fates[index].result or Result(_IN_NOBODYS_WORDS) for index in recipients]
            return Ended(recipients, tuple(given_up(work.mail, result, now_ms) for result in last))
        if now_ms + self._settings.attempt_max_s * 1000 > work.lease_ms:
            return Ended(wait_until_ms=now_ms, why="turn")
        try:
            leave = await self._gate.enter(work, cause_of(work, recipients))
        except Trouble:
            return Ended(wait_until_ms=now_ms + LATER_S * 1000, why="gate")
        if isinstance(leave, float | int):
            return Ended(wait_until_ms=now_ms + round(leave * 1000), why="throttle")
        try:
            return await self._sent(work, recipients)
        finally:
            leave.leave()

    async def _sent(self, work: Work, recipients: tuple[int, ...]) -> Ended | None:
        try:
            body = await self._queue.body(work)
        except NotFound:  # it has ended meanwhile
            return None
        except Corrupt as error:
            self._log.error("outbound.corrupt", id=work.id.hex(), why=error.log)
            lost = Result("failed", status="5.3.0", said=error.says, cause="system")
            return Ended(recipients, (lost,) * len(recipients))
        except Trouble:
            return Ended(wait_until_ms=self._clock.now_ms() + LATER_S * 1000, why="store")
        mail = replace(work.mail, domain=work.target) if work.target else work.mail
        begun = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._settings.attempt_max_s):
                results = await self._courier.send(
                    mail,
                    recipients,
                    body,
                    route=work.route,
                    retry=work.tries,
                    cause=cause_of(work, recipients),
                    forced=work.forced,
                )
        except TimeoutError:
            slow = Result(
                "deferred", status="4.4.2", said="The attempt took too long and was cut off.", cause="timeout"
            )
            results = (slow,) * len(recipients)
        except Exception as error:  # noqa: BLE001 - a defect of the courier's must not lose the message
            self._log.error("outbound.defect", id=work.id.hex(), error=repr(error), exc_info=error)
            broken = Result("deferred", status="4.3.0", said="An error inside this server.", cause="system", code=451)
            results = (broken,) * len(recipients)
        self._metrics.attempt_seconds.observe(self._clock.monotonic() - begun)
        return Ended(recipients, results)

    async def conclude(self, work: Work, ended: Ended) -> None:
        """Report an attempt, and do what follows. Never raises Trouble."""
        if not ended.results:
            await self.postpone(work, ended.wait_until_ms, ended.why)
            return
        settled = settle(work, zip(ended.recipients, ended.results, strict=True), self._schedule, self._clock.now_ms())
        for told in settled.told:
            self._metrics.results.labels(told.result.outcome, told.result.cause).inc(len(told.recipients))
        shown, _noted = await asyncio.gather(self._report(work, settled), self._note(work, settled))
        if shown is not None:
            if self._settled is not None:
                self._settled.changed(shown.mail)
            self._count(shown)
            await self.tell(work, shown)

    async def postpone(self, work: Work, until_ms: int, why: str, result: Result | None = None) -> None:
        """Let it wait longer, untried; `result`: why, in the words that others to the same destination heard. Who has
        waited for long enough is given up also here. Never raises Trouble."""
        self._metrics.postponed.labels(why).inc()
        if result is None:
            settled = Settled((), until_ms, ())
        else:
            both = ((index, result) for index in pending(work))
            settled = settle(work, both, self._schedule, self._clock.now_ms(), tried=False, wait_until_ms=until_ms)
        shown = await self._report(work, settled, tried=False)
        if shown is not None:
            await self.tell(work, shown)

    async def _report(self, work: Work, settled: Settled, *, tried: bool = True) -> Shown | None:
        """Until the queue has it; None where it does not want it, or did not answer for too long."""
        pause_s = 0.5
        for _try in range(REPORT_TRIES_MAX):
            try:
                return await self._queue.report(
                    work, settled.told, until_ms=settled.until_ms, owed=settled.owed, tried=tried
                )
            except Trouble as error:
                if not error.retry:
                    self._log.warning("outbound.report_refused", id=work.id.hex(), why=error.log)
                    return None
                delivered = any(told.result.outcome == "delivered" for told in settled.told)
                if not delivered and self._clock.now_ms() > work.lease_ms:  # it is somebody else's now
                    break
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, REPORT_PAUSE_MAX_S)
        self._log.error("outbound.unreported", id=work.id.hex(), attempt=work.attempt)
        return None

    async def tell(self, work: Work, shown: Shown | None = None) -> None:
        """Send the notices that are owed; `shown`: the entry, None where the work is all that is known of it. What
        cannot be sent now stays owed until the lease ends. Never raises Trouble."""
        try:
            if shown is None:
                shown = _as_lent(work)
            if not shown.owed:
                return
            async with self._telling:
                body = await self._body(work)
                for owed in shown.owed:
                    await self._notices.tell(shown, owed, body)
                    await self._queue.notified(work.id, owed)
                    self._metrics.notices.labels(owed.kind).inc()
        except Trouble as error:
            self._log.warning("outbound.notice_waits", id=work.id.hex(), why=error.log)

    async def _body(self, work: Work) -> bytes | None:
        try:
            return await self._queue.body(work)
        except (NotFound, Corrupt):
            return None

    def _count(self, shown: Shown) -> None:
        if shown.status in ("delivered", "failed"):
            age_ms = self._clock.now_ms() - shown.mail.queued_ms
            self._metrics.age_seconds.observe(max(age_ms, 0) / 1000)

    async def _note(self, work: Work, settled: Settled) -> None:
        mail, now_ms = work.mail, self._clock.now_ms()
        if not mail.ident:
            return
        facts = tuple(
            Fact(
                "attempt",
                told.result.outcome,
                now_ms,
                {
                    "recipients": [mail.recipients[index].address for index in told.recipients],
                    "destination": work.destination,
                    **{name: value for name in _TOLD if (value := getattr(told.result, name))},
                },
            )
            for told in settled.told
        )
        recipients = tuple(mail.recipients[index].address for told in settled.told for index in told.recipients)
        how = _worst(settled)
        await self._tracing.note(
            Note(
                mail.ident,
                f"{work.id.hex()}.{work.attempt}",
                now_ms,
                message_id=mail.message_id,
                sender=mail.sender,
                recipients=recipients,
                queue_ids=(work.id,),
                how=how,
                facts=facts,
                began_ms=mail.taken_ms,
            )
        )


def _as_lent(work: Work) -> Shown:
    """The entry that a lease for its notices alone is of."""
    return Shown(
        work.id, work.mail, "waiting", held=False, due_ms=0, attempts=work.attempt, fates=work.fates, owed=work.owed
    )


_TOLD: Final = ("code", "status", "said", "host", "ip", "tls", "proof", "relayed", "cause")


def _worst(settled: Settled) -> str:
    outcomes = {told.result.outcome for told in settled.told}
    return next(outcome for outcome in ("failed", "deferred", "delivered") if outcome in outcomes)


def cause_of(work: Work, recipients: tuple[int, ...]) -> str:
    """What became of the last attempt, in a word; empty where there was none."""
    for number in recipients:
        result = work.fates[number].result if number < len(work.fates) else None
        if result is not None and result.cause:
            return result.cause
    return ""
