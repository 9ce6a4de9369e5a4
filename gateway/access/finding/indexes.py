"""What the gateway needs of search indexes, as Protocols; the real ones are actors.search.client and its index.

The law: without any index the same is found, by reading messages.
"""

from typing import Protocol

from actors.search.brief import Columns
from actors.search.index import Matches, Scores
from gateway.access.parts import Array


class TextIndex(Protocol):
    """What is known of an account's messages, as of one moment."""

    def covers(self, emails: Array) -> Array:
        """Of each email, whether it is known; the others have to be looked at."""
        ...

    async def lookup(self, field: str, needle: str) -> Matches:
        """Where a text is. `field`: text, body, header (the value of any), from, to, cc, bcc, subject."""
        ...

    async def fuzzy(self, field: str, needle: str, within: Array | None = None) -> Scores:
        """Where words are in any of their forms (RFC 6203), and how well each message fits. `within`: these emails
        alone count, as who asks may know of no others."""
        ...

    async def briefs(self, emails: Array) -> tuple[Array, Columns]:
        """Which of the emails have their briefs here, and those, in the order of the emails."""
        ...


class Indexes(Protocol):
    """The indexes of all accounts."""

    async def want(self, account: int) -> None:
        """From now on the account has an index."""
        ...

    async def index_of(self, account: int) -> TextIndex:
        """The index as it is now; of an account without one, one that covers nothing."""
        ...
