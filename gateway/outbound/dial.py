"""Where a domain's mail goes (RFC 5321 5.1): MX hosts in order, their addresses, what TLS they need; or why nowhere.

The law: a temporary failure of the DNS is temporary; nothing here raises for any answer. Hosts and addresses are
bounded, and mail never goes to ourselves, nor to hosts that are less preferred than we are.
"""

import asyncio
import ipaddress
import zlib
from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from cluster.clock import Clock, Dice
from cluster.dns.resolver import Answer, Resolver
from gateway.outbound.policysettings import Wish
from gateway.outbound.settings import MX, OutboundSettings, Route, Source
from gateway.outbound.tls import Observer, Policies, TlsOutcome, TlsPolicy


class Demands(NamedTuple):
    """What a message asks of its way: `route` names one of the settings in place of the domain's own; the others are
    those of Policies.plan."""

    route: str = ""
    require_tls: bool = False
    tls_optional: bool = False
    level: Wish = "opportunistic"


class Nowhere(NamedTuple):
    """Why there is nobody to speak to."""

    outcome: Literal["deferred", "failed"]
    status: str
    said: str
    cause: str


class Leaving(msgspec.Struct, frozen=True):
    """As whom we come to a host."""

    sources: tuple[Source, ...] = ()
    hello: str = ""  # where the source has none; empty: the hostname


class Host(msgspec.Struct, frozen=True):
    """One server: its name for SNI and certificates, and where it is, IPv6 and IPv4 in turn."""

    name: str
    rank: int  # 0: the most preferred
    addresses: tuple[str, ...]
    policy: TlsPolicy
    leaving: Leaving = Leaving()


class Plan(msgspec.Struct, frozen=True):
    """Where to go. Messages of plans with the same `key` share connections: so domains behind the same MX hosts are
    rolled up."""

    domain: str  # one of those that go this way
    hosts: tuple[Host, ...]
    port: int
    lmtp: bool = False
    route: Route | None = None
    require_tls: bool = False  # RFC 8689: the server must offer REQUIRETLS
    key: tuple[object, ...] = ()
    connections_max: int = 20


class Candidate(NamedTuple):
    """One address to try."""

    host: Host
    address: str

    def source(self) -> Source | None:
        """Of our addresses of the same family, always the same one for a host."""
        sources = self.host.leaving.sources
        if not sources or self.address.startswith("/"):
            return None
        six = ":" in self.address
        fitting = [source for source in sources if (":" in source.address) == six]
        return fitting[zlib.crc32(self.host.name.encode()) % len(fitting)] if fitting else None


class _Mx(NamedTuple):
    preference: int
    host: str


class Dialer:
    """Makes plans, and keeps them for as long as the DNS allows."""

    def __init__(
        self,
        settings: OutboundSettings,
        hostname: str,
        resolver: Resolver,
        policies: Policies,
        clock: Clock,
        observe: Observer = lambda _outcome: None,
        dress: Callable[[Plan], Plan | Nowhere] = lambda plan: plan,
        *,
        plans_max: int = 10_000,
    ) -> None:
        """`dress` adds to a plan what is the same for all mail. `plans_max`: plans remembered; about 1 kB each."""
        self._settings = settings
        self._resolver = resolver
        self._policies = policies
        self._clock = clock
        self._observe = observe
        self._dress = dress
        self._plans_max = plans_max
        self._plans: dict[tuple[str, Demands], tuple[float, Plan]] = {}
        self._routes = {route.name: route for route in settings.route}
        self._rows = settings.rows
        self._own_names = {name.lower() for name in (hostname, *settings.hello.values) if name}
        self._own_names |= {source.hello.lower() for source in settings.source if source.hello}
        self._own_addresses = set(settings.own_addresses) | {source.address for source in settings.source}

    async def plan(self, domain: str, demands: Demands) -> Plan | Nowhere:
        """Where mail for the domain goes. May take a minute, where an MTA-STS policy is fetched."""
        key = (domain, demands)
        now = self._clock.monotonic()
        found = self._plans.get(key)
        if found is not None and found[0] > now:
            return found[1]
        name = demands.route or self.route_of(domain)
        if name and name != MX:
            made, ttl_s = await self._routed(domain, name, demands)
        else:
            made, ttl_s = await self._by_mx(domain, demands)
        if isinstance(made, Plan):
            made = self._dress(made)
        if isinstance(made, Plan):
            self._keep(key, made, now + min(max(ttl_s, 1), self._settings.plan_s))
        return made

    def _keep(self, key: tuple[str, Demands], plan: Plan, until: float) -> None:
        self._plans.pop(key, None)
        if len(self._plans) >= self._plans_max:
            del self._plans[next(iter(self._plans))]
        self._plans[key] = (until, plan)

    def route_of(self, domain: str) -> str:
        """The name of the route that the settings have for a domain; empty: its MX."""
        routes = self._rows
        if not routes:
            return ""
        if domain in routes:
            return routes[domain]
        rest = domain
        while rest:
            _, _, rest = rest.partition(".")
            if rest and "." + rest in routes:
                return routes["." + rest]
        return routes.get("*", "")

    # -- routes ----------------------------------------------------------------------------------------------------

    async def _routed(self, domain: str, name: str, demands: Demands) -> tuple[Plan | Nowhere, float]:
        route = self._routes.get(name)
        addresses: tuple[str, ...]
        if route is None:
            return Nowhere("deferred", "4.3.5", f"The settings have no route {name[:100]}", "system"), 0
        require_tls = demands.require_tls and route.protocol == "smtp" and not route.host.startswith("/")
        if require_tls and route.tls == "none":
            said = f"REQUIRETLS, but the route {name[:100]} has no TLS"
            return Nowhere("failed", "5.7.10", said, "tls"), 0
        policy = TlsPolicy("pkix" if require_tls else route.tls)
        if route.host.startswith("/") or _address(route.host):
            addresses, ttl_s = (route.host,), self._settings.plan_s
        else:
            addresses, ttl_s, temporary = await self._addresses(route.host)
            if not addresses:
                status = "4.4.3" if temporary else "4.4.4"
                return Nowhere("deferred", status, f"No address is found for {route.host}", "dns"), 0
        host = Host(route.host, 0, addresses[: self._settings.addresses_max], policy)
        lmtp = route.protocol == "lmtp"
        return self._made(domain, (host,), route.port, lmtp=lmtp, route=route, require_tls=require_tls), ttl_s

    def _made(
        self,
        domain: str,
        hosts: tuple[Host, ...],
        port: int,
        *,
        lmtp: bool = False,
        route: Route | None = None,
        require_tls: bool = False,
    ) -> Plan:
        name = route.name if route else ""
        key = (port, name, require_tls, *((host.rank, host.name, host.policy) for host in hosts))
        return Plan(domain, hosts, port, lmtp, route, require_tls, key)

    # -- MX --------------------------------------------------------------------------------------------------------

    async def _by_mx(self, domain: str, demands: Demands) -> tuple[Plan | Nowhere, float]:
        if domain.startswith("["):
            found: list[_Mx] | Nowhere = _literal(domain)
            secure, ttl_s = True, self._settings.plan_s
        else:
            answer = await self._resolver.ask(domain, "MX")
            secure, ttl_s = answer.secure, float(answer.ttl_s)
            found = _mx_of(domain, answer)
        if isinstance(found, Nowhere):
            return found, 0
        found = self._before_us(found[: self._settings.mx_max])
        if not found:
            return Nowhere("failed", "5.4.6", f"Mail for {domain} loops back to this server", "loop"), 0
        located, ttl_addresses_s = await self._locate(domain, found)
        if isinstance(located, Nowhere):
            return located, 0
        names = [mx.host for mx, _ in located]
        policies = await self._policies.plan(
            domain,
            names,
            mx_secure=secure,
            require_tls=demands.require_tls,
            tls_optional=demands.tls_optional,
            level=demands.level,
        )
        refused = {name: policy for name, policy in policies.items() if policy.level == "refused"}
        self._tell_refused(domain, refused)
        hosts = self._hosts(located, policies)
        if not hosts:
            return _refused(domain, refused, require_tls=demands.require_tls), 0
        plan = self._made(domain, hosts, self._settings.port, require_tls=demands.require_tls)
        return plan, min(ttl_s or 60, ttl_addresses_s or 60)

    def _before_us(self, found: list[_Mx]) -> list[_Mx]:
        """RFC 5321 5.1: where we are among the hosts, only those that are preferred to us."""
        ours = min((mx.preference for mx in found if mx.host in self._own_names), default=None)
        return found if ours is None else [mx for mx in found if mx.preference < ours]

    async def _locate(self, domain: str, found: list[_Mx]) -> tuple[list[tuple[_Mx, tuple[str, ...]]] | Nowhere, float]:
        """The hosts that have addresses; those that are ours are cut off with all that are not preferred to them."""
        answers = await asyncio.gather(*(self._addresses(mx.host) for mx in found))
        located: list[tuple[_Mx, tuple[str, ...]]] = []
        ours, temporary, least_s = None, False, float("inf")
        for mx, (addresses, ttl_s, failed) in zip(found, answers, strict=True):
            temporary = temporary or failed
            if ours is not None and mx.preference >= ours:
                continue
            if any(address in self._own_addresses for address in addresses):
                ours = mx.preference
                located = [one for one in located if one[0].preference < ours]
            elif usable := tuple(address for address in addresses if self._usable(address)):
                located.append((mx, usable))
                least_s = min(least_s, ttl_s)
        if located:
            return located, least_s
        if ours is not None:
            return Nowhere("failed", "5.4.6", f"Mail for {domain} loops back to this server", "loop"), 0
        if temporary:
            return Nowhere("deferred", "4.4.3", f"The addresses of {domain} cannot be looked up now", "dns"), 0
        return Nowhere("failed", "5.4.4", f"No server of {domain} has an address to send to", "dns"), 0

    def _tell_refused(self, domain: str, refused: dict[str, TlsPolicy]) -> None:
        """Of a host that is not even connected to, reports are to know, too (RFC 8460 §4.3.2)."""
        for host, policy in refused.items():
            if policy.problems:
                *others, last = policy.problems
                told = replace(policy, problems=tuple(others))  # the last is what became of the session
                self._observe(TlsOutcome(domain, host, "", "", told, last.failure, last.why))

    def _hosts(self, located: list[tuple[_Mx, tuple[str, ...]]], policies: dict[str, TlsPolicy]) -> tuple[Host, ...]:
        ranks = {preference: rank for rank, preference in enumerate(sorted({mx.preference for mx, _ in located}))}
        return tuple(
            Host(mx.host, ranks[mx.preference], addresses, policies.get(mx.host, TlsPolicy()))
            for mx, addresses in located
            if policies.get(mx.host, TlsPolicy()).level != "refused"
        )

    async def _addresses(self, host: str) -> tuple[tuple[str, ...], float, bool]:
        """Addresses, IPv6 and IPv4 in turn; for how long; whether some could not be looked up."""
        if literal := _address(host):
            return (literal,), self._settings.plan_s, False
        kinds = ("AAAA", "A") if self._settings.ipv6 else ("A",)
        answers = await asyncio.gather(*(self._resolver.ask(host, kind) for kind in kinds))
        columns = [[str(record) for record in answer.records if _address(str(record))] for answer in answers]
        mixed = [
            column[row] for row in range(max(map(len, columns), default=0)) for column in columns if row < len(column)
        ]
        ttl_s = min((float(answer.ttl_s) for answer in answers if answer.records), default=0.0)
        return tuple(mixed), ttl_s, any(answer.status == "tempfail" for answer in answers)

    def _usable(self, address: str) -> bool:
        """Nobody's MX is at these: they are this machine, or nowhere."""
        parsed = ipaddress.ip_address(address)
        return not (
            parsed.is_unspecified or parsed.is_multicast or (parsed.is_loopback and not self._settings.loopback)
        )


def _mx_of(domain: str, answer: Answer) -> list[_Mx] | Nowhere:
    """The hosts in order; the domain itself where it has no MX (RFC 5321 5.1)."""
    if answer.status == "tempfail":
        return Nowhere("deferred", "4.4.3", f"The MX of {domain} cannot be looked up now: {answer.why}"[:300], "dns")
    if answer.status == "nxdomain":
        return Nowhere("failed", "5.1.2", f"The domain {domain} does not exist", "bad-domain")
    found = sorted(_Mx(int(preference), str(host).lower()) for preference, host in answer.records)
    if any(not mx.host for mx in found):
        if len(found) == 1:
            return Nowhere("failed", "5.1.10", f"The domain {domain} takes no mail (RFC 7505)", "bad-domain")
        found = [mx for mx in found if mx.host]
    return found or [_Mx(0, answer.name or domain)]


def _literal(domain: str) -> list[_Mx] | Nowhere:
    """An address literal (RFC 5321 4.1.3)."""
    inner = domain[1:-1]
    address = _address(inner[5:] if inner[:5].lower() == "ipv6:" else inner)
    if not address or not domain.endswith("]"):
        return Nowhere("failed", "5.1.2", "The address literal cannot be read", "bad-domain")
    return [_Mx(0, address)]


def _address(text: str) -> str:
    """The address in its usual form, or empty."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _refused(domain: str, refused: dict[str, TlsPolicy], *, require_tls: bool) -> Nowhere:
    """All hosts are."""
    why = next((policy.why for policy in refused.values() if policy.why), "")
    said = f"No server of {domain} meets the demands on TLS" + (f": {why}" if why else "")
    if require_tls and not any(policy.passing for policy in refused.values()):  # RFC 8689 4.2.1
        return Nowhere("failed", "5.7.10", said[:300], "tls")
    return Nowhere("deferred", "4.7.5", said[:300], "tls")


def candidates(plan: Plan, dice: Dice, addresses_max: int) -> list[Candidate]:
    """The addresses in the order to try: by preference, equals at random (RFC 5321 5.1), at most so many."""
    shuffled = sorted(plan.hosts, key=lambda host: (host.rank, dice.getrandbits(32)))
    return [Candidate(host, address) for host in shuffled for address in host.addresses][:addresses_max]
