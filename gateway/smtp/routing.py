"""Where an accepted message goes: to accounts of ours, and in entries of the queue to other servers. Pure.

The law: each account gets one copy and each outside address one, however many recipients lead there; an entry of the
queue has one destination domain, and stays within the queue's bounds.
"""

from collections.abc import Iterable
from typing import NamedTuple

import idna

from actors.queue.types import ADDRESS_BYTES_MAX, DOMAIN_BYTES_MAX, RECIPIENTS_BYTES_MAX, RECIPIENTS_MAX, Recipient
from mail.smtp.events import RcptTo


class Onward(NamedTuple):
    """An entry of the queue that a message will be; `number` tells apart those to one domain."""

    domain: str
    number: int


Destination = int | Onward  # an account, or an entry
Who = int | str  # an account, or an address at another server


class Taken(NamedTuple):
    """A recipient that was accepted: the accounts it leads to, and addresses at other servers. `address`: as rules
    have rewritten it; empty: as it was said."""

    rcpt: RcptTo
    accounts: tuple[int, ...] = ()
    elsewhere: tuple[str, ...] = ()
    address: str = ""


class Routes(NamedTuple):
    """All destinations of a message, and which of them each recipient needs, in the order of the recipients."""

    accounts: tuple[int, ...]
    entries: dict[Onward, tuple[Recipient, ...]]
    needs: tuple[tuple[Destination, ...], ...]

    def who(self, destination: Destination) -> tuple[Who, ...]:
        """Those that are served by a destination."""
        return _addresses(self.entries[destination]) if isinstance(destination, Onward) else (destination,)

    def without(self, have: frozenset[Who]) -> "Routes":
        """The same for all but these."""
        entries = {
            entry: left
            for entry, names in self.entries.items()
            if (left := tuple(one for one in names if one.address not in have))
        }
        accounts = tuple(account for account in self.accounts if account not in have)
        return self._replace(accounts=accounts, entries=entries)


def held(taken: Iterable[Taken]) -> list[Taken]:
    """The same where nothing is to be delivered yet: all of it waits in the queue, under its own domain."""
    return [Taken(one.rcpt, (), (one.address or one.rcpt.recipient,)) for one in taken]


def routes(taken: Iterable[Taken]) -> Routes:
    """Where it all goes."""
    accounts: dict[int, None] = {}
    placed: dict[str, Onward] = {}  # by address
    entries: dict[Onward, list[Recipient]] = {}
    filled: dict[str, tuple[Onward, int]] = {}  # by domain: its last entry, and the bytes of it
    needs: list[tuple[Destination, ...]] = []
    for one in taken:
        accounts |= dict.fromkeys(one.accounts)
        wanted: list[Destination] = list(one.accounts)
        for address in one.elsewhere:
            if address not in placed:
                placed[address] = _place(address, one, entries, filled)
            wanted.append(placed[address])
        needs.append(tuple(dict.fromkeys(wanted)))
    return Routes(tuple(accounts), {key: tuple(names) for key, names in entries.items()}, tuple(needs))


def _place(
    address: str, one: Taken, entries: dict[Onward, list[Recipient]], filled: dict[str, tuple[Onward, int]]
) -> Onward:
    domain = domain_of(address)
    entry, size = filled.get(domain) or (Onward(domain, 0), 0)
    there = entries.setdefault(entry, [])
    recipient = _recipient(address, one.rcpt)
    need = len(address.encode()) + len(recipient.orcpt.encode())
    if len(there) == RECIPIENTS_MAX or (there and size + need > RECIPIENTS_BYTES_MAX - ADDRESS_BYTES_MAX):
        entry, size = Onward(domain, entry.number + 1), 0
        there = entries[entry] = []
    there.append(recipient)
    filled[domain] = (entry, size + need)
    return entry


def _addresses(names: Iterable[Recipient]) -> tuple[str, ...]:
    return tuple(one.address for one in names)


def _recipient(address: str, rcpt: RcptTo) -> Recipient:
    """RFC 3461 5.2.7.1: what is sent on keeps the original recipient, also where none was given."""
    return Recipient(address, rcpt.notify, rcpt.orcpt or original(rcpt.recipient, address))


def original(first: str, address: str) -> str:
    """The original recipient of what comes on from an address of ours; empty where it is the same, or is bare."""
    if first == address or "@" not in first:
        return ""
    return ("rfc822;" if first.isascii() else "utf-8;") + first


def domain_of(address: str) -> str:
    """The domain, in lower case and A-labels where it has such; an address literal as it is."""
    domain = address.rpartition("@")[2].lower()
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            domain = domain.encode("utf-8")[:DOMAIN_BYTES_MAX].decode("utf-8", "ignore")  # no server has such a name
    return domain
