"""The courier that speaks SMTP and LMTP: a message, its plan, a connection from the pool, and one result a recipient.

The law: that of gateway/outbound/courier.py. A message is attempted in as many transactions as the server's limits
make of it, each of which must settle somebody.
"""

import asyncio
import ssl
from typing import Protocol

from actors.queue.types import SAID_BYTES_MAX, Envelope, Outcome, Result
from cluster.clock import Clock, Dice
from cluster.dns.resolver import Resolver
from cluster.rules import Tools
from gateway.outbound.bounces import classify
from gateway.outbound.choosing import Chooser
from gateway.outbound.connection import Connection, NotReady, Way
from gateway.outbound.dial import Demands, Dialer, Nowhere, Plan
from gateway.outbound.fitting import Fitted, Message, Misfit
from gateway.outbound.metrics import Metrics
from gateway.outbound.policysettings import Wish
from gateway.outbound.pool import SWEEP_S, Pool
from gateway.outbound.settings import MX, OutboundSettings
from gateway.outbound.tls import Observer, Policies, TlsOutcome, client_context
from mail.smtp.client.envelope import Transaction
from mail.smtp.client.events import Finished, Settled


class Log(Protocol):
    """A structlog logger, or one that behaves like it."""

    def info(self, event: str, **fields: object) -> object:
        """What happened."""
        ...


class Remote:
    """Implements Courier. To be made in a running loop, and closed in it."""

    def __init__(
        self,
        settings: OutboundSettings,
        *,
        hostname: str,
        resolver: Resolver,
        policies: Policies,
        clock: Clock,
        dice: Dice,
        log: Log,
        metrics: Metrics,
        tools: Tools | None = None,
        observe: Observer = lambda _outcome: None,
        context: ssl.SSLContext | None = None,
        sweep_s: float = SWEEP_S,
    ) -> None:
        """`tools`: what rules of the settings are asked with. `observe` is told of every TLS session and failure (RFC
        8460). `sweep_s`: how late a timeout may be."""
        self._clock = clock
        self._log = log
        self._metrics = metrics
        self._observe = observe
        self._chooser = Chooser(settings, tools or Tools(clock=clock, dice=dice))
        self._plain_route, self._plain_level = self._chooser.plain
        self._dialer = Dialer(settings, hostname, resolver, policies, clock, self._session, self._chooser.dress_plainly)
        self._pool = Pool(
            settings, hostname, policies, context or client_context(), dice, self._session, sweep_s=sweep_s
        )
        metrics.open.set_function(lambda: self._pool.connections)

    async def send(
        self,
        mail: Envelope,
        recipients: tuple[int, ...],
        body: bytes,
        *,
        route: str = "",
        retry: int = 0,
        cause: str = "",
        forced: bool = False,
    ) -> tuple[Result, ...]:
        """See Courier."""
        if not self._chooser.is_plain:
            return await self._send_by_rules(mail, recipients, body, (route, retry, cause), forced)
        plan = await self._dialer.plan(mail.domain, _demands(mail, route or self._plain_route, self._plain_level))
        return await self._send(mail, recipients, body, plan, forced)

    async def _send_by_rules(
        self, mail: Envelope, recipients: tuple[int, ...], body: bytes, given: tuple[str, int, str], forced: bool
    ) -> tuple[Result, ...]:
        """At the same time to all for whom the rules say different things."""
        groups: dict[object, tuple[Plan | Nowhere, list[int]]] = {}
        plan: Plan | Nowhere | None = None
        for recipient in recipients:
            if plan is None or self._chooser.by_recipient:
                plan = await self._plan_by_rules(mail, recipient, len(body), given)
            key = plan if isinstance(plan, Nowhere) else plan.key
            groups.setdefault(key, (plan, []))[1].append(recipient)
        sent = await asyncio.gather(
            *(self._send(mail, tuple(group), body, chosen, forced) for chosen, group in groups.values())
        )
        results: dict[int, Result] = {}
        for (_, group), settled in zip(groups.values(), sent, strict=True):
            results.update(zip(group, settled, strict=True))
        return tuple(results[recipient] for recipient in recipients)

    async def _plan_by_rules(
        self, mail: Envelope, recipient: int, size: int, given: tuple[str, int, str]
    ) -> Plan | Nowhere:
        route, retry, cause = given
        chooser = self._chooser
        facts = chooser.facts(mail, recipient, size, retry, cause)
        route = route or await chooser.route(facts) or self._dialer.route_of(mail.domain)
        facts["route"] = "" if route == MX else route
        plan = await self._dialer.plan(mail.domain, _demands(mail, route, await chooser.level(facts)))
        return plan if isinstance(plan, Nowhere) or chooser.leaves_plainly else await chooser.dress(plan, facts)

    async def _send(
        self, mail: Envelope, recipients: tuple[int, ...], body: bytes, plan: Plan | Nowhere, forced: bool
    ) -> tuple[Result, ...]:
        if isinstance(plan, Nowhere):
            result = Result(plan.outcome, status=plan.status, said=_cut(plan.said), cause=plan.cause)
            results = (result,) * len(recipients)
        else:
            if forced:
                self._pool.forgive(plan)
            delivery = _Delivery(self._pool, plan, Message(mail, body), recipients, self._clock)
            delivery.begin()
            try:
                results = await delivery.done
            finally:
                delivery.cut()
        self._tell(mail, results, len(body))
        return results

    async def close(self) -> None:
        """Let go of all connections; what is under way is deferred."""
        await self._pool.close()

    def _session(self, outcome: TlsOutcome) -> None:
        self._metrics.sessions.labels("failed" if outcome.failure else "good").inc()
        self._observe(outcome)

    def _tell(self, mail: Envelope, results: tuple[Result, ...], size: int) -> None:
        metrics = self._metrics
        worst = results[0]
        for result in results:
            if result.outcome == "delivered":
                metrics.delivered.inc()
            else:
                worst = result
                metrics.recipients.labels(result.outcome, result.cause).inc()
        if results[0].outcome == "delivered":
            metrics.bytes.inc(size)
        self._log.info(
            "outbound.attempt",
            id=mail.ident,
            domain=mail.domain,
            host=worst.host,
            ip=worst.ip,
            tls=worst.tls,
            outcome=worst.outcome,
            code=worst.code,
            status=worst.status,
            cause=worst.cause,
            recipients=len(results),
        )


def _demands(mail: Envelope, route: str, level: Wish) -> Demands:
    # RFC 8689 5: a bounce is not lost for want of REQUIRETLS
    return Demands(route, mail.require_tls and bool(mail.sender), mail.tls_optional and not mail.require_tls, level)


class _Delivery:
    """One message to one destination: a job of the pool, as often as it takes."""

    def __init__(self, pool: Pool, plan: Plan, message: Message, recipients: tuple[int, ...], clock: Clock) -> None:
        self.tries = 0
        self.done: asyncio.Future[tuple[Result, ...]] = asyncio.get_running_loop().create_future()
        self._pool = pool
        self._plan = plan
        self._message = message
        self._clock = clock
        known = message.mail.recipients
        self._recipients = [known[index] for index in recipients]
        self._results: list[Result | None] = [None] * len(recipients)
        self._left = list(range(len(recipients)))  # places in `recipients`
        self._taken: list[int] = []  # of the transaction under way
        self._on: Connection | None = None  # and where

    def begin(self) -> None:
        """Have it sent."""
        if self._left:
            self._pool.submit(self._plan, self)
        else:
            self._end()

    def cut(self) -> None:
        """Nobody waits for it any more: what is under way ends with its connection, and nothing begins. It would be
        there, and be sent again."""
        connection, self._on = self._on, None
        if connection is not None:
            connection.late()

    # -- a Job -----------------------------------------------------------------------------------------------------

    def transaction(self, connection: Connection) -> Transaction | None:
        """As the server can take it."""
        if self.done.done():
            return None
        fitted = self._message.fit(
            [self._recipients[place] for place in self._left],
            connection.client.capabilities,
            now_ms=self._clock.now_ms(),
            protected=connection.proof != "" and bool(connection.tls),
            final=connection.way.lmtp,
        )
        if isinstance(fitted, Misfit):
            self._all(_misfit(fitted, connection))
            return None
        return self._fitted(fitted, connection)

    def _fitted(self, fitted: Fitted, connection: Connection) -> Transaction | None:
        self._taken = [self._left[place] for place in fitted.taken]
        if fitted.misfits:
            for place, misfit in fitted.misfits.items():
                self._results[self._left[place]] = _misfit(misfit, connection)
            self._left = [place for place in self._left if self._results[place] is None]
            if not self._left:
                self._end()
        self._on = connection if fitted.transaction is not None else None
        return fitted.transaction

    def settled(self, connection: Connection, event: Finished) -> None:
        """Results for who was in the transaction; the others, and who was too many, are next."""
        self._on = None
        if self.done.done():
            return
        again: list[int] = []
        for place, settled in zip(self._taken, event.results, strict=True):
            if _too_many(settled):
                again.append(place)
            self._results[place] = _result(settled, connection)
        settled_some = len(again) < len(self._taken)
        rest = [place for place in self._left if self._results[place] is None]
        gone = connection.client.phase.value == "closed"
        self._left = sorted(rest + again) if settled_some and not gone else rest
        if not self._left:
            self._end()
            return
        self.tries = 0
        self._pool.submit(self._plan, self)

    def refused(self, why: str) -> None:
        """An address of it cannot be said."""
        self._all(Result("failed", status="5.1.3", said=_cut(why), cause="bad-mailbox"))

    def stranded(self, error: NotReady, way: Way | None) -> None:
        """No server could be had."""
        reply = error.reply
        host, ip = (way.host, way.address) if way else ("", "")
        outcome: Outcome = error.outcome
        if reply is None:
            self._all(Result(outcome, status=error.status, said=_cut(error.why), host=host, ip=ip, cause=error.cause))
        else:
            cause = classify(reply.code, reply.status, reply.text).cause
            said = _cut(reply.text.replace("\n", " "))
            self._all(Result(outcome, reply.code, reply.status, said, host, ip, cause=cause))

    # -- within ----------------------------------------------------------------------------------------------------

    def _all(self, result: Result) -> None:
        """The same for all that are left; who had a result of an earlier transaction keeps it."""
        for place in self._left:
            if self._results[place] is None:
                self._results[place] = result
        self._end()

    def _end(self) -> None:
        self._on = None
        if not self.done.done():
            self.done.set_result(tuple([result for result in self._results if result is not None]))


def _too_many(settled: Settled) -> bool:
    """RFC 5321 4.5.3.1.10: the rest may be sent at once, in another transaction."""
    reply = settled.reply
    if reply is None or settled.where != "rcpt" or settled.how != "deferred":
        return False
    return reply.status.endswith(".5.3") or (not reply.status and reply.code == 552)


def _result(settled: Settled, connection: Connection) -> Result:
    way, reply = connection.way, settled.reply
    if settled.how == "delivered":
        assert reply is not None
        return Result(
            "delivered",
            reply.code,
            reply.status,
            _cut(reply.text.replace("\n", " ")),
            way.host,
            way.address,
            connection.tls,
            connection.proof,
            not connection.client.capabilities.dsn and not way.lmtp,
            stored=not connection.client.capabilities.dsn and way.lmtp,
        )
    doubt = "" if settled.certain else " (the message had left: it may have been taken)"
    if reply is None:
        cause = "timeout" if "in time" in settled.why else "unreachable" if "lost" in settled.why else "protocol"
        said, code, status = settled.why, 0, "4.4.2"
    else:
        cause = classify(reply.code, reply.status, reply.text).cause
        said, code, status = reply.text.replace("\n", " "), reply.code, reply.status
    said = _cut(said, SAID_BYTES_MAX - len(doubt)) + doubt
    return Result(settled.how, code, status, said, way.host, way.address, connection.tls, connection.proof, cause=cause)


def _misfit(misfit: Misfit, connection: Connection) -> Result:
    way = connection.way
    return Result(
        "failed",
        status=misfit.status,
        said=_cut(misfit.said),
        host=way.host,
        ip=way.address,
        tls=connection.tls,
        proof=connection.proof,
        cause=misfit.cause,
    )


def _cut(text: str, bytes_max: int = SAID_BYTES_MAX) -> str:
    """As much of it as is kept."""
    if len(text) * 4 <= bytes_max:
        return text
    return text.encode()[:bytes_max].decode("utf-8", "ignore")
