r"""Who watches which mailboxes of a shard, and who follows whole accounts.

The law: watchers of a mailbox, and followers of an account, hear of each committed entry once, in order. Whoever begins
is handed what is there at that moment, and hears of everything after it. New mail's \Recent is one watcher's: the
first that claims (RFC 3501 2.3.2).
"""

from typing import Final

from actors.mailbox import events as ev
from actors.mailbox.owner import Follower, Told, Watcher
from actors.mailbox.state import Account
from actors.mailbox.types import Opened, Reply, Tree
from cluster.errors import NotFound, Trouble

ALL: Final = 0  # all mailboxes of an account: no mailbox has this number
_Key = tuple[int, int]  # account and mailbox


class Watchers:
    """A shard's."""

    def __init__(self) -> None:
        self._watchers: dict[_Key, list[Told]] = {}
        self._slots: dict[int, set[_Key]] = {}  # the same by slot

    def __bool__(self) -> bool:
        return bool(self._watchers)

    @property
    def slots(self) -> list[int]:
        """Slots in which anything is watched."""
        return list(self._slots)

    def begin(self, account: Account, reply: Reply, watcher: Watcher) -> Opened:
        """Watch the mailbox that was opened: its rows as they are now."""
        assert isinstance(reply, Opened)
        box = account.mailboxes.get(reply.info.id)
        if box is None:  # deleted by a later command of the same batch
            raise NotFound("The mailbox was deleted.")
        assert box.index is not None, "it was loaded for Open"
        opened = Opened(box.info(), tuple(account.keywords), reply.recent_from, reply.recent_below)
        watcher.opened(opened, box.index.share())
        self._add(account, box.id, watcher)
        return opened

    def begin_following(self, account: Account, _reply: Reply, follower: Follower) -> Tree:
        """Follow an account: its tree as it is now."""
        tree = account.tree()
        follower.began(tree)
        self._add(account, ALL, follower)
        return tree

    def _add(self, account: Account, mailbox: int, watcher: Told) -> None:
        self._watchers.setdefault((account.id, mailbox), []).append(watcher)
        self._slots.setdefault(account.slot, set()).add((account.id, mailbox))

    def remove(self, slot: int, account: int, mailbox: int, watcher: Told) -> None:
        """Tell it no more."""
        key = (account, mailbox)
        watchers = self._watchers.get(key, [])
        if watcher in watchers:
            watchers.remove(watcher)
            if not watchers:
                self._drop(slot, key)

    def claimed(self, account: int, mailbox: int) -> bool:
        r"""Whether new mail is some watcher's \Recent."""
        return any(watcher.claims for watcher in self._watchers.get((account, mailbox), ()))

    def publish(self, account: Account, first: int, entries: list[ev.Entry]) -> None:
        """Tell of committed entries. `first` is the MODSEQ of the first."""
        for modseq, entry in enumerate(entries, start=first):
            for mailbox in {ALL, *(event.mailbox for event in entry.events if hasattr(event, "mailbox"))}:
                watchers = self._watchers.get((account.id, mailbox))
                if watchers is None:
                    continue
                claimer = next((watcher for watcher in watchers if watcher.claims), None)
                keywords = tuple(account.keywords)
                for watcher in tuple(watchers):
                    watcher.changed(modseq, entry.time_ms, entry.events, keywords, mine=watcher is claimer)

    def end(self, slot: int, trouble: Trouble) -> None:
        """Nothing more is told of this slot's mailboxes."""
        for key in list(self._slots.get(slot, ())):
            watchers = self._watchers[key]
            self._drop(slot, key)
            for watcher in watchers:
                watcher.ended(trouble)

    def _drop(self, slot: int, key: _Key) -> None:
        del self._watchers[key]
        keys = self._slots[slot]
        keys.discard(key)
        if not keys:
            del self._slots[slot]
