"""What really happened: every commit as it landed in the store, and what must be true of it at that moment.

The law: the ledger believes nobody but the store. It folds the log of each account as it is written, so an answer can
be held against what was durable when it was given, and the end against all that ever was.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from actors.mailbox import events as ev
from actors.mailbox import keys
from actors.mailbox.decide import FIRST_MAILBOXES
from actors.mailbox.state import Account
from actors.mailbox.types import Ranges
from cluster.meta.engine import View
from cluster.meta.validate import Changes
from cluster.placement.claims import decode
from ops.sim.loop import Lane

_SLOT_KEYS: Final = (b"m", b"g")  # keys of actors/mailbox/keys.py that only a slot's owner may write


class Came(NamedTuple):
    """A message's coming into a mailbox."""

    digest: bytes
    modseq: int


class Ledger:
    """All accounts as the log has them. `broken` hears each violation."""

    def __init__(self, view: View, incarnation_of: Callable[[Lane], int], broken: Callable[[str], None]) -> None:
        self.accounts: dict[int, Account] = {}
        self.came: dict[tuple[int, int, int], Came] = {}  # (account, mailbox, uid): for ever
        self.digests: dict[tuple[int, int], bytes] = {}  # (account, email)
        self.times: dict[tuple[int, bytes], int] = {}  # (account, digest): how often it was delivered or appended
        self.idems: dict[tuple[int, bytes], int] = {}  # the commit that had the key
        self.gone: list[tuple[int, int, Ranges]] = []  # (account, mailbox, UIDs) that left by expunge or move
        self.events: dict[tuple[int, str], int] = {}  # (account, kind of event): how many
        self.acknowledged: dict[int, int] = {}  # the greatest MODSEQ that anybody was told of
        self._view = view
        self._incarnation_of = incarnation_of
        self._broken = broken
        self._commits = 0
        self._first_names = {name for name, _role in FIRST_MAILBOXES}
        self._names: set[tuple[int, str]] = set()
        self._claims: dict[int, tuple[int, int]] = {}

    def account(self, number: int) -> Account:
        """An account as of the last commit."""
        found = self.accounts.get(number)
        if found is None:
            found = self.accounts[number] = Account(number, keys.slot_of(number))
        return found

    def landed(self, lane: Lane, changes: Changes) -> None:
        """A commit of this lane is in the store since just now."""
        self._commits += 1
        slots, entries = set(), []
        for key, value in sorted(changes.overlay.writes.items()):
            kind = key[:1]
            if kind == b"e":
                self._claimed(lane, int.from_bytes(key[1:3], "big"), value)
            elif kind in _SLOT_KEYS:
                slots.add(int.from_bytes(key[1:3], "big"))
                account, what = int.from_bytes(key[3:11], "big"), key[11:12]
                if kind == b"m" and what == b"L" and isinstance(value, bytes):
                    entries.append((account, int.from_bytes(key[12:], "big"), ev.decode(value)))
                elif kind == b"m" and what == b"M" and isinstance(value, bytes):
                    self._stored(account, int.from_bytes(key[12:], "big"), value[2:34])
        for slot in sorted(slots):
            held = decode(self._view.get(keys.claim(slot))).incarnation
            if held != self._incarnation_of(lane):
                self._broken(f"{lane.name} wrote to slot {slot}, which is claimed by incarnation {held}")
        for account, modseq, entry in entries:
            self._entry(account, modseq, entry)
        for number in sorted({account for account, _modseq, _entry in entries}):
            self._check(number)

    def _claimed(self, lane: Lane, slot: int, value: object) -> None:
        assert isinstance(value, bytes)
        claim, before = decode(value), self._claims.get(slot, (0, 0))
        if claim < before:
            self._broken(f"{lane.name} lowered the claim to slot {slot} from {before} to {tuple(claim)}")
        if claim.incarnation != self._incarnation_of(lane):
            self._broken(f"{lane.name} stored a claim of another incarnation, {claim.incarnation}")
        self._claims[slot] = claim

    def _stored(self, account: int, email: int, digest: bytes) -> None:
        if (account, email) in self.digests:
            self._broken(f"account {account}: email id {email} was used twice")
        self.digests[account, email] = digest
        self.times[account, digest] = self.times.get((account, digest), 0) + 1

    def _entry(self, number: int, modseq: int, entry: ev.Entry) -> None:
        account = self.account(number)
        if modseq != account.modseq + 1:
            self._broken(f"account {number}: log entry {modseq} was written after {account.modseq}")
            return
        if entry.idem and self.idems.setdefault((number, entry.idem), self._commits) != self._commits:
            self._broken(f"account {number}: what has the key {entry.idem.hex()} was carried out twice")
        for event in entry.events:
            self._event(account, modseq, event)
        account.apply(modseq, entry)

    def _event(self, account: Account, modseq: int, event: ev.Event) -> None:
        kind = type(event).__name__
        if isinstance(event, ev.MessagesAdded):
            self._added(account, modseq, event)
        elif isinstance(event, ev.MessagesExpunged):
            self.gone.append((account.id, event.mailbox, event.uids))
        elif isinstance(event, ev.MailboxCreated) and event.name not in self._first_names:
            if (account.id, event.name) in self._names:
                self._broken(f"account {account.id}: mailbox {event.name} was made twice")
            self._names.add((account.id, event.name))
        self.events[account.id, kind] = self.events.get((account.id, kind), 0) + 1

    def _added(self, account: Account, modseq: int, event: ev.MessagesAdded) -> None:
        box = account.mailboxes[event.mailbox]
        last = box.uidnext - 1
        for row in event.rows:
            if row.uid <= last:
                self._broken(f"account {account.id}: UID {row.uid} of mailbox {box.id} was used before")
            last = row.uid
            digest = self.digests.get((account.id, row.email), b"")
            if not digest:
                self._broken(f"account {account.id}: UID {row.uid} of mailbox {box.id} has no message")
            self.came[account.id, box.id, row.uid] = Came(digest, modseq)

    def _check(self, number: int) -> None:
        try:
            self.account(number).check()
        except AssertionError as error:
            self._broken(f"account {number}: the log makes no sound account: {error}")

    # What clients heard

    def answered(self, number: int, modseq: int) -> None:
        """A client was told of this MODSEQ: it must be durable."""
        if modseq > self.account(number).modseq:
            self._broken(f"account {number}: MODSEQ {modseq} was answered before it was durable")
        self.acknowledged[number] = max(self.acknowledged.get(number, 0), modseq)

    def read(self, number: int, modseq: int, floor: int) -> None:
        """A client was shown the account as of this MODSEQ; `floor`: what was acknowledged before it asked."""
        if modseq < floor:
            self._broken(f"account {number}: shown as of {modseq}, after {floor} had been acknowledged")
        self.answered(number, modseq)
