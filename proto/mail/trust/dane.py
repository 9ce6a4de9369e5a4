"""DANE for SMTP (RFC 7672): what the DNS lets a client demand of a host, before it is connected to.

The law: TLSA records count only where all that leads to them was validated; where that is so, what cannot be found out
delays mail, and is never taken for "there are none".
"""

import hashlib
from collections.abc import Iterable
from typing import Any, Final, Literal, NamedTuple

from mail.trust.questions import Answer, Asking, Question, Status

TA: Final = 2  # certificate usages (RFC 7218): a trust anchor of its own
EE: Final = 3  # the server's certificate itself
CERTIFICATE: Final = 0  # selectors
KEY: Final = 1
FULL: Final = 0  # matching types
SHA256: Final = 1
SHA512: Final = 2
RECORDS_MAX: Final = 100  # of a host; more than these are not looked at
PORT: Final = 25

_DIGEST_BYTES: Final = {SHA256: 32, SHA512: 64}


class Tlsa(NamedTuple):
    """A TLSA record (RFC 6698 §2.1)."""

    usage: int
    selector: int
    matching: int
    data: bytes

    def __str__(self) -> str:
        """As zone files have it."""
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"

    def fits(self, certificate: bytes, key: bytes) -> bool:
        """Whether it is about this certificate (DER), whose SubjectPublicKeyInfo is `key` (RFC 6698 §2.1)."""
        chosen = certificate if self.selector == CERTIFICATE else key
        if self.matching == SHA256:
            return hashlib.sha256(chosen).digest() == self.data
        if self.matching == SHA512:
            return hashlib.sha512(chosen).digest() == self.data
        return chosen == self.data


class TlsaPlan(NamedTuple):
    """What to do with a host. none: DANE says nothing. encrypt: TLS is a must, but nothing can be proven. dane: the
    certificate must fit `records`. defer: not to be connected to now. `base`: the name for SNI, and with `names` what a
    certificate under a trust anchor may be for (RFC 7672 §3.2.3). `records`: those that count; `all`: as published."""

    level: Literal["none", "encrypt", "dane", "defer"]
    records: tuple[Tlsa, ...] = ()
    base: str = ""
    names: tuple[str, ...] = ()
    why: str = ""
    all: tuple[Tlsa, ...] = ()


def usable(records: Iterable[Any]) -> tuple[Tlsa, ...]:
    """The records that count: of usages that SMTP has (RFC 7672 §3.1.3), well formed, and of each usage and selector
    those with the strongest digest besides whole ones (RFC 7671 §9)."""
    good = [record for record in map(_tlsa, list(records)[:RECORDS_MAX]) if _is_sound(record)]
    strongest: dict[tuple[int, int], int] = {}
    for record in good:
        kind = (record.usage, record.selector)
        strongest[kind] = max(strongest.get(kind, FULL), record.matching)
    return tuple(record for record in good if record.matching in (FULL, strongest[record.usage, record.selector]))


def _tlsa(record: Any) -> Tlsa:
    return Tlsa(*record)


def _is_sound(record: Tlsa) -> bool:
    if record.usage not in (TA, EE) or record.selector not in (CERTIFICATE, KEY) or not record.data:
        return False
    return record.matching == FULL or len(record.data) == _DIGEST_BYTES.get(record.matching)


def tlsa_for(host: str, *, mx_secure: bool, names: tuple[str, ...] = (), port: int = PORT) -> Asking[TlsaPlan]:
    """What DANE demands of a host (RFC 7672 §2.2). `mx_secure`: the answer that named it was validated; for a domain
    without MX, that there are none. `names`: the next-hop domain, and where CNAMEs led from it."""
    if not mx_secure:
        return TlsaPlan("none", why="the MX records are not validated with DNSSEC")
    addresses = yield (Question(host, "A"), Question(host, "AAAA"))
    found = [answer for answer in addresses if answer.status == Status.OK and answer.records]
    if not found:
        # RFC 7672 §2.1.1: a failure may hide addresses in a signed zone; without any there is nobody to talk to.
        if any(answer.status == Status.TEMPFAIL for answer in addresses):
            return TlsaPlan("defer", why=f"the addresses of {host} cannot be looked up")
        return TlsaPlan("none", why=f"{host} has no addresses")
    bases = yield from _bases(host, found)
    if isinstance(bases, TlsaPlan):
        return bases
    for base in bases:
        (answer,) = yield (Question(f"_{port}._tcp.{base}", "TLSA"),)
        if answer.status == Status.TEMPFAIL:
            return TlsaPlan("defer", base=base, why=f"the TLSA records of {base} cannot be looked up")
        if answer.status == Status.OK and answer.records and answer.secure:
            return _judged(answer, base, names)
    return TlsaPlan("none", why=f"{host} has no TLSA records that are validated")


def _bases(host: str, found: list[Answer]) -> Asking[tuple[str, ...] | TlsaPlan]:
    """The names below which TLSA records may be (RFC 7672 §2.2.2, 2.2.3): the end of the CNAMEs, then the host."""
    end = found[0].name or host
    if all(answer.secure for answer in found):
        return (host,) if end == host else (end, host)
    if end == host:
        return TlsaPlan("none", why=f"the addresses of {host} are not validated with DNSSEC")
    (alias,) = yield (Question(host, "CNAME"),)  # a validated alias of what is not
    if alias.status == Status.TEMPFAIL:
        return TlsaPlan("defer", why=f"the CNAME of {host} cannot be looked up")
    if alias.secure and alias.records:
        return (host,)
    return TlsaPlan("none", why=f"the CNAME of {host} is not validated with DNSSEC")


def _judged(answer: Answer, base: str, names: tuple[str, ...]) -> TlsaPlan:
    records = usable(answer.records)
    published = tuple(_tlsa(record) for record in answer.records[:RECORDS_MAX])
    if not records:  # RFC 7672 §2.2: then TLS, but not who it is with, is a must
        return TlsaPlan("encrypt", base=base, why=f"no TLSA record of {base} is usable", all=published)
    accepted = tuple(dict.fromkeys(name for name in (base, *names) if name))
    return TlsaPlan("dane", records, base, accepted, f"{base} has TLSA records", published)
