"""The resolver of a running server: settings' own names, the cache, one question for all who ask the same, servers.

The law: whoever is cancelled while it waits takes no answer away from others; nothing is raised for any name or answer.
"""

import asyncio
import re
from collections import Counter
from functools import partial
from typing import Final

from cluster.clock import Clock, Dice
from cluster.dns.cache import Cache, Key
from cluster.dns.codec import KINDS, Reply, question, wire_name
from cluster.dns.records import Table
from cluster.dns.resolver import Answer
from cluster.dns.settings import DnsSettings, servers_of
from cluster.dns.udp import Mux
from cluster.errors import Misconfigured

# Names that no public server has (RFC 6761 6.2 to 6.4), and the addresses of loopback (RFC 6303 4.3).
_SPECIAL: Final = re.compile(r"(?:.*\.)?(?:test|invalid|127\.in-addr\.arpa|1(?:\.0){31}\.ip6\.arpa)")


def is_special(name: str) -> bool:
    """Whether a name is never asked for outside: in lower case, without a dot at the end."""
    return name.endswith((".test", ".invalid", ".arpa", "test", "invalid")) and _SPECIAL.fullmatch(name) is not None


class DnsResolver:
    """Make it within the event loop it belongs to; `close` at the end. `asked` and `hits` count questions to
    servers, and those that needed none; `outcomes` how the former ended."""

    def __init__(self, settings: DnsSettings, clock: Clock, dice: Dice) -> None:
        """Raises Misconfigured."""
        self._settings = settings
        self._cache = Cache(clock, entries_max=settings.cache_entries_max, bytes_max=settings.cache_bytes_max)
        self._mux = Mux(servers_of(settings), dice, settings)
        self._waiting: dict[Key, list[asyncio.Future[Answer]]] = {}
        self.asked = self.hits = 0
        self._special = not settings.servers  # who names servers may serve such names for tests
        self.outcomes: Counter[str] = Counter()
        try:
            self._static = Table(settings.static)
        except ValueError as error:
            raise Misconfigured(f"[dns.static]: {error}.") from error

    def known(self, name: str, kind: str) -> Answer | None:
        """The answer if it is at hand."""
        found = self._cache.get((name.lower(), kind))
        if found is not None:
            self.hits += 1
            return found
        return self._given(name.lower().removesuffix("."), kind)

    async def ask(self, name: str, kind: str) -> Answer:
        """The records of a kind: A, AAAA, TXT, MX, PTR, CNAME, NS, TLSA, SRV. Raises nothing for any text."""
        found = self.known(name, kind)
        if found is not None:
            return found
        key = (name.lower(), kind)
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if (waiting := self._waiting.get(key)) is not None:
            waiting.append(future)
        elif wire := wire_name(name):
            self._waiting[key] = [future]
            self.asked += 1
            self._mux.ask(key[0], kind, question(wire, kind), partial(self._answered, key))
        else:
            return Answer("nxdomain", name=name, why="no name")
        return await future

    async def close(self) -> None:
        """Answer all that wait with a temporary failure; let go of the sockets."""
        await self._mux.close()

    @property
    def open(self) -> int:
        """Questions that wait for a server."""
        return len(self._waiting)

    @property
    def cached(self) -> int:
        """Answers in the cache."""
        return len(self._cache)

    @property
    def cached_bytes(self) -> int:
        """About how large they are."""
        return self._cache.bytes

    def _given(self, name: str, kind: str) -> Answer | None:
        """What needs no server."""
        if kind not in KINDS:
            return Answer("tempfail", name=name, why=f"{kind!r} is not asked for")
        if name in self._static:
            return self._static.find(name, kind)
        if self._special and is_special(name):
            return Answer("nxdomain", name=name)
        return None

    def _answered(self, key: Key, reply: Reply, trusted: bool) -> None:
        answer, ttl_s = self._judged(key[0], reply, trusted)
        self._cache.put(key, answer, ttl_s)
        self.outcomes[answer.status] += 1
        for future in self._waiting.pop(key):
            if not future.done():
                future.set_result(answer)

    def _judged(self, name: str, reply: Reply, trusted: bool) -> tuple[Answer, int]:
        settings = self._settings
        if reply.status == "tempfail":
            return Answer("tempfail", name=name, why=reply.why), settings.failure_ttl_s
        ttl_s = min(reply.ttl_s, settings.ttl_s_max if reply.records else settings.negative_ttl_s_max)
        secure = reply.authentic and trusted
        return Answer(reply.status, reply.records, secure, reply.name, ttl_s), ttl_s
