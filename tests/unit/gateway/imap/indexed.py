"""A world whose accounts have search indexes: the real ones, made in memory of the messages that a test says."""

from typing import Any

import numpy as np

from actors.search.entry import Entry, entry_of
from actors.search.index import AccountIndex, Matches, Scores
from gateway.access.parts import Array
from tests.unit.actors.search.making import index_of, part_of
from tests.unit.gateway.imap.world import ALICE, World


class Asked:
    """An index that remembers what it was asked."""

    def __init__(self, index: AccountIndex) -> None:
        self._index = index
        self.asked: list[tuple[str, str]] = []
        self.covers = index.covers
        self.briefs = index.briefs

    async def lookup(self, field: str, needle: str) -> Matches:
        self.asked.append((field, needle))
        return await self._index.lookup(field, needle)

    async def fuzzy(self, field: str, needle: str, within: Array | None = None) -> Scores:
        self.asked.append((f"fuzzy {field}", needle))
        return await self._index.fuzzy(field, needle, within)


class MemoryIndexes:
    """Indexes of all accounts; those that nobody made cover nothing."""

    def __init__(self) -> None:
        self.wanted: set[int] = set()
        self.made: dict[int, Asked] = {}

    async def want(self, account: int) -> None:
        self.wanted.add(account)

    async def index_of(self, account: int) -> Asked:
        return self.made.get(account) or Asked(index_of(()))


class IndexedWorld(World):
    """As World."""

    def __init__(self, **settings: Any) -> None:
        self.indexes = self.memory = MemoryIndexes()
        super().__init__(**settings)

    async def index(self, *, mailbox: str = "INBOX", account: int = ALICE, recent: int = 0, left: int = 0) -> Asked:
        """Index a mailbox: all but the last `left` messages, the last `recent` of those as entries."""
        hold = await self.mail.select(account, mailbox, read_only=True, changed=lambda: None)
        emails = np.unique(hold.view.index.emails).tolist()
        await hold.close()
        return await self.index_emails(emails, account, recent=recent, left=left)

    async def index_emails(self, emails: list[int], account: int = ALICE, *, recent: int = 0, left: int = 0) -> Asked:
        """Index these emails, which ascend, in the same way."""
        entries: list[Entry] = []
        for email, message in zip(emails, await self.mail.messages(account, emails), strict=True):
            assert message is not None
            entries.append(entry_of(email, await self.mail.content(message), message.record))
        self.mail.read = self.mail.opened = 0
        entries = entries[: len(entries) - left]
        old, new = entries[: len(entries) - recent], entries[len(entries) - recent :]
        self.memory.made[account] = Asked(index_of([part_of(old)] if old else [], new))
        return self.memory.made[account]
