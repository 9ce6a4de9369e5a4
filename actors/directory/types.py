"""What the directory holds and answers, as values that everyone may hold.

The law: nothing here has a password or anything made from one.
Addresses are texts whose domain is an A-label in lower case (RFC 5890 §2.3.2.1).
"""

from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

import msgspec

Item = TypeVar("Item")

AccountId = int  # 63 random bits, never 0


class Rewrite(msgspec.Struct, frozen=True):
    """One rule: where `pattern` (RE2 syntax) matches the whole address, the address becomes `replacement`."""

    pattern: str
    replacement: str  # `${1}` is what the first group matched, `${0}` the whole


class Domain(msgspec.Struct, frozen=True):
    """A domain whose mail is ours, and its rules."""

    name: str
    case_sensitive: bool = False  # whether local parts that differ in case are different addresses
    separator: str = "+"  # between a local part and its subaddress (RFC 5233); empty: there are none
    catch_all: str = ""  # gets what is for no address of the domain; empty: such mail is refused
    admin: str = ""  # gets what is for postmaster and abuse where those addresses do not exist
    rewrites: tuple[Rewrite, ...] = ()  # in order; the first that matches is applied, once


class Account(msgspec.Struct, frozen=True):
    """Somebody with a mailbox. `addresses` has the login address first.

    `shared`: nobody logs in as it; its mailboxes are for those that they are shared with. `administrator`: may change
    what other accounts may hold.
    """

    id: AccountId
    login: str
    addresses: tuple[str, ...]
    quota_bytes: int = 0  # 0: no limit
    quota_messages: int = 0  # 0: no limit
    disabled: bool = False  # may not log in; mail is refused
    created_ms: int = 0
    shared: bool = False
    administrator: bool = False


class DkimState(StrEnum):
    """Where a signing key is in its life."""

    WAITING = "waiting"  # to be published; nothing is signed with it yet
    ACTIVE = "active"  # signs
    RETIRED = "retired"  # signs no more; published until what it signed has arrived


class DkimKey(msgspec.Struct, frozen=True):
    """A signing key of a domain, but for its private half, which is in no value."""

    domain: str
    selector: str
    algorithm: str  # "rsa-sha256" or "ed25519-sha256"
    public: str  # as p= has it
    state: DkimState
    created_ms: int
    changed_ms: int  # since when it is in this state
    bits: int = 0

    @property
    def record(self) -> str:
        """What its TXT record says (RFC 6376 3.6.1)."""
        return f"v=DKIM1; k={self.algorithm.partition('-')[0]}; p={self.public}"


class OwnAddress(msgspec.Struct, frozen=True, tag="own"):
    """An address of one account."""

    address: str
    account: AccountId


class Alias(msgspec.Struct, frozen=True, tag="alias"):
    """An address that stands for others; those it leads to may send as it."""

    address: str
    targets: tuple[str, ...]


class MailingList(msgspec.Struct, frozen=True, tag="list"):
    """An address whose mail goes to all members; nobody sends as it."""

    address: str
    members: tuple[str, ...]
    name: str = ""


class Group(msgspec.Struct, frozen=True, tag="group"):
    """An address whose mail goes to all members, and as which each member may send."""

    address: str
    members: tuple[str, ...]
    name: str = ""


Entry = OwnAddress | Alias | MailingList | Group


class Why(StrEnum):
    """Why mail for an address of our domains cannot be taken."""

    BAD_ADDRESS = "this is not an address"
    NO_SUCH_ADDRESS = "there is no such address"
    DISABLED = "the account is disabled"  # RFC 3463 §3.3: X.2.1
    NO_MEMBERS = "it has no members"
    LOOP = "it leads back to itself"
    TOO_DEEP = "it leads through too many addresses, one after another"
    TOO_MANY = "it leads to too many addresses"
    BAD_REWRITE = "a rewriting rule makes no address of it"


class Target(NamedTuple):
    """One account that gets the mail, and the address of it that was reached."""

    account: AccountId
    address: str


class Skipped(NamedTuple):
    """An address on the way that gets nothing."""

    address: str
    why: Why


class Local(msgspec.Struct, frozen=True):
    """Mail for the address is delivered here, once for each target, and sent on to other servers: to one at least."""

    targets: tuple[Target, ...]  # each account once
    detail: str = ""  # the subaddress (RFC 5233 `:detail`)
    skipped: tuple[Skipped, ...] = ()
    elsewhere: tuple[str, ...] = ()  # addresses that are not ours, each once


class NotLocal(msgspec.Struct, frozen=True):
    """The domain is not ours."""

    domain: str


class Unknown(msgspec.Struct, frozen=True):
    """The domain is ours, but there is nobody to take the mail."""

    reason: Why


Resolution = Local | NotLocal | Unknown


class Page(NamedTuple, Generic[Item]):
    """Some of many, in order. `after` continues behind them; empty where there are no more."""

    items: tuple[Item, ...]
    after: str


class Principal(msgspec.Struct, frozen=True):
    """Who has logged in. `credential`: with what, as `DirectoryClient.stands` knows it; empty: that is not told apart.
    `until_ms`: when that ends by itself; 0: never."""

    account: AccountId
    login: str
    credential: str = ""
    until_ms: int = 0
