"""What becomes of a message that has come whole: looked at, let in or not, finished, stored everywhere it goes, told.

The law: a message is answered positively only when `delivery` said that it is durable, in every account and in the
queue; whatever the answer, a note of it is kept.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, cast

from actors.directory.types import Principal
from actors.queue.types import Envelope
from cluster.errors import Trouble
from gateway.facts import set_recipient
from gateway.smtp import delivery, header, replies, trace
from gateway.smtp.aftermath import Answered
from gateway.smtp.gates import Gates, Passed
from gateway.smtp.routing import Destination, Onward, Routes, Taken, domain_of, held, routes
from gateway.smtp.screening import JUNK, Screened
from gateway.smtp.story import Story
from gateway.smtp.world import World
from mail.smtp.events import MailFrom, Message, RcptTo
from mail.smtp.replies import OK, Reply
from mail.smtp.states import Role
from mail.trust.arc import Verdict as ArcVerdict

Resolve = Callable[[RcptTo, str], Awaitable[Taken | Reply]]


class Arrived(NamedTuple):
    """A message, and what is known of where it came from and where it goes. `mail`: MAIL, with the sender as it was
    rewritten; `taken_ms`: when it came."""

    event: Message
    mail: MailFrom
    taken_ms: int
    ident: str
    origin: trace.Origin
    taken: tuple[Taken, ...]
    principal: Principal | None
    story: Story


class Ready(NamedTuple):
    """A message as it is stored and sent."""

    arrived: Arrived
    sender: str
    body: bytes  # as it came, but for what filters changed
    head: bytes
    front: bytes  # fields to stand before it
    seal: bytes  # and before those, where it is sent on
    mailbox: str
    held: str  # why a filter wants it looked at before it leaves


class Accepted(NamedTuple):
    """What became of a message. `answers`: one, or for LMTP one for each recipient. Where it was stored, `taken` are
    its recipients as filters left them, `plan` is where they lead, and `outcome` what was stored of that."""

    answers: tuple[Reply, ...]
    taken: tuple[Taken, ...] = ()
    plan: Routes | None = None
    outcome: Mapping[Destination, Trouble | None] = {}
    due_ms: int = 0  # 0: at once


class Accepting:
    """Takes the messages of one connection."""

    def __init__(self, world: World, host: str, gates: Gates | None, resolve: Resolve) -> None:
        """`host`: our name in Received; `resolve`: what a recipient is, for those that filters add."""
        self._world = world
        self._host = host
        self._gates = gates
        self._resolve = resolve

    async def take(self, arrived: Arrived) -> Accepted:
        """What becomes of it. Raises Trouble: then nothing was promised."""
        body = arrived.event.body
        head = trace.head_of(body)
        refusal = await self._objection(arrived, head)
        if refusal is not None:
            return await self._refused(arrived, head, refusal, Screened(body))
        screened = await self._screened(arrived, body, head)
        if screened.refusal is not None:
            return await self._refused(arrived, head, screened.refusal, screened)
        passed = await self._passed(arrived, screened)
        if passed.reply is not None:
            return await self._refused(arrived, head, passed.reply, screened)
        if passed.discard:
            self._world.traces.tell(self._note(arrived, head, "discarded", ()))
            return Accepted((_named(OK, arrived.ident),))
        if passed.added or passed.removed:
            taken = await self._changed(arrived, passed)
            if isinstance(taken, Reply):
                return await self._refused(arrived, head, taken, screened)
            arrived = arrived._replace(taken=taken)
        ready = await self._ready(arrived, screened, passed)
        return await self._stored(ready, screened)

    # -- looking ---------------------------------------------------------------------------------------------------

    async def _objection(self, arrived: Arrived, head: bytes) -> Reply | None:
        world = self._world
        if trace.received_count(head) > world.settings.received_max:
            return replies.LOOP
        if arrived.principal is not None and world.settings.own_addresses_only:
            authors = header.authors(head)
            if authors is None or not await world.may_send_as(arrived.principal, authors):
                return replies.NOT_YOUR_FROM  # RFC 6409 6.1
        return None

    async def _screened(self, arrived: Arrived, body: bytes, head: bytes) -> Screened:
        origin = arrived.origin
        screening, ours = self._world.screens(origin.ip, origin.role, arrived.principal), self._world.screening
        if screening is None:
            if ours is not None and origin.role is Role.SUBMISSION:  # RFC 8601 5: only servers may say what we found
                body = ours.cleaned(body, head)
            return Screened(body)
        facts = self._gates.facts if self._gates is not None else None
        return await screening.look(origin, arrived.mail.sender, body, head, arrived.story, facts)

    async def _passed(self, arrived: Arrived, screened: Screened) -> Passed:
        if self._gates is None:
            return Passed(screened.body, arrived.mail.sender)
        return await self._gates.data(arrived.mail, arrived.event.rcpts, screened.body, screened.said)

    async def _changed(self, arrived: Arrived, passed: Passed) -> tuple[Taken, ...] | Reply:
        """The recipients as filters left them; one that they added and nobody has is left out, and told. Where nobody
        is left, the message is refused as that one is: it would be lost."""
        taken = [one for one in arrived.taken if one.rcpt.recipient not in passed.removed]
        why = replies.PARTLY
        for address in passed.added:
            if self._gates is not None:
                set_recipient(self._gates.facts, address)  # for rules on relaying
            found = await self._resolve(RcptTo(address, notify=("NEVER",)), address)
            if isinstance(found, Taken):
                taken.append(found)
            else:
                why = found
                arrived.story.fact("milter", "recipient not taken", address=address, why=found.text)
        return tuple(taken) if taken else why

    async def _refused(self, arrived: Arrived, head: bytes, reply: Reply, screened: Screened) -> Accepted:
        arrived.story.fact("refused", str(reply.code), why=reply.text)
        self._world.traces.tell(self._note(arrived, head, "refused" if reply.code >= 500 else "deferred", ()))
        applied = "reject" if reply is replies.DMARC_FAILED else "none"
        await self._after(arrived, screened, arrived.event.body, reply, applied, ())
        return Accepted((reply,))

    async def _after(
        self,
        arrived: Arrived,
        screened: Screened,
        message: bytes,
        reply: Reply,
        applied: str,
        here: tuple[RcptTo, ...],
        *,
        junk: bool = False,
    ) -> None:
        if self._world.after is None:
            return
        what = Answered(
            arrived.ident, arrived.origin.ip, arrived.mail, arrived.event.rcpts, here, message, reply,
            screened.verdict, applied, screened.overridden, junk,
        )  # fmt: skip
        try:
            await self._world.after.answered(what)
        except Exception as error:  # noqa: BLE001 - what has been decided is told to the client all the same
            self._world.log.warning("smtp.defect", id=arrived.ident, why=repr(error))

    # -- finishing -------------------------------------------------------------------------------------------------

    async def _ready(self, arrived: Arrived, screened: Screened, passed: Passed) -> Ready:
        world, body = self._world, trace.apart(passed.body)
        head = trace.head_of(body)
        now_ms = world.clock.now_ms()
        event = arrived.event
        only = event.rcpts[0].recipient if len(event.rcpts) == 1 else ""
        received = trace.received(
            arrived.origin,
            by=self._host,
            ident=arrived.ident,
            now_ms=now_ms,
            recipient=only,
            smtputf8=event.mail.smtputf8,
        )
        added = b""
        if arrived.origin.role is Role.SUBMISSION:
            unique = world.dice.randbytes(12).hex()
            added = header.missing(head, date=trace.date_time(now_ms), message_id=f"{unique}@{self._host}")
        front, seal = received + screened.front + added, b""
        if world.signer is not None and (arrived.principal is not None or world.relays(arrived.origin.ip)):
            front = await world.signer.sign(added + body) + front
        elif world.signer is not None and screened.verdict is not None and any(one.elsewhere for one in arrived.taken):
            seal = await self._seal(arrived, screened, front + body)
        junk = passed.junk or bool(passed.held)
        mailbox = JUNK if junk else screened.mailbox
        return Ready(arrived, passed.sender, body, trace.head_of(added + body), front, seal, mailbox, passed.held)

    async def _seal(self, arrived: Arrived, screened: Screened, message: bytes) -> bytes:
        """For who gets it next (RFC 8617): what we saw, by the domain that sends it on."""
        world = self._world
        assert world.signer is not None
        assert world.screening is not None
        arc = screened.verdict.arc if screened.verdict is not None else None
        if arc is None or arc.temporary:
            return b""
        verdict = cast("ArcVerdict", arc.result)
        domains = [domain_of(one.rcpt.recipient) for one in arrived.taken if one.elsewhere]
        return await world.signer.seal(message, domains, world.screening.authserv_id, screened.front, verdict)

    # -- storing ---------------------------------------------------------------------------------------------------

    async def _stored(self, ready: Ready, screened: Screened) -> Accepted:
        arrived, event = ready.arrived, ready.arrived.event
        due_ms = _due_ms(arrived.mail, arrived.taken_ms)
        taken = held(arrived.taken) if due_ms and self._world.outgoing is not None else arrived.taken
        plan = routes(taken)
        outcome = await self._deliver(ready, plan, due_ms)
        if arrived.origin.role is Role.LMTP:
            by_recipient = dict(zip([one.rcpt for one in taken], plan.needs, strict=True))
            added = tuple(where for rcpt, needed in by_recipient.items() if rcpt not in event.rcpts for where in needed)
            needs = [by_recipient.get(rcpt, added) for rcpt in event.rcpts]  # added: in the place of one removed
            answers = [delivery.verdict(outcome, needed) for needed in needs]
        else:
            answers = [delivery.verdict(outcome, outcome)]
        self._told(arrived, outcome)
        best = min(answers, key=lambda reply: reply.code)
        here = tuple(
            one.rcpt
            for one, needed in zip(taken, plan.needs, strict=True)
            if one.accounts and delivery.verdict(outcome, needed).positive
        )
        applied = "quarantine" if screened.mailbox == JUNK else "none"  # by DMARC; what else puts it there is ours
        junk = ready.mailbox == JUNK
        await self._after(arrived, screened, ready.front + ready.body, best, applied, here, junk=junk)
        told = tuple(_named(reply, arrived.ident) for reply in answers)
        return Accepted(told, tuple(taken), plan, outcome, due_ms)

    async def _deliver(self, ready: Ready, plan: Routes, due_ms: int) -> delivery.Outcome:
        world, arrived = self._world, ready.arrived
        sender, body = arrived.mail.sender, arrived.event.body
        key = world.partly.key(sender, body)
        have = world.partly.have(key)
        outcome: delivery.Outcome = dict.fromkeys((*plan.accounts, *plan.entries))
        left = plan.without(have)
        stores: dict[Destination, delivery.Store] = {}
        try:
            stores |= await self._into_mailboxes(ready, left.accounts)
        except Trouble as trouble:
            outcome |= dict.fromkeys(left.accounts, trouble)
        try:
            stores |= await self._into_queue(ready, left, due_ms)
        except Trouble as trouble:
            outcome |= dict.fromkeys(left.entries, trouble)
        note = world.traces.note(
            self._note(arrived, ready.head, "accepted" if stores else "deferred", tuple(stores), ready.mailbox)
        )
        settings = world.settings
        outcome |= await delivery.deliver(stores, note, tries=settings.deliver_tries, pause_s=settings.deliver_pause_s)
        good = [destination for destination, trouble in outcome.items() if trouble is None]
        stored = frozenset(who for destination in good for who in plan.who(destination))
        if len(good) < len(outcome):
            if stored and arrived.origin.role is not Role.LMTP:  # LMTP's peer sends again only to who failed
                world.partly.unfinished(sender, body, have | stored)
        elif have <= stored:  # else another part of it, to others, comes again
            world.partly.finished(key)
        return outcome

    async def _into_mailboxes(self, ready: Ready, accounts: tuple[int, ...]) -> Mapping[Destination, delivery.Store]:
        if not accounts:
            return {}
        intake, idem, mailbox = self._world.intake, ready.arrived.ident.encode(), ready.mailbox
        prepared = await intake.prepare(b"".join((trace.return_path(ready.sender), ready.front, ready.body)))

        def store(account: int) -> delivery.Store:
            return lambda: intake.deliver(account, prepared, idem=idem, mailbox=mailbox)

        return {account: store(account) for account in accounts}

    async def _into_queue(self, ready: Ready, plan: Routes, due_ms: int) -> Mapping[Destination, delivery.Store]:
        outgoing = self._world.outgoing
        if not plan.entries or outgoing is None:
            return {}
        kept = await outgoing.keep(b"".join((ready.seal, ready.front, ready.body)))
        common = _envelope(ready)

        def store(entry: Onward) -> delivery.Store:
            mail = Envelope(domain=entry.domain, recipients=plan.entries[entry], digest=b"", size=0, **common)
            idem = idem_of(ready.arrived.ident, entry)
            return lambda: outgoing.send(mail, kept, idem=idem, due_ms=due_ms, hold=ready.held)

        return {entry: store(entry) for entry in plan.entries}

    # -- telling ---------------------------------------------------------------------------------------------------

    def _note(
        self, arrived: Arrived, head: bytes, how: str, destinations: tuple[Destination, ...], mailbox: str = ""
    ) -> Any:
        event, story = arrived.event, arrived.story
        story.fact("message", "", size=len(event.body))
        queued: list[bytes] = []
        for destination in destinations:
            if isinstance(destination, Onward):
                entry = self._entry(arrived, destination)
                queued.append(entry)
                story.fact("queued", "", domain=destination.domain, id=entry.hex())
            else:
                story.fact("stored", "", account=destination, mailbox=mailbox)
        return story.note(
            arrived.ident,
            "intake",
            how,
            message_id=header.message_id(head),
            sender=arrived.mail.sender,
            recipients=tuple(rcpt.recipient for rcpt in event.rcpts),
            queue_ids=tuple(queued),
            began_ms=arrived.taken_ms,
        )

    def _entry(self, arrived: Arrived, onward: Onward) -> bytes:
        outgoing = self._world.outgoing
        return outgoing.name_of(onward.domain, idem_of(arrived.ident, onward)) if outgoing is not None else b""

    def _told(self, arrived: Arrived, outcome: delivery.Outcome) -> None:
        """What went wrong is noted behind the first note, which was written before it was known."""
        wrong = {_name(where): trouble.log for where, trouble in outcome.items() if trouble is not None}
        if wrong:
            arrived.story.begin()
            arrived.story.fact("not stored", "", **wrong)
            self._world.traces.tell(arrived.story.note(arrived.ident, "outcome", "deferred", began_ms=arrived.taken_ms))


def _envelope(ready: Ready) -> dict[str, Any]:
    """What all entries of the message have in common."""
    arrived, mail = ready.arrived, ready.arrived.mail
    return {
        "sender": ready.sender,
        "ident": arrived.ident,
        "taken_ms": arrived.taken_ms,
        "message_id": header.message_id(ready.head),
        "account": arrived.principal.account if arrived.principal else 0,
        "body": mail.body,
        "smtputf8": mail.smtputf8,
        "ret": mail.ret,
        "envid": mail.envid,
        "require_tls": mail.require_tls,
        "tls_optional": not mail.require_tls and header.tls_not_required(ready.head),
        "priority": mail.priority,
        "by_ms": arrived.taken_ms + mail.by_s * 1000 if mail.by_mode else 0,
        "by_mode": mail.by_mode,
        "by_trace": mail.by_trace,
    }


def idem_of(ident: str, onward: Onward) -> bytes:
    """The same for the same message and entry."""
    return f"{ident}/{onward.number}".encode()


def _due_ms(mail: MailFrom, taken_ms: int) -> int:
    """When a message that is to be held is due (RFC 4865); 0: now."""
    if mail.hold_for_s:
        return taken_ms + mail.hold_for_s * 1000
    return mail.hold_until_ms if mail.hold_until_ms > taken_ms else 0


def _name(destination: Destination) -> str:
    return destination.domain if isinstance(destination, Onward) else f"account {destination}"


def _named(reply: Reply, ident: str) -> Reply:
    """A positive answer names the message, for whoever searches the log for it."""
    return Reply(reply.code, reply.status, f"Ok: stored as {ident}") if reply.code < 300 else reply
