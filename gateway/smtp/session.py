"""What one client is told: from each event of the protocol machine to an answer, asking the directory and the intake.

Knows no socket, so that tests need none. Law: a message is answered positively only when `delivery` said that it is
durable, and every event is answered exactly once, whatever goes wrong.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from actors.directory.types import Local, NotLocal, Principal
from cluster.clock import Clock, Dice
from cluster.errors import Trouble
from gateway.smtp import delivery, header, lookups, replies, trace
from gateway.smtp.login import Login, pause_after_failure
from gateway.smtp.memory import Memory
from gateway.smtp.metrics import ListenerMetrics
from gateway.smtp.partly import Partly
from gateway.smtp.parts import Directory, Intake, Log
from gateway.smtp.settings import SmtpSettings
from mail import sasl
from mail.smtp.events import (
    Auth,
    AuthCancelled,
    AuthResponse,
    Event,
    Expand,
    Hello,
    MailFrom,
    Message,
    RcptTo,
    Rejected,
    Verify,
)
from mail.smtp.machine import Server
from mail.smtp.replies import Reply
from mail.smtp.states import Role


@dataclass(frozen=True, slots=True)
class World:
    """What all sessions of a gateway share."""

    directory: Directory
    intake: Intake
    settings: SmtpSettings
    log: Log
    clock: Clock
    dice: Dice
    host_name: str
    """Our name in greetings and Received fields."""
    partly: Partly
    sasl_secret: bytes
    """The server's own, 16 bytes or more, the same over restarts: it hides which logins exist."""


class Session:
    """The decisions of one connection."""

    def __init__(
        self, machine: Server, world: World, metrics: ListenerMetrics, memory: Memory, *, ip: str, ident: str
    ) -> None:
        """`ident` names the connection in the log; a message is `ident` and its number."""
        self.machine = machine
        self.principal: Principal | None = None
        self.bindings: tuple[sasl.Binding, ...] = ()
        """What SCRAM can be bound to; the connection knows, once TLS is active."""
        self._world = world
        self._metrics = metrics
        self._memory = memory
        self._ip = ip
        self._ident = ident
        self._login: Login | None = None
        self._login_failures = 0
        self._targets: list[tuple[int, ...]] = []
        self._messages = 0

    async def answer(self, event: Event) -> None:
        """Answer one event. StartTls is not for here: it needs the connection."""
        handler = _HANDLERS.get(type(event))
        if handler is None:
            self.machine.accept()
            return
        try:
            await handler(self, event)
        except Trouble as trouble:
            self._world.log.warning("smtp.trouble", id=self._ident, event_type=type(event).__name__, why=trouble.log)
            self.machine.send(*self._to_all(event, replies.reply_to(trouble)))

    async def _rejected(self, event: Rejected) -> None:
        self._metrics.rejected.inc()
        line = event.line.decode("ascii", "backslashreplace")
        self._world.log.info(
            "smtp.rejected", id=self._ident, ip=self._ip, code=event.reply.code, why=event.reply.text, line=line
        )

    async def _cancelled(self, _event: AuthCancelled) -> None:
        self._login = None

    # -- the envelope ----------------------------------------------------------------------------------------------

    async def _mail(self, event: MailFrom) -> None:
        self._targets = []
        if self._memory.full:
            self.machine.send(replies.BUSY)
            return
        if self.principal is not None and event.sender and not await self._may_send_as([event.sender]):
            self._refuse("sender", event.sender, replies.NOT_YOUR_ADDRESS)
            return
        self.machine.accept()

    async def _may_send_as(self, addresses: list[str]) -> bool:
        principal = self.principal
        if principal is None or not self._world.settings.own_addresses_only:
            return True
        for address in addresses:
            if not await self._world.directory.may_send_as(principal, address):
                return False
        return True

    async def _rcpt(self, event: RcptTo) -> None:
        found = await self._world.directory.resolve(event.recipient)
        if isinstance(found, Local):
            accounts = tuple(target.account for target in found.targets)
            if not await self._have_room(accounts):
                self._refuse("recipient", event.recipient, replies.FULL)
                return
            self._targets.append(accounts)
            self._metrics.recipients_taken.inc()
            self.machine.accept()
            return
        self._metrics.recipients_refused.inc()
        outside = replies.NO_OUTBOUND if self.machine.role is Role.SUBMISSION else replies.RELAY_DENIED
        self._refuse("recipient", event.recipient, outside if isinstance(found, NotLocal) else replies.unknown(found))

    async def _have_room(self, accounts: tuple[int, ...]) -> bool:
        size = self.machine.mail.size_bytes if self.machine.mail else 0  # as declared (RFC 1870)
        for account in accounts:
            if not await self._world.intake.has_room(account, size):
                return False
        return True

    def _refuse(self, what: str, address: str, reply: Reply) -> None:
        self._world.log.info(
            "smtp.refused", id=self._ident, ip=self._ip, code=reply.code, why=reply.text, **{what: address}
        )
        self.machine.send(reply)

    # -- the message -----------------------------------------------------------------------------------------------

    async def _message(self, event: Message) -> None:
        self._messages += 1
        ident = f"{self._ident}.{self._messages}"
        head = trace.head_of(event.body)
        refusal = await self._objection(head)
        if refusal is not None:
            self._told(event, ident, [refusal])
            self.machine.send(*self._to_all(event, refusal))
            return
        targets = self._targets
        outcome = await self._deliver(event, ident, head)
        answers = (
            [delivery.verdict(outcome, accounts) for accounts in targets]
            if self.machine.role is Role.LMTP
            else [delivery.verdict(outcome, outcome)]
        )
        self._told(event, ident, answers)
        self.machine.send(*(_named(reply, ident) for reply in answers))

    async def _deliver(self, event: Message, ident: str, head: bytes) -> delivery.Outcome:
        world, sender = self._world, event.mail.sender
        key = world.partly.key(sender, event.body)
        have = world.partly.have(key)
        outcome = await delivery.deliver(
            world.intake,
            self._finished(event, ident, head),
            (account for accounts in self._targets for account in accounts if account not in have),
            idem=ident.encode(),
            tries=world.settings.deliver_tries,
            pause_s=world.settings.deliver_pause_s,
        )
        outcome |= dict.fromkeys(have)
        stored = frozenset(account for account, trouble in outcome.items() if trouble is None)
        if len(stored) == len(outcome):
            world.partly.finished(key)
        elif stored and self.machine.role is not Role.LMTP:  # LMTP's peer sends again only to who failed
            world.partly.unfinished(sender, event.body, stored)
        return outcome

    async def _objection(self, head: bytes) -> Reply | None:
        if trace.received_count(head) > self._world.settings.received_max:
            return replies.LOOP
        if self.principal is not None and self._world.settings.own_addresses_only:
            authors = header.authors(head)
            if authors is None or not await self._may_send_as(authors):
                return replies.NOT_YOUR_FROM  # RFC 6409 6.1
        return None

    def _finished(self, event: Message, ident: str, head: bytes) -> bytes:
        """The message as it is stored: trace in front (RFC 5321 4.4), at submission what is missing (RFC 6409 8)."""
        world, machine = self._world, self.machine
        now_ms = world.clock.now_ms()
        origin = trace.Origin(
            machine.hello or Hello("HELO", ""), self._ip, machine.role, machine.tls, machine.authenticated
        )
        only = event.rcpts[0].recipient if len(event.rcpts) == 1 else ""
        received = trace.received(
            origin, by=machine.host, ident=ident, now_ms=now_ms, recipient=only, smtputf8=event.mail.smtputf8
        )
        added = b""
        if machine.role is Role.SUBMISSION:
            unique = world.dice.randbytes(12).hex()
            added = header.missing(head, date=trace.date_time(now_ms), message_id=f"{unique}@{machine.host}")
        return b"".join((trace.return_path(event.mail.sender), received, added, event.body))

    def _to_all(self, event: Event, reply: Reply) -> list[Reply]:
        many = len(event.rcpts) if self.machine.role is Role.LMTP and isinstance(event, Message) else 1
        return [reply] * many

    def _told(self, event: Message, ident: str, answers: list[Reply]) -> None:
        """One line in the log, one count."""
        worst = max(reply.code for reply in answers)
        metrics = self._metrics
        if worst < 300:
            metrics.accepted.inc()
            metrics.bytes.inc(len(event.body))
        else:
            (metrics.deferred if worst < 500 else metrics.refused).inc()
        self._world.log.info(
            "smtp.message",
            id=ident,
            ip=self._ip,
            sender=event.mail.sender,
            recipients=len(event.rcpts),
            size_bytes=len(event.body),
            login=self.principal.login if self.principal else "",
            codes=[reply.code for reply in answers],
        )

    # -- AUTH ------------------------------------------------------------------------------------------------------

    async def _auth(self, event: Auth) -> None:
        world = self._world
        plus = "SCRAM-SHA-256-PLUS" in self.machine.offers.mechanisms(tls=self.machine.tls)
        self._login = Login(
            event.mechanism,
            world.directory,
            dice=world.dice,
            secret=world.sasl_secret,
            bindings=self.bindings if plus else (),
        )
        await self._login_step(self._login, event.initial or b"")

    async def _auth_response(self, event: AuthResponse) -> None:
        assert self._login is not None
        await self._login_step(self._login, event.response)

    async def _login_step(self, login: Login, data: bytes) -> None:
        try:
            found = await login.step(data)
        except Trouble as trouble:  # not a wrong password, and must not be told as one (RFC 4954 6)
            self._world.log.warning("smtp.auth", id=self._ident, ip=self._ip, why=trouble.log)
            self.machine.send(replies.AUTH_LATER)
            return
        match found:
            case bytes():
                self.machine.challenge(found)
            case Principal():
                self.principal = found
                self._metrics.logins.inc()
                self._world.log.info("smtp.auth", id=self._ident, ip=self._ip, login=found.login, ok=True)
                self.machine.accept()
            case sasl.Failed(why, authcid, says):
                await self._login_failed(why, authcid, says)

    async def _login_failed(self, why: str, authcid: str, says: str) -> None:
        self._login_failures += 1
        self._metrics.login_failures.inc()
        self._world.log.info("smtp.auth", id=self._ident, ip=self._ip, login=authcid, ok=False, why=why)
        await pause_after_failure(self._login_failures, self._world.settings.auth_pause_s)
        self.machine.send(replies.login_failed(says))

    # -- VRFY and EXPN ---------------------------------------------------------------------------------------------

    async def _verify(self, event: Verify) -> None:
        if not self.machine.offers.vrfy:
            self.machine.accept()
            return
        self.machine.send(await lookups.verified(self._world.directory, event.argument))

    async def _expand(self, event: Expand) -> None:
        if not self.machine.offers.expn:
            self.machine.accept()
            return
        self.machine.send(await lookups.expanded(self._world.directory, event.argument))

    def tls_started(self) -> None:
        """The handshake is done: who the client was before counts no more (RFC 3207 4.2)."""
        self.principal = None
        self._login = None
        self.machine.tls_started()


def _named(reply: Reply, ident: str) -> Reply:
    """A positive answer names the message, for whoever searches the log for it."""
    return Reply(reply.code, reply.status, f"Ok: stored as {ident}") if reply.code < 300 else reply


_HANDLERS: dict[type[Event], Callable[[Session, Any], Awaitable[None]]] = {
    Rejected: Session._rejected,
    AuthCancelled: Session._cancelled,
    MailFrom: Session._mail,
    RcptTo: Session._rcpt,
    Message: Session._message,
    Auth: Session._auth,
    AuthResponse: Session._auth_response,
    Verify: Session._verify,
    Expand: Session._expand,
}
