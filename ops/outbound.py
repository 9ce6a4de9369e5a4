"""Who sends mail to other servers, put together from settings: policies, connections, throttles, signatures.

The law: one of each in a process. Mail whose domain is ours is stored, not sent.
"""

import asyncio
import hashlib
from contextlib import AsyncExitStack

import structlog
from msgspec.structs import replace

from actors.policies.client import PolicyClient
from actors.queue.outbox import Outbox
from actors.queue.types import Envelope, Recipient, Work
from cluster.rules import Tools
from gateway.outbound.fetch import HttpsFetcher
from gateway.outbound.leaving import leaving_facts
from gateway.outbound.local import Locally
from gateway.outbound.metrics import Metrics
from gateway.outbound.pacing import pace_of
from gateway.outbound.parts import Pass
from gateway.outbound.remote import Remote
from gateway.outbound.sts import StsPolicies
from gateway.outbound.tlspolicy import TlsPolicies
from gateway.reports.counting import Noted
from gateway.smtp.routing import domain_of, original
from gateway.throttles import Entry, Refusal, Throttles
from gateway.trust.signing import Signer
from ops.core import Core
from ops.delivery import Hands, MakeHands
from ops.notices import NoticeSigner
from ops.rules import Ruling, ruling
from ops.settings import Settings
from ops.vacations import vacations


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
            observe=Noted(core.reports, settings.reports).tls,
        )
        stack.push_async_callback(remote.close)
        outbox = Outbox(core.queue, core.blobs, core.clock, core.threads)
        heard = vacations(core, settings)
        courier = Locally(core.directory, core.mailboxes, Forwarding(outbox), remote, heard)
        signer = NoticeSigner(Signer(core.directory, core.clock, settings.signing))
        throttles = known.throttles
        gate = OutboundGate(throttles, known.tools) if throttles is not None and throttles.has("outbound") else None
        if gate is not None:
            stack.push_async_callback(gate.close)
        return Hands(courier, signer, gate, core.traces, pace_of(settings.queue.schedule, known.tools))

    return make


class Forwarding:
    """Queues what an address of ours leads on."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    async def forward(self, mail: Envelope, recipient: Recipient, addresses: tuple[str, ...], body: bytes) -> None:
        """An entry for each address. Raises Trouble."""
        kept = await self._outbox.keep(body)
        for address in addresses:
            orcpt = recipient.orcpt or original(recipient.address, address)
            there = replace(recipient, address=address, orcpt=orcpt)
            onward = replace(mail, domain=domain_of(address), recipients=(there,))
            await self._outbox.send(onward, kept, idem=_once(mail, recipient, address))


def _once(mail: Envelope, recipient: Recipient, address: str) -> bytes:
    """The same for the same message on the same way, however often its entry is lent; else never the same."""
    said = (mail.ident, mail.digest.hex(), str(mail.queued_ms), recipient.address, address)
    return hashlib.sha256("\0".join(said).encode("utf-8", "surrogateescape")).digest()


class _Passing:
    """A place under throttles, given back without waiting."""

    def __init__(self, entry: Entry, leaving: set[asyncio.Task[None]]) -> None:
        self._entry = entry
        self._leaving = leaving

    def leave(self) -> None:
        """Once."""
        task = asyncio.get_running_loop().create_task(self._entry.leave())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


class OutboundGate:
    """The throttles on what leaves."""

    def __init__(self, throttles: Throttles, tools: Tools) -> None:
        self._throttles = throttles
        self._tools = tools
        self._leaving: set[asyncio.Task[None]] = set()  # kept, so that they end

    async def enter(self, work: Work, cause: str) -> Pass | float:
        """The leave to send it, or after how many seconds to ask again. The recipient in question is the first one."""
        mail = work.mail
        facts = leaving_facts(self._tools, mail, 0, size=mail.size, retry=work.tries, cause=cause)
        facts["route"] = work.route
        found = await self._throttles.enter("outbound", facts)
        return found.seconds if isinstance(found, Refusal) else _Passing(found, self._leaving)

    async def close(self) -> None:
        """All places are given back: nobody has to wait until their leases end."""
        await asyncio.gather(*self._leaving, return_exceptions=True)
