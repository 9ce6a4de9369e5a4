"""A resolver over a dictionary, that takes its time."""

import asyncio
from typing import Any

from cluster.dns.resolver import Answer


class Resolver:
    """`records[name][kind]`; a question waits `wait_s`, or as long as `slow` says for its name. What `cached` holds is
    known at once."""

    def __init__(self, records: dict[str, dict[str, list[Any]]], wait_s: float = 0.1) -> None:
        self.records = records
        self.wait_s = wait_s
        self.slow: dict[str, float] = {}
        self.broken: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.open = 0

    async def ask(self, name: str, kind: str) -> Answer:
        self.asked.append((name, kind))
        self.open += 1
        try:
            await asyncio.sleep(self.slow.get(name, self.wait_s))
        finally:
            self.open -= 1
        return self.answer(name, kind)

    def answer(self, name: str, kind: str) -> Answer:
        if name in self.broken:
            return Answer("tempfail", why="broken")
        kinds = self.records.get(name)
        return Answer("nxdomain") if kinds is None else Answer("ok", tuple(kinds.get(kind, ())))


class Knowing(Resolver):
    """One that has everything in its cache."""

    def known(self, name: str, kind: str) -> Answer | None:
        return self.answer(name, kind)
