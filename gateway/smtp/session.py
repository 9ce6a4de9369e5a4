"""What one client is told: from each event of the protocol machine to an answer, asking the directory and the intake.

Knows no socket, so that tests need none. Law: a message is answered positively only when `delivery` said that it is
durable, and every event is answered exactly once, whatever goes wrong.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from actors.directory.types import Principal
from cluster.errors import Trouble
from gateway.login import Login
from gateway.logins import TooManyFailures
from gateway.mechanisms import PLUS
from gateway.milter.peer import Peer
from gateway.smtp import lookups, replies, trace
from gateway.smtp.gates import Gates
from gateway.smtp.memory import Memory
from gateway.smtp.metrics import ListenerMetrics
from gateway.smtp.offering import Offering
from gateway.smtp.story import Story
from gateway.smtp.transaction import Transaction
from gateway.smtp.world import World
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
    Reset,
    Verify,
)
from mail.smtp.machine import Server
from mail.smtp.offers import Offers
from mail.smtp.replies import Reply
from mail.smtp.states import Role


class Place(NamedTuple):
    """Where a client came to, and from which port."""

    listener: str
    remote_port: int
    local_ip: str
    local_port: int


class Session:
    """The decisions of one connection."""

    def __init__(
        self,
        machine: Server,
        world: World,
        metrics: ListenerMetrics,
        memory: Memory,
        *,
        ip: str,
        ident: str,
        place: Place | None = None,
        by_rule: Offering | None = None,
    ) -> None:
        """`ident` names the connection in the log; a message is `ident` and its number. `by_rule`: where rules say
        what is offered, and the machine does not know."""
        self.machine = machine
        self.principal: Principal | None = None
        self.tls_version = ""
        """`TLSv1.3` and the like; the connection knows, once TLS is active."""
        self.bindings: tuple[sasl.Binding, ...] = ()
        """What SCRAM can be bound to; the connection knows, once TLS is active."""
        self._world = world
        self._metrics = metrics
        self._memory = memory
        self._ip = ip
        self._ident = ident
        self._login: Login | None = None
        self._mechanism = ""  # of the last login
        self._held_off = 0
        self._messages = 0
        self._refusals = 0  # in this transaction
        self._story = Story(world.clock)
        self._place = place or Place("", 0, "", 0)
        self._by_rule = by_rule
        self._gates = self._gated() if world.keepers is not None else None
        self._transaction = Transaction(world, self._gates, self._story, machine.role, host=machine.host, ip=ip)
        told = {"listener": self._place.listener, "port": self._place.remote_port}
        self._story.of_connection("connection", "", ip=ip, role=machine.role.value, session=ident, **told)

    def _gated(self) -> Gates:
        assert self._world.keepers is not None
        place, machine = self._place, self.machine
        return Gates(
            self._world.keepers,
            self._story,
            self._peer(),
            listener=place.listener,
            protocol=machine.role.value,
            remote_ip=self._ip,
            remote_port=place.remote_port,
            local_ip=place.local_ip,
            local_port=place.local_port,
            is_tls=machine.tls,
            tls_version=self.tls_version,
            helo="",
            authenticated="",
            account=0,
            spf="none",
            iprev="none",
        )

    def _peer(self) -> Peer:
        """What milters are told of the client."""
        place = self._place
        return Peer(
            ip=self._ip,
            port=place.remote_port,
            host_name=self.machine.host,
            local_ip=place.local_ip,
            local_port=place.local_port,
            listener=place.listener,
            tls_version=self.tls_version,
            auth_type=self._mechanism if self.principal else "",
            auth_authen=self.principal.login if self.principal else "",
        )

    @property
    def wants_opening(self) -> bool:
        """Whether something is asked before the greeting."""
        return self._world.keepers is not None and self._world.keepers.wants_opening

    async def open(self) -> Reply | None:
        """What is asked before the greeting: a reply in its place, or None."""
        assert self._gates is not None
        reply = await self._gates.connect()
        if reply is None:
            return None
        self._refusals += 1
        self._story.refuse("", reply.code, reply.text)
        return Reply(554 if reply.code >= 500 else 421, reply.status, reply.text)  # RFC 5321 3.1, 3.8

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
            reply = replies.reply_to(trouble)
            many = len(event.rcpts) if self.machine.role is Role.LMTP and isinstance(event, Message) else 1
            self.machine.send(*[reply] * many)

    async def _rejected(self, event: Rejected) -> None:
        self._metrics.rejected.inc()
        line = event.line.decode("ascii", "backslashreplace")
        self._world.log.info(
            "smtp.rejected", id=self._ident, ip=self._ip, code=event.reply.code, why=event.reply.text, line=line
        )
        mail = self._transaction.mail
        if mail is not None and self.machine.mail is None:
            await self._message_rejected(mail, event.reply)

    async def _message_rejected(self, mail: MailFrom, reply: Reply) -> None:
        """The protocol machine itself refused a whole message, and its transaction is over."""
        self._messages += 1
        self._refusals = 0
        self._story.fact("refused", str(reply.code), why=reply.text)
        recipients = tuple(one.rcpt.recipient for one in self._transaction.taken)
        ident = f"{self._ident}.{self._messages}"
        known = {"sender": mail.sender, "recipients": recipients, "began_ms": self._transaction.began_ms}
        self._world.traces.tell(self._story.note(ident, "intake", "refused", **known))
        self._story.begin()
        self._transaction.mail = None
        await self._transaction.over()

    async def _cancelled(self, _event: AuthCancelled) -> None:
        self._end_login()

    def _end_login(self) -> None:
        login, self._login = self._login, None
        if login is not None:
            login.close()

    # -- the envelope ----------------------------------------------------------------------------------------------

    async def _hello(self, event: Hello) -> None:
        reply = await self._gates.hello(event.name) if self._gates is not None else None
        if reply is not None:
            self._refuse("hello", event.name, reply)  # and a transaction goes on as it was (RFC 5321 4.1.4)
            return
        self._transaction_over()
        self._transaction.mail = None
        self._story.begin()
        self._story.of_connection("hello", "", verb=event.verb, name=event.name)
        if self._by_rule is not None:
            await self._offer(self._by_rule, authenticated=self.machine.authenticated)
        self.machine.accept()

    async def _offer(self, by_rule: Offering, *, authenticated: bool) -> None:
        """What is offered now, and how much may come."""
        assert self._gates is not None
        machine = self.machine
        machine.offers, machine.limits = await by_rule.by_rule(machine.tls, authenticated, self._gates.facts)

    async def _reset(self, _event: Reset) -> None:
        self._transaction_over()
        self._transaction.mail = None
        self._story.begin()
        await self._transaction.over()
        self.machine.accept()

    async def _mail(self, event: MailFrom) -> None:
        self._transaction_over()
        self._story.begin()
        self._transaction.clear()
        if self._memory.full:
            self.machine.send(replies.BUSY)
            return
        if self.principal is not None and not await self._stands(self.principal):
            self._world.log.info("smtp.revoked", id=self._ident, ip=self._ip, login=self.principal.login)
            self.machine.close(replies.REVOKED)
            return
        helo = self.machine.hello.name if self.machine.hello else ""
        ident = f"{self._ident}.{self._messages + 1}"
        reply = await self._transaction.begin(event, self.principal, ident, helo=helo)
        if reply is not None:
            self._refuse("sender", event.sender, reply)
            return
        self.machine.accept()

    async def _rcpt(self, event: RcptTo) -> None:
        reply = await self._transaction.add(event)
        if reply is not None:
            self._metrics.recipients_refused.inc()
            self._refuse("recipient", event.recipient, reply)
            return
        self._metrics.recipients_taken.inc()
        self.machine.accept()

    def _refuse(self, what: str, address: str, reply: Reply) -> None:
        self._world.log.info(
            "smtp.refused", id=self._ident, ip=self._ip, code=reply.code, why=reply.text, **{what: address}
        )
        self._refusals += 1
        self._story.refuse(address, reply.code, reply.text)
        self.machine.send(reply)

    # -- the message -----------------------------------------------------------------------------------------------

    async def _message(self, event: Message) -> None:
        self._messages += 1
        machine = self.machine
        origin = trace.Origin(
            machine.hello or Hello("HELO", ""), self._ip, machine.role, machine.tls, machine.authenticated
        )
        ident = f"{self._ident}.{self._messages}"
        answers = list((await self._transaction.take(event, ident, origin)).answers)
        self._told(event, ident, answers)
        self._story.begin()
        self._refusals = 0
        many = len(event.rcpts) if machine.role is Role.LMTP else 1
        machine.send(*(answers if len(answers) == many else answers * many))

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

    def _transaction_over(self) -> None:
        """A transaction whose message never came leaves a trace if something of it was refused."""
        if not self._refusals:
            return
        self._messages += 1
        self._refusals = 0
        sender = self.machine.mail.sender if self.machine.mail else ""
        refused = tuple(self._story.refused)
        ident = f"{self._ident}.{self._messages}"
        self._world.traces.tell(self._story.note(ident, "intake", "refused", sender=sender, recipients=refused))

    def closed(self) -> None:
        """The connection is gone."""
        self._transaction_over()

    async def close(self) -> None:
        """Give back what was held for it."""
        self._end_login()
        if self._gates is not None:
            await self._gates.close()

    # -- AUTH ------------------------------------------------------------------------------------------------------

    async def _auth(self, event: Auth) -> None:
        world = self._world
        plus = PLUS in self.machine.offers.mechanisms(tls=self.machine.tls)
        self._mechanism = event.mechanism
        self._end_login()
        self._login = Login(
            event.mechanism,
            world.directory,
            world.logins.attempt(self._ip),
            service="smtp",
            pause_s=world.settings.auth_pause_s,
            dice=world.dice,
            secret=world.sasl_secret,
            bindings=self.bindings if plus else (),
        )
        await self._login_step(self._login, event.initial or b"")

    async def _stands(self, principal: Principal) -> bool:
        """Whether what they logged in with is good still, or nobody can say."""
        try:
            return await self._world.directory.stands(principal.account, principal.credential)
        except Trouble as trouble:
            self._world.log.warning("smtp.credential_unknown", id=self._ident, why=trouble.log)
            return True

    async def _auth_response(self, event: AuthResponse) -> None:
        assert self._login is not None
        await self._login_step(self._login, event.response)

    async def _login_step(self, login: Login, data: bytes) -> None:
        try:
            found = await login.step(data)
        except TooManyFailures as refusal:
            self._login_held_off(refusal)
            return
        except Trouble as trouble:  # not a wrong password, and must not be told as one (RFC 4954 6)
            self._world.log.warning("smtp.auth", id=self._ident, ip=self._ip, why=trouble.log)
            self._end_login()
            self.machine.send(replies.AUTH_LATER)
            return
        match found:
            case bytes():
                self.machine.challenge(found)
            case Principal():
                self.principal = found
                self._metrics.logins.inc()
                self._world.log.info("smtp.auth", id=self._ident, ip=self._ip, login=found.login, ok=True)
                self._story.of_connection("auth", "ok", login=found.login)
                self._more_is_known(authenticated=found.login, account=found.account)
                if self._by_rule is not None:
                    await self._offer(self._by_rule, authenticated=True)
                self.machine.accept()
            case sasl.Failed(why, authcid, says):
                self._metrics.login_failures.inc()
                self._world.log.info("smtp.auth", id=self._ident, ip=self._ip, login=authcid, ok=False, why=why)
                self.machine.send(replies.login_failed(says))

    def _login_held_off(self, refusal: TooManyFailures) -> None:
        """The password was not looked at (RFC 4954 6: 454). The machine counts wrong passwords only, so this counts."""
        self._end_login()
        self._held_off += 1
        self._metrics.logins_held_off.inc()
        self._world.log.info("smtp.auth", id=self._ident, ip=self._ip, ok=False, why=refusal.log)
        closing = self._held_off >= self._world.settings.auth_failures_max
        self.machine.send(replies.auth_held_off(refusal, closing=closing))

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
        self._end_login()
        self.machine.tls_started()
        self._story.forget("hello", "auth")
        if self._by_rule is not None:
            self.machine.offers = Offers()  # nothing, until EHLO says who it is
        self._more_is_known(is_tls=True, tls_version=self.tls_version, helo="", authenticated="", account=0)

    def tls_known(self, version: str, cipher: str) -> None:
        """What TLS is spoken."""
        self.tls_version = version
        self._story.of_connection("tls", version, cipher=cipher)
        self._more_is_known(is_tls=True, tls_version=version)

    def _more_is_known(self, **known: object) -> None:
        if self._gates is not None:
            self._gates.know(self._peer(), **known)


_HANDLERS: dict[type[Event], Callable[[Session, Any], Awaitable[None]]] = {
    Rejected: Session._rejected,
    Hello: Session._hello,
    Reset: Session._reset,
    AuthCancelled: Session._cancelled,
    MailFrom: Session._mail,
    RcptTo: Session._rcpt,
    Message: Session._message,
    Auth: Session._auth,
    AuthResponse: Session._auth_response,
    Verify: Session._verify,
    Expand: Session._expand,
}
