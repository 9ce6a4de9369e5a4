r"""Who watches which mailboxes of a shard.

The law: watchers of a mailbox hear of each committed entry once, in order. New mail's \Recent is one watcher's: the
first that claims (RFC 3501 2.3.2).
"""

from actors.mailbox import events as ev
from actors.mailbox.owner import Watcher
from actors.mailbox.state import Account
from cluster.errors import Trouble

_Key = tuple[int, int]  # account and mailbox


class Watchers:
    """A shard's."""

    def __init__(self) -> None:
        self._watchers: dict[_Key, list[Watcher]] = {}
        self._slots: dict[int, set[_Key]] = {}  # the same by slot

    def __bool__(self) -> bool:
        return bool(self._watchers)

    @property
    def slots(self) -> list[int]:
        """Slots in which anything is watched."""
        return list(self._slots)

    def add(self, account: Account, mailbox: int, watcher: Watcher) -> None:
        """Tell it from now on."""
        self._watchers.setdefault((account.id, mailbox), []).append(watcher)
        self._slots.setdefault(account.slot, set()).add((account.id, mailbox))

    def remove(self, slot: int, account: int, mailbox: int, watcher: Watcher) -> None:
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
            for mailbox in {event.mailbox for event in entry.events if hasattr(event, "mailbox")}:
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
