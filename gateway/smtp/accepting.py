"""What becomes of a message that has come whole: looked at, finished, stored everywhere it goes, told of, answered.

The law: a message is answered positively only when `delivery` said that it is durable, in every account and in the
queue; whatever the answer, a note of it is kept.
"""

from typing import Any, NamedTuple

from actors.directory.types import Principal
from actors.queue.types import Envelope
from cluster.errors import Trouble
from gateway.smtp import delivery, header, replies, trace
from gateway.smtp.routing import Destination, Onward, Routes, Taken, routes
from gateway.smtp.story import Story
from gateway.smtp.world import World
from mail.smtp.events import Message
from mail.smtp.replies import Reply
from mail.smtp.states import Role


class Arrived(NamedTuple):
    """A message, and what is known of where it came from and where it goes."""

    event: Message
    ident: str
    origin: trace.Origin
    taken: tuple[Taken, ...]
    principal: Principal | None
    story: Story


class Accepting:
    """Takes messages."""

    def __init__(self, world: World, host: str) -> None:
        """`host`: our name in Received."""
        self._world = world
        self._host = host

    async def take(self, arrived: Arrived) -> list[Reply]:
        """The answers: one, or for LMTP one for each recipient. Raises Trouble: then nothing was promised."""
        head = trace.head_of(arrived.event.body)
        refusal = await self._objection(arrived, head)
        if refusal is not None:
            arrived.story.fact("refused", str(refusal.code), why=refusal.text)
            self._world.traces.tell(self._note(arrived, head, "refused", ()))
            return [refusal]
        plan = routes(arrived.taken)
        outcome = await self._deliver(arrived, head, plan)
        if arrived.origin.role is Role.LMTP:
            answers = [delivery.verdict(outcome, needed) for needed in plan.needs]
        else:
            answers = [delivery.verdict(outcome, outcome)]
        self._told(arrived, outcome)
        return [_named(reply, arrived.ident) for reply in answers]

    async def _objection(self, arrived: Arrived, head: bytes) -> Reply | None:
        world = self._world
        if trace.received_count(head) > world.settings.received_max:
            return replies.LOOP
        if arrived.principal is not None and world.settings.own_addresses_only:
            authors = header.authors(head)
            if authors is None or not await world.may_send_as(arrived.principal, authors):
                return replies.NOT_YOUR_FROM  # RFC 6409 6.1
        return None

    # -- storing ---------------------------------------------------------------------------------------------------

    async def _deliver(self, arrived: Arrived, head: bytes, plan: Routes) -> delivery.Outcome:
        world, sender, body = self._world, arrived.event.mail.sender, arrived.event.body
        key = world.partly.key(sender, body)
        have = world.partly.have(key)
        outcome: delivery.Outcome = dict.fromkeys(have)
        accounts = tuple(account for account in plan.accounts if account not in have)
        entries = {entry: names for entry, names in plan.entries.items() if entry not in have}
        stores: dict[Destination, delivery.Store] = {}
        finished = self._finished(arrived, head)
        try:
            stores |= await self._into_mailboxes(arrived, finished, accounts)
        except Trouble as trouble:
            outcome |= dict.fromkeys(accounts, trouble)
        try:
            stores |= await self._into_queue(arrived, head, finished, plan._replace(entries=entries))
        except Trouble as trouble:
            outcome |= dict.fromkeys(entries, trouble)
        note = world.traces.note(self._note(arrived, head, "accepted" if stores else "deferred", tuple(stores)))
        settings = world.settings
        outcome |= await delivery.deliver(stores, note, tries=settings.deliver_tries, pause_s=settings.deliver_pause_s)
        stored = frozenset(destination for destination, trouble in outcome.items() if trouble is None)
        if len(stored) == len(outcome):
            world.partly.finished(key)
        elif stored and arrived.origin.role is not Role.LMTP:  # LMTP's peer sends again only to who failed
            world.partly.unfinished(sender, body, stored)
        return outcome

    async def _into_mailboxes(
        self, arrived: Arrived, finished: bytes, accounts: tuple[int, ...]
    ) -> dict[Destination, delivery.Store]:
        if not accounts:
            return {}
        intake, idem = self._world.intake, arrived.ident.encode()
        prepared = await intake.prepare(trace.return_path(arrived.event.mail.sender) + finished)

        def store(account: int) -> delivery.Store:
            return lambda: intake.deliver(account, prepared, idem=idem)

        return {account: store(account) for account in accounts}

    async def _into_queue(
        self, arrived: Arrived, head: bytes, finished: bytes, plan: Routes
    ) -> dict[Destination, delivery.Store]:
        outgoing = self._world.outgoing
        if not plan.entries or outgoing is None:
            return {}
        kept = await outgoing.keep(finished)
        common = self._envelope(arrived, head)

        def store(entry: Onward) -> delivery.Store:
            mail = Envelope(domain=entry.domain, recipients=plan.entries[entry], digest=b"", size=0, **common)
            idem = f"{arrived.ident}/{entry.number}".encode()
            return lambda: outgoing.send(mail, kept, idem=idem)

        return {entry: store(entry) for entry in plan.entries}

    def _envelope(self, arrived: Arrived, head: bytes) -> dict[str, Any]:
        """What all entries of the message have in common."""
        mail = arrived.event.mail
        return {
            "sender": mail.sender,
            "ident": arrived.ident,
            "message_id": header.message_id(head),
            "account": arrived.principal.account if arrived.principal else 0,
            "body": mail.body,
            "smtputf8": mail.smtputf8,
            "ret": mail.ret,
            "envid": mail.envid,
        }

    def _finished(self, arrived: Arrived, head: bytes) -> bytes:
        """The message as it goes on: trace in front (RFC 5321 4.4), at submission what is missing (RFC 6409 8)."""
        world, event = self._world, arrived.event
        now_ms = world.clock.now_ms()
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
        return b"".join((received, added, event.body))

    # -- telling ---------------------------------------------------------------------------------------------------

    def _note(self, arrived: Arrived, head: bytes, how: str, destinations: tuple[Destination, ...]) -> Any:
        event, story = arrived.event, arrived.story
        story.fact("message", "", size=len(event.body))
        for destination in destinations:
            if isinstance(destination, Onward):
                story.fact("queued", "", domain=destination.domain)
            else:
                story.fact("stored", "", account=destination)
        return story.note(
            arrived.ident,
            "intake",
            how,
            message_id=header.message_id(head),
            sender=event.mail.sender,
            recipients=tuple(rcpt.recipient for rcpt in event.rcpts),
        )

    def _told(self, arrived: Arrived, outcome: delivery.Outcome) -> None:
        """What went wrong is noted behind the first note, which was written before it was known."""
        wrong = {_name(where): trouble.log for where, trouble in outcome.items() if trouble is not None}
        if wrong:
            arrived.story.begin()
            arrived.story.fact("not stored", "", **wrong)
            self._world.traces.tell(arrived.story.note(arrived.ident, "outcome", "deferred"))


def _name(destination: Destination) -> str:
    return destination.domain if isinstance(destination, Onward) else f"account {destination}"


def _named(reply: Reply, ident: str) -> Reply:
    """A positive answer names the message, for whoever searches the log for it."""
    return Reply(reply.code, reply.status, f"Ok: stored as {ident}") if reply.code < 300 else reply
