"""Several milters for one SMTP connection, in their order: each is asked at each step, until one refuses.

    session = milters.session()                 # None where there is none: nothing to ask
    verdict = await session.connect(peer)       # then helo, mail, rcpt, data, message, unknown, abort; at the end close
    facts += session.take_facts()

The law: a message goes on only if each milter let it, or its setting says that it may go on without it. What one milter
changed is what the next is shown.
"""

import ssl
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from actors.trace.types import Fact
from cluster.clock import Clock
from gateway.milter.connection import Connection, Dial, Failed, connect, dial
from gateway.milter.connection import tls_context as context_of
from gateway.milter.filter import Filter, State
from gateway.milter.notes import Notes
from gateway.milter.peer import Peer
from gateway.milter.settings import MilterSettings
from gateway.milter.verdict import CONTINUE, Verdict, refusal
from gateway.smtp.parts import Log
from mail.milter.apply import Applied, Envelope, Recipient, apply
from mail.milter.codes import Protocol
from mail.milter.content import Content, split
from mail.milter.machine import Client, Outcome
from mail.milter.responses import How
from mail.smtp.replies import Reply

Ask = Callable[[Filter], Awaitable[Outcome]]


class Milters:
    """All milters of a gateway."""

    def __init__(self, settings: Iterable[MilterSettings], *, clock: Clock, log: Log, dial: Dial = dial) -> None:
        """Raises Misconfigured for an address or a file that cannot be used."""
        self._settings = tuple(settings)
        self._clock = clock
        self._log = log
        self._dial = dial
        self._contexts = [context_of(one) for one in self._settings]
        for one in self._settings:
            one.where()

    def session(self, is_wanted: Callable[[MilterSettings], bool] = lambda one: one.enabled) -> "MilterSession | None":
        """For a new SMTP connection: those that are wanted for it; None where there is none."""
        filters = [
            Filter(one, self._opener(tls))
            for one, tls in zip(self._settings, self._contexts, strict=True)
            if is_wanted(one)
        ]
        return MilterSession(filters, Notes(self._clock, self._log)) if filters else None

    def _opener(self, tls: ssl.SSLContext | None) -> Callable[[MilterSettings], Awaitable[Connection]]:
        return lambda settings: connect(settings, tls, self._dial)


class MilterSession:
    """The milters of one SMTP connection."""

    def __init__(self, filters: list[Filter], notes: Notes) -> None:
        self._filters = filters
        self._notes = notes
        self._peer = Peer(ip="")
        self._macros: dict[str, str] = {}
        self._helo: str | None = None
        self._envelope = Envelope("")
        self._refused: Verdict | None = None  # for the rest of the connection
        self._lost: Verdict | None = None  # for the rest of the message

    # -- the connection --------------------------------------------------------------------------------------------

    async def connect(self, peer: Peer) -> Verdict:
        """A client has come. A verdict that refuses is for the greeting: see Verdict.as_greeting."""
        self.know(peer)
        return await self._session_step("connect", self._connected)

    def know(self, peer: Peer) -> None:
        """More is known of the client: TLS, a login. Told with the steps that follow."""
        self._peer = peer
        self._macros = peer.macros()

    async def helo(self, name: str) -> Verdict:
        """HELO or EHLO, also again after STARTTLS. It ends a message that is under way."""
        await self.abort()
        self._helo = name
        return await self._session_step("helo", self._greeted)

    async def unknown(self, line: bytes) -> Verdict:
        """A command that we do not know: answered with the verdict's reply where there is one, else with our own."""
        for one in self._asked():
            step = await self._step(one, "unknown", lambda one: one.ask(_unknown(line), {}, one.settings.command_s))
            if step is not None and (verdict := self._refusal(one, step)):
                return verdict
        return CONTINUE

    def close(self) -> None:
        """The SMTP connection has ended."""
        for one in self._filters:
            one.close()

    def take_facts(self) -> list[Fact]:
        """What was noted since this was last asked, for the trace of a message."""
        return self._notes.take()

    # -- a message -------------------------------------------------------------------------------------------------

    async def mail(self, sender: str, args: tuple[str, ...] = (), *, ident: str = "", mailer: str = "esmtp") -> Verdict:
        """MAIL. `args`: its ESMTP parameters as they were said; `ident`: what we call the message, for macro i."""
        await self.abort()
        self._envelope = Envelope(sender, args)
        self._macros |= {"i": ident, "mail_addr": sender, "mail_host": _domain(sender), "mail_mailer": mailer}
        return await self._message_step("mail", self._sender_told)

    async def rcpt(
        self, recipient: str, args: tuple[str, ...] = (), *, mailer: str = "local", refused: Reply | None = None
    ) -> Verdict:
        """RCPT. `refused`: we refuse it anyway; only milters that asked for this hear of it, and decide nothing."""
        told = Recipient(recipient, args)
        self._macros |= {"rcpt_addr": recipient, "rcpt_host": _domain(recipient), "rcpt_mailer": mailer}
        if refused is not None:
            self._macros |= {"rcpt_addr": refused.text, "rcpt_host": refused.status, "rcpt_mailer": "error"}
            for one in self._asked():
                if Protocol.RCPT_REJ in one.protocol:
                    await self._step(one, "rcpt", self._refused_told(told))
            return CONTINUE
        self._envelope = self._envelope._replace(recipients=(*self._envelope.recipients, told))
        return await self._message_step("rcpt", self._recipient_told(told))

    async def data(self) -> Verdict:
        """DATA, or the first BDAT."""
        return await self._message_step("data", lambda one: one.ask_in_message(Client.data, self._macros))

    async def message(self, envelope: Envelope, message: bytes) -> Verdict:
        """The whole message, with CRLF lines and without trace fields of ours, for those recipients that were taken.

        The verdict tells envelope and message as they are to be used, also where nothing was changed. Afterwards the
        milters are ready for the next message.
        """
        if verdict := self._already():
            await self.abort()
            return verdict
        content = split(message)
        now = Applied(envelope, content)
        held: Verdict | None = None
        for one in self._filters:
            verdict, now = await self._at_end(one, now)
            if verdict is not None and verdict.how != "quarantine":
                await self.abort()
                return verdict
            held = held or verdict
        await self.abort()
        if not now.envelope.recipients:
            return Verdict("discard", by="", reason="no recipient is left")
        if now.content is not content:
            message = now.content.join()
        return replace(held or CONTINUE, envelope=now.envelope, message=message)

    async def abort(self) -> None:
        """RSET, or whatever else ends a message before its end."""
        for one in self._filters:
            await one.abort()
        self._lost = None
        self._envelope = Envelope("")

    # -- how each is told ------------------------------------------------------------------------------------------

    async def _connected(self, one: Filter) -> Outcome:
        name, family, port, address = self._peer.address
        return await one.ask_in_session(lambda client: client.connect(name, family, port, address), self._macros)

    async def _greeted(self, one: Filter) -> Outcome:
        name = one.helo = self._helo or ""
        return await one.ask_in_session(lambda client: client.helo(name), self._macros)

    async def _sender_told(self, one: Filter) -> Outcome:
        sender, args, _ = self._envelope
        return await one.ask_in_message(lambda client: client.mail(sender, args), self._macros)

    def _recipient_told(self, recipient: Recipient) -> Ask:
        return lambda one: one.ask_in_message(lambda client: client.rcpt(*recipient), self._macros)

    def _refused_told(self, recipient: Recipient) -> Ask:
        """Nothing is decided by it, so it changes nothing."""
        return lambda one: one.ask(lambda client: client.rcpt(*recipient), self._macros, one.settings.command_s)

    def _missed(self, one: Filter, envelope: Envelope) -> list[tuple[str, Ask]]:
        """What one that is told only now has not heard of."""
        steps: list[tuple[str, Ask]] = [] if one.is_open else [("connect", self._connected)]
        if self._helo not in (None, one.helo):
            steps.append(("helo", self._greeted))
        steps.append(("mail", self._sender_told))
        steps += [("rcpt", self._recipient_told(one)) for one in envelope.recipients]
        steps.append(("data", lambda one: one.ask_in_message(Client.data, self._macros)))
        return steps

    # -- what is made of the answers -------------------------------------------------------------------------------

    def _asked(self) -> list[Filter]:
        return [one for one in self._filters if one.is_listening and not one.is_late]

    def _already(self) -> Verdict | None:
        """What needs not be asked: it was decided for all that follows, or a milter is down."""
        found = self._refused or self._lost
        return found or next((down for one in self._filters if (down := one.when_failed())), None)

    async def _step(self, one: Filter, stage: str, ask: Ask) -> Outcome | None:
        """Ask one; None: it has failed."""
        try:
            outcome = await ask(one)
        except Failed as failure:
            self._notes.failed(one.settings, stage, failure.log)
            return None
        self._notes.answered(one.settings, stage, outcome)
        return outcome

    async def _session_step(self, stage: str, ask: Ask) -> Verdict:
        """A step of the connection. One that fails is heard of at MAIL, as a client that only greets wants no mail."""
        if self._refused:
            return self._refused
        for one in self._asked():
            outcome = await self._step(one, stage, ask)
            if outcome is not None and (verdict := self._refusal(one, outcome)):
                self._refused = verdict
                return verdict
        return CONTINUE

    async def _message_step(self, stage: str, ask: Ask) -> Verdict:
        """A step of a message. After a DISCARD all is taken as if nothing were, and no milter hears of it."""
        if verdict := self._already():
            return verdict if verdict.how != "discard" else CONTINUE
        for one in self._asked():
            outcome = await self._step(one, stage, ask)
            verdict = one.when_failed() if outcome is None else self._judged(one, stage, outcome)
            if verdict is not None:
                return verdict
        return CONTINUE

    def _judged(self, one: Filter, stage: str, outcome: Outcome) -> Verdict | None:
        if outcome.decision.how is How.DISCARD:
            self._lost = Verdict("discard", by=one.settings.name)
            return CONTINUE
        verdict = self._refusal(one, outcome)
        if verdict is not None and stage != "rcpt":  # a refused recipient is one less, not the end of the message
            self._lost = verdict
            one.state = State.DONE
        return verdict

    def _refusal(self, one: Filter, outcome: Outcome) -> Verdict | None:
        """The verdict, where it refuses; one that closes the connection is for all that follows."""
        verdict = refusal(outcome.decision, one.settings.name)
        if verdict is not None and verdict.reply is not None and verdict.reply.code == 421:
            self._refused = verdict
        return verdict

    async def _at_end(self, one: Filter, now: Applied) -> tuple[Verdict | None, Applied]:
        """One milter and a message: its verdict, where it does not simply go on; and how all is then."""
        name = one.settings.name
        if one.is_late and one.is_listening and (verdict := await self._told(one, now.envelope)):
            return verdict, now
        if one.state is State.FAILED:
            return one.when_failed() or self._without(one), now
        if not one.is_listening:
            return None, now
        outcome = await self._step(one, "message", _message(now.content, self._macros))
        if outcome is None:
            return one.when_failed() or self._without(one), now
        if outcome.decision.how is How.DISCARD:
            return Verdict("discard", by=name), now
        if verdict := self._refusal(one, outcome):
            return verdict, now
        if not outcome.changes:
            return None, now
        leading_space = Protocol.HDR_LEADSPC in one.protocol
        now = apply(now.envelope, now.content, outcome.changes, leading_space=leading_space)
        held = None if now.quarantine is None else Verdict("quarantine", by=name, reason=now.quarantine)
        return held, now

    async def _told(self, one: Filter, envelope: Envelope) -> Verdict | None:
        """Tell one late of all before the message. What it says of one recipient is said of all: they had their yes."""
        for stage, ask in self._missed(one, envelope):
            if not one.is_listening:
                return None
            outcome = await self._step(one, stage, ask)
            if outcome is None:
                return None  # judged by its setting
            if outcome.decision.how is How.DISCARD:
                return Verdict("discard", by=one.settings.name)
            if verdict := self._refusal(one, outcome):
                return verdict
        return None

    def _without(self, one: Filter) -> Verdict | None:
        """Mail that goes on without one that failed."""
        if one.settings.on_error == "quarantine":
            return Verdict("quarantine", by=one.settings.name, reason=f"the milter {one.settings.name} failed")
        return None


def _message(content: Content, macros: dict[str, str]) -> Ask:
    return lambda one: one.ask_at_end(lambda client: client.message(content), macros)


def _unknown(line: bytes) -> Callable[[Client], None]:
    return lambda client: client.unknown(line)


def _domain(address: str) -> str:
    return address.rpartition("@")[2]
