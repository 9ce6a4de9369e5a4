"""What rules of the settings choose for mail that leaves: its route, how much TLS, as whom we come, how many
connections.

The law: a setting without rules costs nothing for a message: it is part of the plan that is kept. Where rules read the
recipient they are asked for each, else once for a message. Mail for which the rules say different things shares no
connection.
"""

from typing import Final

from msgspec.structs import replace

from actors.queue.types import Envelope
from cluster.rules import Facts, Tools
from gateway.outbound.dial import Leaving, Nowhere, Plan
from gateway.outbound.leaving import leaving_facts
from gateway.outbound.policysettings import Wish
from gateway.outbound.settings import OutboundSettings

_RECIPIENT: Final = frozenset({"recipient", "recipient_domain"})


class Chooser:
    """The choices of [outbound]."""

    def __init__(self, settings: OutboundSettings, tools: Tools) -> None:
        self._settings = settings
        self._tools = tools
        self._leaving = (settings.hello, settings.choose_source, settings.connections_per_destination_max)
        choices = (settings.choose_route, settings.tls.level, *self._leaving)
        read = {name for choice in choices for name in choice.names}
        self.is_plain = all(choice.is_plain for choice in choices)
        """Whether there are no rules at all: then ask `plain` and `dress_plainly`."""
        self.leaves_plainly = all(choice.is_plain for choice in self._leaving)
        """Whether there are none of what `dress` chooses."""
        self.by_recipient = bool(read & _RECIPIENT)
        self._by_host = any("mx" in choice.names for choice in self._leaving)

    def facts(self, mail: Envelope, recipient: int, size: int, retry: int, cause: str) -> Facts:
        """All that is known when mail leaves (gateway/facts.py); `mx` and `route` are set when they are chosen."""
        return leaving_facts(self._tools, mail, recipient, size=size, retry=retry, cause=cause)

    @property
    def plain(self) -> tuple[str, Wish]:
        """The route and the level where there are no rules."""
        return self._settings.choose_route.values[0], self._settings.tls.level.values[0]

    async def route(self, facts: Facts) -> str:
        """The name of a route; empty: as [outbound.routes] says."""
        return await self._settings.choose_route.choose(facts)

    async def level(self, facts: Facts) -> Wish:
        """What is asked of TLS at least, when the route is known and the host is not."""
        return await self._settings.tls.level.choose(facts)

    def dress_plainly(self, plan: Plan) -> Plan | Nowhere:
        """As whom we come, where no rules say so; else the plan as it is."""
        if not self.leaves_plainly:
            return plan
        hello, source, connections_max = self._leaving
        chosen = [(hello.values[0], source.values[0])] * len(plan.hosts)
        return self._dressed(plan, chosen, connections_max.values[0])

    async def dress(self, plan: Plan, facts: Facts) -> Plan | Nowhere:
        """As whom we come to each host, and on how many connections, by rules."""
        hello, source, connections_max = self._leaving
        chosen: list[tuple[str, str]] = []
        for host in plan.hosts:
            if not chosen or self._by_host:
                facts["mx"] = host.name
                chosen.append((await hello.choose(facts), await source.choose(facts)))
            else:
                chosen.append(chosen[0])
        facts["mx"] = plan.hosts[0].name
        dressed = self._dressed(plan, chosen, await connections_max.choose(facts))
        if isinstance(dressed, Nowhere):
            return dressed
        leaving = [(host.name, host.leaving) for host in dressed.hosts]
        return replace(dressed, key=(*plan.key, dressed.connections_max, *leaving))

    def _dressed(self, plan: Plan, chosen: list[tuple[str, str]], connections_max: int) -> Plan | Nowhere:
        """Without the addresses that no source of ours can reach: another address than what was chosen is never
        used."""
        hosts = []
        for host, (hello, name) in zip(plan.hosts, chosen, strict=True):
            sources = tuple(one for one in self._settings.source if name in ("", one.name, one.address))
            sixes = {":" in one.address for one in sources}
            addresses = tuple(one for one in host.addresses if not name or one[0] == "/" or (":" in one) in sixes)
            if addresses:
                hosts.append(replace(host, addresses=addresses, leaving=Leaving(sources, hello)))
        if not hosts:
            names = ", ".join(sorted({name for _, name in chosen}))[:100]
            return Nowhere("deferred", "4.3.5", f"No address of ours named {names} can reach {plan.domain}", "system")
        return replace(plan, hosts=tuple(hosts), connections_max=connections_max)
