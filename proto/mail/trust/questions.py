"""How an evaluator asks: it is a generator that yields questions for the DNS and is sent the answers.

The law: an evaluator never waits, looks at no clock and raises nothing for any answer. All questions of one tuple are
independent, and are asked at the same time. An answer that could not be had is TEMPFAIL, never empty.
"""

from collections.abc import Generator
from enum import StrEnum
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

T = TypeVar("T")


class Status(StrEnum):
    """How a question ended. OK without records: the name exists, but has none of the kind."""

    OK = "ok"
    NXDOMAIN = "nxdomain"
    TEMPFAIL = "tempfail"


class Question(NamedTuple):
    """`kind`: A, AAAA, TXT, MX, PTR, CNAME, NS, TLSA, SRV. `name` without the dot of the root at its end, A-labels; of
    PTR the reversed name. What is no name (labels over 63 bytes, 255 in all, empty ones) is answered NXDOMAIN."""

    name: str
    kind: str


class Answer(Protocol):
    """What `cluster.dns.resolver.Answer` is, too.

    `records` by kind: A, AAAA, PTR, CNAME, NS: str (names in lower case, no dot at the end); TXT: bytes, its strings
    joined; MX: (preference, host), host empty for the null MX (RFC 7505); TLSA: (usage, selector, matching, data);
    SRV: (priority, weight, port, host). `secure`: all of it was validated with DNSSEC. `name`: where CNAMEs led.
    """

    @property
    def status(self) -> str: ...
    @property
    def records(self) -> tuple[Any, ...]: ...
    @property
    def secure(self) -> bool: ...
    @property
    def name(self) -> str: ...


Asking: TypeAlias = Generator[tuple[Question, ...], tuple[Answer, ...], T]
"""An evaluator that ends with a T."""
