"""Who sends mail to other servers, put together from settings: policies, connections, throttles, signatures.

The law: one of each in a process. Mail whose domain is ours is stored, not sent.
"""

from contextlib import AsyncExitStack

import structlog
from msgspec.structs import replace

from actors.policies.client import PolicyClient
from actors.queue.outbox import Outbox
from actors.queue.types import Envelope, Recipient
from cluster.rules import Facts
from gateway.facts import set_recipient, set_sender
from gateway.outbound.fetch import HttpsFetcher
from gateway.outbound.local import Locally
from gateway.outbound.metrics import Metrics
from gateway.outbound.parts import Pass
from gateway.outbound.remote import Remote
from gateway.outbound.sts import StsPolicies
from gateway.outbound.tlspolicy import TlsPolicies
from gateway.smtp.routing import domain_of
from gateway.throttles import Entry, Refusal, Throttles
from gateway.trust.signing import Signer
from ops.core import Core
from ops.delivery import Hands, MakeHands
from ops.rules import Ruling, ruling
from ops.settings import Settings


def hands(rules: Ruling | None = None) -> MakeHands:
    """How hands are made; `rules`: those of this process, where it has some already."""

    async def make(stack: AsyncExitStack, core: Core, settings: Settings) -> Hands:
        known = rules or await ruling(stack, core, settings)
        policies = PolicyClient(core.store, core.clock)
        sts = StsPolicies(core.resolver, policies, HttpsFetcher(core.resolver), core.clock, settings.outbound.tls)
        stack.push_async_callback(sts.close)
        remote = Remote(
            settings.outbound,
            hostname=settings.hostname,
            resolver=core.resolver,
            policies=TlsPolicies(core.resolver, sts, settings.outbound.tls, core.clock),
            clock=core.clock,
            dice=core.dice,
            log=structlog.get_logger(),
            metrics=Metrics(core.registry),
            tools=known.tools,
        )
        stack.push_async_callback(remote.close)
        outbox = Outbox(core.queue, core.blobs, core.clock, core.threads)
        courier = Locally(core.directory, core.mailboxes, Forwarding(outbox), remote)
        signer = NoticeSigner(Signer(core.directory, core.clock, settings.signing))
        throttled = known.throttles is not None and known.throttles.has("outbound")
        gate = OutboundGate(known) if throttled else None
        return Hands(courier, signer, gate, core.traces)

    return make


class Forwarding:
    """Queues what an address of ours leads on."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def forward(self, mail: Envelope, recipient: Recipient, addresses: tuple[str, ...], body: bytes) -> None:
        """An entry for each address. Raises Trouble."""
        kept = await self._outbox.keep(body)
        for number, address in enumerate(addresses):
            onward = replace(mail, domain=domain_of(address), recipients=(replace(recipient, address=address),))
            await self._outbox.send(onward, kept, idem=f"{mail.ident}/{recipient.address}/{number}".encode()[-64:])


class NoticeSigner:
    """Signs notices with the key of their author's domain."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer

    async def sign(self, message: bytes, sender: str) -> bytes:
        """The message with signatures in front, where the domain has keys."""
        return await self._signer.sign(message, domain_of(sender)) + message


class _Passing:
    """A place under throttles, given back without waiting."""

    def __init__(self, entry: Entry, spawn: "set[object]") -> None:
        self._entry = entry
        self._spawn = spawn

    def leave(self) -> None:
        """Once."""
        import asyncio

        task = asyncio.ensure_future(self._entry.leave())
        self._spawn.add(task)
        task.add_done_callback(self._spawn.discard)


class OutboundGate:
    """The throttles on what leaves."""

    def __init__(self, rules: Ruling) -> None:
        assert rules.throttles is not None
        self._throttles: Throttles = rules.throttles
        self._tools = rules.tools
        self._leaving: set[object] = set()

    async def enter(self, mail: Envelope) -> Pass | float:
        """The leave to send it, or after how many seconds to ask again."""
        facts = Facts(self._tools, size=mail.size, priority=mail.priority, recipients=len(mail.recipients))
        facts |= {"mx": "", "retry": 0, "cause": "", "route": ""}
        set_sender(facts, mail.sender)
        set_recipient(facts, mail.recipients[0].address)
        found = await self._throttles.enter("outbound", facts)
        return found.seconds if isinstance(found, Refusal) else _Passing(found, self._leaving)
