"""What clients do at the gateways, and what they must be able to rely on when they are answered.

The law: a client believes its answers. Each one is held against the ledger at the moment it is given; one that never
came proves nothing, so what it asked for may have happened, but once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from random import Random
from typing import Any, Final, Literal, NamedTuple

from actors.mailbox.client import MailboxClient
from actors.mailbox.index import Index
from actors.mailbox.types import DELETED, FLAGGED, INBOX, SEEN, Added, Changed, Item, Ranges
from actors.mailbox.view import Selected
from cluster.blobs.blobs import digest_of
from cluster.errors import AlreadyExists, NotFound, Trouble
from ops.sim.ledger import Ledger
from ops.sim.trace import Trace

DELIVERY_TRIES: Final = 4  # a queue tries again for days; here the rest of the run may be shorter
THINK_S: Final = (0.01, 1.5)  # between two commands of a client


class Attempts:
    """What was asked for, answered or not: whatever happened must be among it."""

    def __init__(self) -> None:
        self.count: dict[tuple[int, str], int] = {}  # (account, kind of event)
        self.vanish: list[tuple[int, int, Ranges | None]] = []  # (account, mailbox, UIDs; None: those with \Deleted)
        self.unanswered = 0
        self.answered = 0
        self.delivered: dict[tuple[int, bytes], bool] = {}  # (account, digest): acknowledged

    def ask(self, account: int, *kinds: str) -> None:
        """Something was asked that may give one event of each kind."""
        for kind in kinds:
            self.count[account, kind] = self.count.get((account, kind), 0) + 1


class Stage(NamedTuple):
    """What all clients of a run share."""

    accounts: Sequence[int]
    ledger: Ledger
    attempts: Attempts
    trace: Trace
    broken: Callable[[str], None]


class Client:
    """One client of a gateway: does one thing after another."""

    def __init__(
        self, name: str, mailboxes: MailboxClient, dice: Random, stage: "Stage", *, only_reads: bool = False
    ) -> None:
        self.name = name
        self._only_reads = only_reads
        self._mailboxes = mailboxes
        self._accounts = stage.accounts
        self._dice = dice
        self._ledger = stage.ledger
        self._attempts = stage.attempts
        self._trace = stage.trace
        self._broken = stage.broken
        self._made = 0
        self._owned: dict[int, list[str]] = {account: [] for account in stage.accounts}
        self.selected: tuple[int, Selected] | None = None

    async def run(self, steps: int) -> None:
        """Do so many things."""
        kinds = tuple(self._weighted())
        for _step in range(steps):
            await asyncio.sleep(self._dice.uniform(*THINK_S))
            kind = self._dice.choice(kinds)
            account = self._dice.choice(self._accounts)
            try:
                await kind(account)
                self._attempts.answered += 1
            except Trouble as trouble:
                self._attempts.unanswered += 1
                self._trace("trouble", self.name, kind.__name__, type(trouble).__name__)
            self._look()

    async def let_go(self) -> None:
        """Close what is selected."""
        if self.selected is not None:
            _account, selected = self.selected
            self.selected = None
            await selected.close()

    def _weighted(self) -> Iterator[Callable[[int], Awaitable[None]]]:
        if self._only_reads:  # whoever changes something waits where it cannot be; this one sees what is shown
            yield from [self.tree, self.tree, self.select, self.let_go_of]
            return
        yield from [self.deliver] * 6
        yield from [self.append, self.tree, self.tree] * 2
        yield from [self.select, self.flag, self.flag, self.expunge, self.copy, self.move] * 2
        yield from [self.create, self.rename, self.delete, self.subscribe, self.let_go_of]

    # What a client does. Each may raise Trouble.

    async def deliver(self, account: int) -> None:
        """As a queue does: again with the same key until it is taken."""
        raw = self._message()
        prepared = await self._mailboxes.prepare(raw)
        self._begin(account, raw)
        for tried in range(DELIVERY_TRIES):
            try:
                added = await self._mailboxes.deliver(account, prepared, idem=raw[-16:])
            except Trouble as trouble:
                self._trace("trouble", self.name, "deliver", type(trouble).__name__)
                if not trouble.retry or tried == DELIVERY_TRIES - 1:
                    raise
                await asyncio.sleep(self._dice.uniform(0.1, 3.0))
            else:
                self._arrived(account, raw, added)
                return

    async def append(self, account: int) -> None:
        """APPEND to a mailbox, also to one of its own."""
        raw = self._message()
        prepared = await self._mailboxes.prepare(raw)
        self._begin(account, raw)
        where = self._dice.choice([INBOX, "Archive", *self._owned[account]])
        item = Item(prepared, 1_700_000_000_000, self._dice.choice([0, SEEN, DELETED]))
        self._arrived(account, raw, await self._mailboxes.add(account, where, [item]))

    async def tree(self, account: int) -> None:
        """LIST and STATUS: must show all that anybody was told before."""
        floor = self._ledger.acknowledged.get(account, 0)
        tree = await self._mailboxes.tree(account)
        self._trace("tree", self.name, account, tree.modseq)
        self._ledger.read(account, tree.modseq, floor)
        now = self._ledger.account(account)
        if tree.modseq == now.modseq and tree != now.tree():
            self._broken(f"{self.name}: account {account} was shown otherwise than its log has it at {tree.modseq}")

    async def select(self, account: int) -> None:
        """SELECT or EXAMINE, and keep it."""
        await self.let_go()
        name = self._dice.choice([INBOX, INBOX, "Archive", "Trash", *self._owned[account]])
        selected = await self._mailboxes.select(
            account, name, read_only=self._dice.random() < 0.2, changed=lambda: None
        )
        self.selected = (account, selected)
        self._trace("selected", self.name, account, selected.info.id, selected.view.modseq)

    async def let_go_of(self, _account: int) -> None:
        """CLOSE."""
        await self.let_go()

    async def flag(self, _account: int) -> None:
        r"""STORE of \Seen, \Flagged or \Deleted on some messages."""
        if (held := self._held()) is None:
            return
        account, selected, uids = held
        bit = self._dice.choice([SEEN, FLAGGED, DELETED, DELETED])
        mode: Literal["add", "remove"] = self._dice.choice(["add", "add", "remove"])
        self._attempts.ask(account, "FlagsChanged")
        changed = await selected.set_flags(uids, mode, bit)
        self._changed(account, selected, changed)
        box = self._ledger.account(account).mailboxes.get(selected.info.id)
        if box is None or box.index is None:
            return
        rows = box.index.find(changed.uids)
        for row in rows.tolist():
            if box.index.modseqs[row] <= changed.modseq and bool(box.index.flags[row] & bit) is not (mode == "add"):
                self._broken(f"{self.name}: account {account}: a STORE that was answered is not in the log")

    async def expunge(self, _account: int) -> None:
        """EXPUNGE, all or by UID."""
        if (held := self._held()) is None:
            return
        account, selected, uids = held
        self._attempts.ask(account, "MessagesExpunged")
        self._attempts.vanish.append((account, selected.info.id, None))
        changed = await selected.expunge(None if self._dice.random() < 0.5 else uids)
        self._changed(account, selected, changed)
        self._left(account, selected.info.id, changed.uids)

    async def copy(self, _account: int) -> None:
        """COPY to Archive."""
        await self._transfer(move=False)

    async def move(self, _account: int) -> None:
        """MOVE to Archive."""
        await self._transfer(move=True)

    async def create(self, account: int) -> None:
        """CREATE a mailbox of a new name."""
        name = self._new_name()
        self._attempts.ask(account, "MailboxCreated")
        try:
            await self._mailboxes.create(account, name)
        except AlreadyExists:
            self._broken(f"{self.name}: account {account}: CREATE {name} found itself made already")
        self._must(account, name, there=True)
        self._owned[account].append(name)

    async def rename(self, account: int) -> None:
        """RENAME one of its own."""
        if (name := self._take_owned(account)) is None:
            return
        to = self._new_name()
        self._attempts.ask(account, "MailboxRenamed")
        try:
            await self._mailboxes.rename(account, name, to)
        except (AlreadyExists, NotFound) as trouble:
            self._broken(f"{self.name}: account {account}: RENAME {name} {to}: {trouble.says}")
        self._must(account, to, there=True)
        self._must(account, name, there=False)
        self._owned[account].append(to)

    async def delete(self, account: int) -> None:
        """DELETE one of its own."""
        if (name := self._take_owned(account)) is None:
            return
        self._attempts.ask(account, "MailboxDeleted")
        try:
            await self._mailboxes.delete(account, name)
        except NotFound:
            self._broken(f"{self.name}: account {account}: DELETE {name} found it deleted already")
        self._must(account, name, there=False)

    async def subscribe(self, account: int) -> None:
        """SUBSCRIBE to a name of its own, or leave it."""
        on = self._dice.random() < 0.7
        name = f"news-{self.name}"
        self._attempts.ask(account, "SubscriptionChanged")
        await self._mailboxes.subscribe(account, name, on)
        if (name in self._ledger.account(account).subscriptions) is not on:
            self._broken(f"{self.name}: account {account}: SUBSCRIBE that was answered is not in the log")

    # How answers are held against the ledger

    def _begin(self, account: int, raw: bytes) -> None:
        self._attempts.delivered[account, digest_of(raw)] = False
        self._attempts.ask(account, "MessagesAdded")

    def _arrived(self, account: int, raw: bytes, added: Added) -> None:
        digest = digest_of(raw)
        self._attempts.delivered[account, digest] = True
        self._trace("added", self.name, account, added.mailbox, added.uids, added.modseq)
        came = self._ledger.came.get((account, added.mailbox, added.uids[0][0]))
        if came is None or came.digest != digest:
            self._broken(f"{self.name}: account {account}: a message was acknowledged that is not in the log")
        self._ledger.answered(account, added.modseq)

    async def _transfer(self, *, move: bool) -> None:
        if (held := self._held()) is None:
            return
        account, selected, uids = held
        if selected.info.name == "Archive":
            return
        self._attempts.ask(account, "MessagesAdded", *(["MessagesExpunged"] if move else []))
        if move:
            self._attempts.vanish.append((account, selected.info.id, uids))
        added = await selected.copy(uids, "Archive", move=move)
        self._trace("copied", self.name, account, added.mailbox, added.uids, added.modseq, move)
        if not added.uids:
            return
        self._ledger.answered(account, added.modseq)
        for there, here in zip(_each(added.uids), _each(added.source), strict=True):
            came = self._ledger.came.get((account, added.mailbox, there))
            was = self._ledger.came.get((account, selected.info.id, here))
            if came is None or was is None or came.digest != was.digest:
                self._broken(f"{self.name}: account {account}: a COPY that was answered is not in the log")
        if move:
            self._left(account, selected.info.id, added.source)

    def _changed(self, account: int, selected: Selected, changed: Changed) -> None:
        self._trace("changed", self.name, account, changed.uids, changed.modseq)
        self._ledger.answered(account, changed.modseq)
        index = selected.view.index
        for row in index.find(changed.uids).tolist() if changed.uids else ():
            if index.modseqs[row] < 1:
                self._broken(f"{self.name}: a view has a row without a MODSEQ")

    def _left(self, account: int, mailbox: int, uids: Ranges) -> None:
        box = self._ledger.account(account).mailboxes.get(mailbox)
        if uids and box is not None and box.index is not None and len(box.index.find(uids)):
            self._broken(f"{self.name}: account {account}: expunged messages are still there")

    def _must(self, account: int, name: str, *, there: bool) -> None:
        if (name in self._ledger.account(account).by_name) is not there:
            self._broken(f"{self.name}: account {account}: what was answered of mailbox {name} is not in the log")

    def _look(self) -> None:
        """What is selected must be what the log says, whenever it is as new as the log."""
        if self.selected is None:
            return
        account, selected = self.selected
        view = selected.view
        box = self._ledger.account(account).mailboxes.get(view.mailbox)
        if box is not None and box.index is not None and box.modseq == view.modseq and not same(view.index, box.index):
            self._broken(
                f"{self.name}: the view of mailbox {view.mailbox} of {account}, as of {view.modseq},"
                f" has {rows(view.index)}, the log {rows(box.index)}"
            )

    # Choices

    def _held(self) -> tuple[int, Selected, Ranges] | None:
        if self.selected is None or self.selected[1].read_only or self.selected[1].view.gone:
            return None
        account, selected = self.selected
        uids = selected.view.index.uids.tolist()
        if not uids:
            return None
        first = self._dice.randrange(len(uids))
        last = min(first + self._dice.randrange(3), len(uids) - 1)
        return account, selected, ((uids[first], uids[last]),)

    def _take_owned(self, account: int) -> str | None:
        owned = self._owned[account]
        return owned.pop(self._dice.randrange(len(owned))) if owned else None

    def _new_name(self) -> str:
        self._made += 1
        return f"box-{self.name}-{self._made}"

    def _message(self) -> bytes:
        self._made += 1
        return b"Subject: %s %d\r\n\r\n%032x" % (self.name.encode(), self._made, self._dice.getrandbits(128))


def same(one: Index, other: Index) -> bool:
    """Whether two indexes hold the same rows."""
    columns: tuple[Callable[[Index], Any], ...] = (
        lambda index: index.uids,
        lambda index: index.flags,
        lambda index: index.modseqs,
        lambda index: index.emails,
        lambda index: index.sizes,
    )
    return one.count == other.count and all((column(one) == column(other)).all() for column in columns)


def rows(index: Index) -> str:
    """For people: UID, flags, MODSEQ of each row."""
    return " ".join(map(str, zip(index.uids.tolist(), index.flags.tolist(), index.modseqs.tolist(), strict=True)))


def _each(ranges: Ranges) -> list[int]:
    return [uid for low, high in ranges for uid in range(low, high + 1)]
