"""What rules of the settings may name: every fact about a connection, a message and its way, and from when on.

The law: one table. A setting says at which moment its rules are asked (its type: AtConnect, AtRcpt, …), and a rule that
names what is not known then is refused when settings are loaded. What a moment knows but a client has not said is empty
(texts), 0 or false.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, NamedTuple, TypeVar

from cluster.rules import Choice
from cluster.rules.functions import STANDARD, Function, Functions
from cluster.rules.kinds import Kind

T = TypeVar("T")
Moment = Literal["connect", "hello", "mail", "rcpt", "data", "outbound"]
MOMENTS: Final[tuple[Moment, ...]] = ("connect", "hello", "mail", "rcpt", "data", "outbound")


class Fact(NamedTuple):
    """One fact: its type, when it is known, and what it is."""

    type: type
    known: frozenset[Moment]
    says: str


_ALWAYS: Final = frozenset(MOMENTS)
_IN: Final = frozenset[Moment](("connect", "hello", "mail", "rcpt", "data"))
_HELLO: Final = frozenset[Moment](("hello", "mail", "rcpt", "data"))
_MAIL: Final = frozenset[Moment](("mail", "rcpt", "data"))
_SENDER: Final = frozenset[Moment](("mail", "rcpt", "data", "outbound"))
_RCPT: Final = frozenset[Moment](("rcpt", "outbound"))
_DATA: Final = frozenset[Moment](("data",))
_OUT: Final = frozenset[Moment](("outbound",))

FACTS: Final[Mapping[str, Fact]] = {
    "listener": Fact(str, _IN, "the listener, as protocol-port"),
    "protocol": Fact(str, _IN, "smtp, submission or lmtp"),
    "remote_ip": Fact(str, _IN, "the client's address"),
    "remote_port": Fact(int, _IN, "and its port"),
    "local_ip": Fact(str, _IN, "the address that the client came to"),
    "local_port": Fact(int, _IN, "and its port"),
    "is_tls": Fact(bool, _IN, "whether the connection is encrypted now"),
    "tls_version": Fact(str, _IN, "TLSv1.2, TLSv1.3, or empty"),
    "helo": Fact(str, _HELLO, "the name given in EHLO, HELO or LHLO"),
    "authenticated": Fact(str, _HELLO, "the login that has proven itself, or empty"),
    "account": Fact(int, _HELLO, "its account's number, or 0"),
    "sender": Fact(str, _SENDER, "the envelope's sender, empty for a bounce"),
    "sender_domain": Fact(str, _SENDER, "its domain, in lower case"),
    "size": Fact(int, _SENDER, "bytes: as declared in MAIL, later as they are"),
    "priority": Fact(int, _SENDER, "MT-PRIORITY (RFC 6710), -9 to 9"),
    "spf": Fact(str, _MAIL, "what SPF says: pass, fail, softfail, neutral, none, temperror, …"),
    "iprev": Fact(str, _MAIL, "what the reverse name says: pass, fail, temperror, permerror"),
    "recipient": Fact(str, _RCPT, "the recipient in question"),
    "recipient_domain": Fact(str, _RCPT, "its domain, in lower case"),
    "recipients": Fact(int, _SENDER, "how many recipients were taken so far"),
    "dkim": Fact(str, _DATA, "what DKIM says: pass, fail, none, …"),
    "dmarc": Fact(str, _DATA, "what DMARC says: pass, fail, none, …"),
    "arc": Fact(str, _DATA, "what ARC says: pass, fail, none"),
    "mx": Fact(str, _OUT, "the host that is tried"),
    "retry": Fact(int, _OUT, "attempts before this one"),
    "cause": Fact(str, _OUT, "the class of the last failure, or empty"),
    "route": Fact(str, _OUT, "the route that was chosen"),
}


def domain_of(address: str) -> str:
    """What stands after the last @, in lower case; empty without one."""
    return address.rpartition("@")[2].lower() if "@" in address else ""


def local_of(address: str) -> str:
    """What stands before the last @; all of it without one."""
    return address.rpartition("@")[0] if "@" in address else address


def is_subdomain(domain: str, of: str) -> bool:
    """Whether a domain is another or below it."""
    domain, of = domain.lower().removesuffix("."), of.lower().removesuffix(".")
    return bool(of) and (domain == of or domain.endswith(f".{of}"))


FUNCTIONS: Final[Functions] = {
    **STANDARD,
    "domain_of": (Function((Kind.TEXT,), Kind.TEXT, domain_of),),
    "local_of": (Function((Kind.TEXT,), Kind.TEXT, local_of),),
    "is_subdomain": (Function((Kind.TEXT, Kind.TEXT), Kind.BOOL, is_subdomain),),
}


def known_at(moment: Moment) -> dict[str, type]:
    """The variables of rules that are asked then."""
    return {name: fact.type for name, fact in FACTS.items() if moment in fact.known}


def set_sender(facts: dict[str, Any], address: str) -> None:
    """Note the envelope's sender."""
    facts["sender"], facts["sender_domain"] = address, domain_of(address)


def set_recipient(facts: dict[str, Any], address: str) -> None:
    """Note the recipient in question."""
    facts["recipient"], facts["recipient_domain"] = address, domain_of(address)


class _Mail(Choice[T]):
    functions: ClassVar[Functions] = FUNCTIONS
    __slots__ = ()


class AtConnect(_Mail[T]):
    """A choice made when a client connects, and again after STARTTLS."""

    variables = known_at("connect")
    __slots__ = ()


class AtHello(_Mail[T]):
    """A choice made after EHLO, and after AUTH."""

    variables = known_at("hello")
    __slots__ = ()


class AtMail(_Mail[T]):
    """A choice made at MAIL FROM."""

    variables = known_at("mail")
    __slots__ = ()


class AtRcpt(_Mail[T]):
    """A choice made for each RCPT TO."""

    variables = known_at("rcpt")
    __slots__ = ()


class AtData(_Mail[T]):
    """A choice made when the whole message is here."""

    variables = known_at("data")
    __slots__ = ()


class AtOutbound(_Mail[T]):
    """A choice made for mail that leaves, for each recipient or host."""

    variables = known_at("outbound")
    __slots__ = ()
