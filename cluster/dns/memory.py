"""The resolver's twin: answers from a table, for tests and for worlds without a network.

The law: it says what the real one would say of the same zones.
"""

from collections import Counter
from collections.abc import Collection

from cluster.dns.codec import KINDS, wire_name
from cluster.dns.records import Table, Zones
from cluster.dns.resolver import Answer


class MemoryResolver:
    """`secure`: names (and what is below them) whose answers are validated. `failing`: names that cannot be asked for.
    `asked` counts what was."""

    def __init__(self, zones: Zones, *, secure: Collection[str] = (), failing: Collection[str] = ()) -> None:
        self._table = Table(zones)
        self._secure = tuple(secure)
        self._failing = frozenset(failing)
        self.asked: Counter[tuple[str, str]] = Counter()

    async def ask(self, name: str, kind: str) -> Answer:
        """The records of a kind."""
        return self.known(name, kind)

    def known(self, name: str, kind: str) -> Answer:
        """The same, at once."""
        if kind not in KINDS:
            return Answer("tempfail", why=f"{kind!r} is not asked for")
        name = name.lower().removesuffix(".")
        self.asked[name, kind] += 1
        if not wire_name(name):
            return Answer("nxdomain", name=name)
        if name in self._failing:
            return Answer("tempfail", name=name, why="SERVFAIL")
        found = self._table.find(name, kind)
        return found._replace(secure=found.secure and self._is_secure(name) and self._is_secure(found.name))

    def _is_secure(self, name: str) -> bool:
        return any(name == zone or name.endswith("." + zone) or not zone for zone in self._secure)
