"""What the checks on a message have found, as values: for rules, reports and the trace."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

from actors.trace.types import Fact
from mail.trust.author import Author
from mail.trust.dmarc import DmarcResult
from mail.trust.iprev import IprevResult
from mail.trust.spf import SpfResult


class Dkim(Protocol):
    """One signature, as `mail.trust.dkim.verify` judges it."""

    @property
    def result(self) -> str: ...
    @property
    def domain(self) -> str: ...
    @property
    def selector(self) -> str: ...
    @property
    def algorithm(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def b(self) -> str: ...


class Seal(Protocol):
    """One seal of a chain."""

    @property
    def domain(self) -> str: ...


class Arc(Protocol):
    """The chain, as `mail.trust.arc.verify` judges it."""

    @property
    def seals(self) -> tuple[Seal, ...]: ...
    @property
    def newest(self) -> str: ...
    @property
    def temporary(self) -> bool: ...

    @property
    def result(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def oldest_pass(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Envelope:
    """What can be known before the message comes. None: not checked."""

    ip: str
    helo: str
    sender: str
    iprev: IprevResult | None = None
    spf_helo: SpfResult | None = None
    spf: SpfResult | None = None


class Told(NamedTuple):
    """What the checks said. None: not made."""

    envelope: Envelope
    author: Author
    dkim: tuple[Dkim, ...] | None
    arc: Arc | None
    dmarc: DmarcResult | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """All there is to know; None: not checked.

    `authentication_results`: the field, with its CRLF, to be put in front of the message. `facts`: for the trace, in
    the order of the checks.
    """

    envelope: Envelope
    author: Author
    dkim: tuple[Dkim, ...] | None
    arc: Arc | None
    dmarc: DmarcResult | None
    authentication_results: bytes
    facts: tuple[Fact, ...]
