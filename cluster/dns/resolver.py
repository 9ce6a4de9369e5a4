"""The resolver interface: one question, one answer.

The law: no answer is an exception. What could not be found out is `tempfail` with the reason; that a name, or a record
of it, does not exist is an answer. Time, memory and the number of questions are bounded whatever servers send.
"""

from typing import Any, Literal, NamedTuple, Protocol


class Answer(NamedTuple):
    """`records` by kind: A, AAAA, PTR, CNAME, NS: str (names in lower case, no dot at the end); TXT: bytes, its strings
    joined; MX: (preference, host), host empty for the null MX; TLSA: (usage, selector, matching, data); SRV:
    (priority, weight, port, host). `ok` without records: the name exists, but has none of the kind."""

    status: Literal["ok", "nxdomain", "tempfail"]
    records: tuple[Any, ...] = ()
    secure: bool = False  # validated with DNSSEC, by whom the settings trust to do so
    name: str = ""  # where CNAMEs led; the name asked for where there were none
    ttl_s: int = 0  # what is left of it
    why: str = ""  # of tempfail, in words


class Resolver(Protocol):
    """Asks the DNS."""

    async def ask(self, name: str, kind: str) -> Answer:
        """The records of a kind: A, AAAA, TXT, MX, PTR, CNAME, NS, TLSA, SRV. Raises nothing for any text."""
        ...


class Remembering(Resolver, Protocol):
    """One that can say at once what it knows already."""

    def known(self, name: str, kind: str) -> Answer | None:
        """The answer if it is at hand, without giving others a turn; else None, and `ask` may wait."""
        ...
