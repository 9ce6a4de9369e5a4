"""Accounts that a gateway follows: each once, for all who want to hear of it, and its tree kept up to date.

The law: who follows hears of each committed entry once, in order, also across moves and deaths of the owner: what was
missed is read from the log. Only where that is too much (CATCH_UP_MAX) it hears that everything may have changed.
What a Following shows is what was told last.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

from actors.mailbox import events as ev
from actors.mailbox import history, keys
from actors.mailbox.owner import Owner
from actors.mailbox.renewing import Renewing
from actors.mailbox.state import Account, Mailbox
from actors.mailbox.types import MailboxInfo, Tree
from actors.mailbox.views import Directing
from cluster.errors import Trouble, Unavailable
from cluster.meta.store import Store

CATCH_UP_MAX: Final = 5000  # entries that are read from the log at most: about 100 ms

Kind = Literal["new", "flags", "gone", "made", "renamed", "removed", "acl", "role", "subscribed", "annotated", "object"]
_KINDS: Final[dict[type, Kind]] = {
    ev.MessagesAdded: "new",
    ev.FlagsChanged: "flags",
    ev.MessagesExpunged: "gone",
    ev.MailboxCreated: "made",
    ev.MailboxRenamed: "renamed",
    ev.MailboxDeleted: "removed",
    ev.AclChanged: "acl",
    ev.RoleChanged: "role",
    ev.SubscriptionChanged: "subscribed",
    ev.AnnotationsChanged: "annotated",
    ev.ObjectsChanged: "object",
}


class Change(NamedTuple):
    """One of the things that an entry did. `mailbox` 0: it is about the account itself.

    `names`: of a subscription its name, of annotations their entries, of objects their kind and ids. `came`: how new
    messages did. `flags`: the bits that were set or cleared.
    """

    kind: Kind
    mailbox: int
    before: MailboxInfo | None
    after: MailboxInfo | None
    names: tuple[str, ...] = ()
    came: ev.Came = ev.CAME
    flags: int = 0


class News(NamedTuple):
    """A committed entry."""

    account: int
    modseq: int
    changes: tuple[Change, ...]


Told = Callable[[News | None], None]  # None: everything may have changed


class Following:
    """An account as of `modseq`."""

    def __init__(self, number: int, emptied: Callable[["Following"], None], lost: Callable[["Following"], None]):
        self.number = number
        self.claims = False
        self.lost = False  # nobody tells of changes until it is begun anew
        self.follows: list[Follow] = []
        self.since: int | None = None  # the MODSEQ from which on entries were missed; None: none were
        self._emptied = emptied
        self._on_lost = lost
        self._account = Account(number, 0)
        self._tree: Tree | None = None
        self._begun: Tree | None = None  # as of the beginning of what is held back
        self._held: list[tuple[int, int, Sequence[ev.Event]]] = []  # until what was missed has been told

    @property
    def modseq(self) -> int:
        """Of the last change that was told."""
        return self._account.modseq

    def state(self, kind: str) -> str:
        """What a state is called in which a kind of thing is now (stamps.py); of what has no stamp, as all is."""
        return str(self._account.stamps.get(kind, self.modseq))

    @property
    def tree(self) -> Tree:
        """All of it, as its owner sees it."""
        if self._tree is None:
            self._tree = self._account.tree()
        return self._tree

    @property
    def subscriptions(self) -> set[str]:
        """Names; not to be written to."""
        return self._account.subscriptions

    def mailbox(self, number: int) -> MailboxInfo | None:
        """One of its mailboxes."""
        box = self._account.mailboxes.get(number)
        return None if box is None else box.info()

    def named(self, name: str) -> MailboxInfo | None:
        """The mailbox of that name, as stored."""
        box = self._account.named(name)
        return None if box is None else box.info()

    # what the owner calls

    def began(self, tree: Tree) -> None:
        """Begin with this tree, or go on where it was lost once what was missed is known."""
        self.lost = False
        if self.since is None:
            self._adopt(tree)
        else:
            self._begun, self._held = tree, []

    def changed(
        self,
        modseq: int,
        time_ms: int,
        events: Sequence[ev.Event],
        keywords: tuple[str, ...],  # noqa: ARG002 (Told's signature)
        *,
        mine: bool,  # noqa: ARG002
    ) -> None:
        """A committed entry."""
        if self.since is None:
            self._tell(modseq, time_ms, events)
        elif len(self._held) < CATCH_UP_MAX:
            self._held.append((modseq, time_ms, events))
        else:
            self._begun = None  # it has to be begun anew

    def ended(self, _trouble: Trouble) -> None:
        """What is known stays as it is until it is begun anew."""
        self.lost, self.since = True, self.modseq
        self._begun, self._held = None, []
        self._on_lost(self)

    # what Followings call

    async def catch_up(self, store: Store) -> None:
        """After a new beginning: tell of what was missed. Raises Trouble, when it is lost again too."""
        begun, since = self._begun, self.since
        if begun is None or since is None:
            return
        missed = await _between(store, self.number, since, begun.modseq)
        if self._begun is not begun:
            raise Unavailable("The account's changes cannot be followed.", log="lost while catching up")
        self._begun, self.since = None, None
        held, self._held = self._held, []
        if missed is None:
            self._adopt(begun)
            for follow in tuple(self.follows):
                follow.told(None)
        else:
            for modseq, entry in missed:
                self._tell(modseq, entry.time_ms, entry.events)
        for one in held:
            self._tell(*one)

    def left(self, follow: "Follow") -> None:
        """One less hears of it."""
        if follow in self.follows:
            self.follows.remove(follow)
            if not self.follows:
                self._emptied(self)

    def _adopt(self, tree: Tree) -> None:
        self._account, self._tree = _account_of(self.number, tree), tree

    def _tell(self, modseq: int, time_ms: int, events: Sequence[ev.Event]) -> None:
        changes = tuple(change for event in events if (change := self._fold(modseq, time_ms, event)) is not None)
        self._account.modseq = modseq
        self._tree = None
        news = News(self.number, modseq, changes)
        for follow in tuple(self.follows):
            follow.told(news)

    def _fold(self, modseq: int, time_ms: int, event: ev.Event) -> Change | None:
        """Let the counters see an event; rows, and values of annotations, are not kept here."""
        number: int = getattr(event, "mailbox", 0)
        before = self.mailbox(number)
        self._account.apply(modseq, ev.Entry(ev.VERSION, time_ms, b"", (event,)))
        self._account.annotations.clear()
        box = self._account.mailboxes.get(number)
        if box is not None:
            box.index = None
            box.pending.clear()
        return change_of(event, before, self.mailbox(number))


class Follow:
    """One that hears of an account: `told` is called with each change, at once."""

    __slots__ = ("following", "told")

    def __init__(self, following: Following, told: Told) -> None:
        self.following = following
        self.told = told

    def close(self) -> None:
        """Hear no more."""
        self.following.left(self)


class Followings:
    """One a gateway process."""

    def __init__(self, shards: Directing, store: Store) -> None:
        self._shards = shards
        self._store = store
        self._followings: dict[int, Following] = {}  # no more than somebody hears of
        self._renewing: Renewing[Following] = Renewing(_wanted, self._begin_anew, "account")

    def __len__(self) -> int:
        return len(self._followings)

    def close(self) -> None:
        """Renew none any more."""
        self._renewing.close()

    async def follow(self, account: int, told: Told) -> Follow:
        """Hear of an account from now on. Raises Trouble."""
        following = self._followings.get(account)
        if following is None:
            following = await self._begin(self._shards.shard_of(account), account)
        follow = Follow(following, told)
        following.follows.append(follow)
        if following.lost:
            self._renewing.renew(following)
        return follow

    async def _begin(self, owner: Owner, account: int) -> Following:
        following = Following(account, self._emptied, self._renewing.renew)
        try:
            await owner.follow(account, following)
        except BaseException:  # whoever asked has left, but it may have begun
            owner.unfollow(account, following)
            raise
        held = self._followings.get(account)
        if held is not None:  # another was quicker
            owner.unfollow(account, following)
            return held
        self._followings[account] = following
        return following

    async def _begin_anew(self, following: Following) -> None:
        owner = self._shards.shard_of(following.number)
        owner.unfollow(following.number, following)  # where it was not lost, but fell behind
        await owner.follow(following.number, following)
        if following.follows:
            await following.catch_up(self._store)
        else:
            owner.unfollow(following.number, following)

    def _emptied(self, following: Following) -> None:
        if self._followings.get(following.number) is following:
            del self._followings[following.number]
        self._renewing.leave(following)
        self._shards.shard_of(following.number).unfollow(following.number, following)


def change_of(event: ev.Event, before: MailboxInfo | None, after: MailboxInfo | None) -> Change | None:
    """What an event did; None: nothing that anybody is told of."""
    kind = _KINDS.get(type(event))
    if kind is None:
        return None
    came = event.came if isinstance(event, ev.MessagesAdded) else ev.CAME
    flags = event.set | event.clear if isinstance(event, ev.FlagsChanged) else 0
    return Change(kind, getattr(event, "mailbox", 0), before, after, _names_in(event), came, flags)


def _wanted(following: Following) -> bool:
    return following.since is not None and bool(following.follows)


def _account_of(number: int, tree: Tree) -> Account:
    """The counters of a tree."""
    boxes = {
        info.id: Mailbox(
            info.id,
            info.name,
            info.role,
            info.uidvalidity,
            info.uidnext,
            info.messages,
            info.unseen,
            info.size,
            info.uidnext - info.recent,
            info.modseq,
            info.acl,
        )
        for info in tree.mailboxes
    }
    return Account(
        number,
        keys.slot_of(number),
        modseq=tree.modseq,
        used_bytes=tree.used_bytes,
        used_messages=tree.used_messages,
        keywords=list(tree.keywords),
        subscriptions=set(tree.subscriptions),
        mailboxes=boxes,
        by_name={box.name: box.id for box in boxes.values()},
        stamps=dict(tree.stamps),
        stamped=tree.stamped,
    )


async def _between(store: Store, account: int, since: int, until: int) -> list[tuple[int, ev.Entry]] | None:
    """The entries in between, if they can be had; None: there are too many, or they are not all there."""
    if until - since > CATCH_UP_MAX:
        return None
    found = []
    async for page in history.read(store, account, since, until):
        found += [(modseq, ev.decode(stored)) for modseq, stored in page]
    return found if len(found) == until - since else None


def _names_in(event: ev.Event) -> tuple[str, ...]:
    if isinstance(event, ev.SubscriptionChanged):
        return (event.name,)
    if isinstance(event, ev.AnnotationsChanged):
        return tuple(name for name, _value in event.pairs)
    if isinstance(event, ev.ObjectsChanged):
        return (event.kind, *event.ids)
    return ()
