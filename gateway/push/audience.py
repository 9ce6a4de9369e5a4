"""One user's listeners: which accounts he hears of, and when which type of each has changed last.

The law: what changed is kept once for all his listeners, as numbers that only grow, so a listener that takes nothing
costs nothing. A listener that has taken all knows the newest state of each type it wants, of each account in which
there is anything that he may see and wishes to (RFC 9670 1.4).
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from actors.mailbox.annotating import key_of
from actors.mailbox.follow import Follow, News
from actors.mailbox.rights import LOOKUP, rights_of
from actors.mailbox.types import MailboxInfo, Who
from gateway.access import subscribing
from gateway.access.ids import account_id
from gateway.push import changing
from mail.jmap import push
from mail.jmap.websocket import encode_change

RENDERED_MAX: Final = 32  # answers kept between two changes: most listeners want the same and took the same


class Told(NamedTuple):
    """What a listener takes: by account the types that have changed, with their states; and the mark to go on from."""

    changed: Mapping[str, Mapping[str, str]]
    mark: str
    event: bytes  # as an event source says it

    @property
    def data(self) -> bytes:
        """As a WebSocket says it."""
        return encode_change(self.changed, self.mark)


class Heard:
    """An account that the user hears of."""

    __slots__ = ("at", "follow", "last", "own", "stale", "unwanted", "visible")

    def __init__(self, follow: Follow, *, own: bool) -> None:
        self.follow = follow
        self.own = own
        self.visible: bool | None = True if own else None  # None: not known
        self.unwanted: frozenset[int] = frozenset()  # mailboxes that the user does not wish to see
        self.stale = not own  # those may be other ones by now
        self.last = 0  # the number of the last change
        self.at = [0] * len(changing.TYPES)  # of each type's

    @property
    def number(self) -> int:
        """The account's."""
        return self.follow.following.number

    @property
    def modseq(self) -> int:
        """Of the last change that was told of."""
        return self.follow.following.modseq

    def note(self, bits: int, number: int) -> None:
        """These types have changed."""
        self.last = number
        for bit in range(len(self.at)):
            if bits >> bit & 1:
                self.at[bit] = number

    def since(self, number: int) -> int:
        """The types that have changed after a change."""
        if self.last <= number:
            return 0
        return sum(1 << bit for bit, at in enumerate(self.at) if at > number)

    def is_visible(self, who: Who) -> bool:
        """Whether the user is told of it: of one of its mailboxes at least."""
        if self.visible is None:
            self.visible = any(info.id not in self.unwanted for info in self.listed(who))
        return self.visible

    def listed(self, who: Who) -> list[MailboxInfo]:
        """The mailboxes that the user may know of."""
        return [info for info in self.follow.following.tree.mailboxes if LOOKUP in rights_of(info.acl, who)]

    def mailbox(self, number: int) -> MailboxInfo | None:
        """One that the user may wish to see."""
        return None if number in self.unwanted else self.follow.following.mailbox(number)


class Audience:
    """One a user that anybody listens for."""

    def __init__(self, account: int, due: Callable[["Audience"], None], stale: Callable[["Audience"], None]) -> None:
        """`due`: there is something to be told. `stale`: who shares what with the user, and what he wishes to see of
        it, is to be looked at at once."""
        self.account = account
        self.who = Who(account, frozenset())
        self.heard: dict[int, Heard] = {}  # his own account first
        self.listeners: set[Listener] = set()
        self.number = 0  # of the last change
        self.waiting = 0  # types that have changed since the listeners were last told
        self.ticks_at = 0.0  # not before this they are told again
        self.ticking = False
        self._due = due
        self._stale = stale
        self._wish = key_of(subscribing.ENTRY, self.who)
        self._rendered: dict[tuple[int, int], Told | None] = {}

    def adopt(self, follow: Follow) -> None:
        """Hear of one more account from now on."""
        number = follow.following.number
        self.heard[number] = Heard(follow, own=number == self.account)

    def leave(self, number: int) -> None:
        """Hear of an account no more."""
        self._rendered.clear()
        del self.heard[number]

    def tell(self, number: int, news: News | None) -> None:
        """Something was committed there; None: anything may have been."""
        heard = self.heard.get(number)
        if heard is None:  # while it begins
            return
        if heard.own:
            bits = changing.EVERYTHING if news is None else changing.changed(news.changes)
            if bits & changing.NOTIFIED:  # of rights: others may share something by now
                self._stale(self)
        elif news is None:
            heard.visible, bits = None, changing.OF_OTHERS
            self._read_again(heard)
        else:
            if changing.may_show(news.changes):
                heard.visible = None
            if any(change.kind == "annotated" and self._wish in change.names for change in news.changes):
                self._read_again(heard)
            wanted = [change for change in news.changes if change.mailbox not in heard.unwanted]
            bits = changing.changed_for(self.who, wanted)
        if bits:
            self.note(heard, bits)

    def note(self, heard: Heard, bits: int) -> None:
        """These types of an account have changed."""
        self.number += 1
        heard.note(bits, self.number)
        self._rendered.clear()
        self.waiting |= bits
        self._due(self)

    def _read_again(self, heard: Heard) -> None:
        heard.stale = True
        self._stale(self)

    def wishes(self, heard: Heard, unwanted: frozenset[int]) -> None:
        """The user does not wish to see these mailboxes of an account."""
        if heard.unwanted != unwanted:
            heard.unwanted, heard.visible = unwanted, None
            self.note(heard, changing.OF_OTHERS & ~changing.DELIVERY)

    def sees_as(self, who: Who) -> None:
        """The user is somebody else by now: in other groups."""
        before, self.who = self.who, who
        if before.names == who.names:
            return
        for heard in self.heard.values():
            if not heard.own:
                heard.visible = None
                if changing.views_differ(before, who, heard.follow.following.tree.mailboxes):
                    self.note(heard, changing.OF_OTHERS & ~changing.DELIVERY)

    def wake(self) -> None:
        """Tell the listeners that want to know."""
        waiting, self.waiting = self.waiting, 0
        for listener in tuple(self.listeners):
            if listener.wanted & waiting:
                listener.wake()

    def told(self, since: int, wanted: int, missed: Mapping[int, int]) -> Told | None:
        """What has changed after a change, of these types; and by account what was missed before."""
        key = (since, wanted)
        if not missed and key in self._rendered:
            return self._rendered[key]
        changed: dict[str, dict[str, str]] = {}
        for heard in self.heard.values():
            bits = (heard.since(since) | missed.get(heard.number, 0)) & wanted
            bits &= changing.EVERYTHING if heard.own else changing.OF_OTHERS
            if bits and heard.is_visible(self.who):
                following = heard.follow.following
                changed[account_id(heard.number)] = {name: following.state(name) for name in changing.names_of(bits)}
        found = None
        if changed:
            mark = self.mark()
            found = Told(changed, mark, push.state_event(changed, mark))
        if not missed and len(self._rendered) < RENDERED_MAX:
            self._rendered[key] = found
        return found

    def mark(self) -> str:
        """What somebody knows who has taken all."""
        return push.mark((one.number, one.modseq) for one in self.heard.values() if one.is_visible(self.who))

    def behind(self, mark: str) -> list[tuple[Heard, int | None, int]]:
        """The accounts of which somebody may not know the newest, who goes on from a mark: from which change on, and up
        to which; None: nothing is known."""
        known = push.read_mark(mark)
        found = [(one, known.get(one.number), one.modseq) for one in self.heard.values()]
        return [(one, since, until) for one, since, until in found if since is None or since < until]


class Listener:
    """Somebody who is told. What he has not taken waits for him without growing."""

    def __init__(
        self, audience: Audience, wanted: int, woken: Callable[[], None], left: Callable[["Listener"], None]
    ) -> None:
        self.audience = audience
        self.wanted = wanted
        self._taken = audience.number
        self._missed: Mapping[int, int] = {}  # by account, types that changed before he listened
        self._before: tuple[int, Mapping[int, int]] = (self._taken, self._missed)  # the last taking
        self._woken = woken
        self._awake = False
        self._left = left

    @property
    def mark(self) -> str:
        """What he knows once nothing is left to take."""
        return self.audience.mark()

    def missed(self, changed: Mapping[int, int]) -> None:
        """By account, types that have changed before he listened."""
        self._missed = changed

    def wake(self) -> None:
        """There is something: he is told so once, until he takes it."""
        if not self._awake:
            self._awake = True
            self._woken()

    def take(self) -> Told | None:
        """What has changed since he last took anything; None: nothing that he wants and may see."""
        self._before = since, missed = self._taken, self._missed
        self._taken, self._missed = self.audience.number, {}
        self._awake = False
        return self.audience.told(since, self.wanted, missed)

    def put_back(self) -> None:
        """What he took last did not get to where it should: the next time he takes it too, as it is by then."""
        self._taken, self._missed = self._before

    def close(self) -> None:
        """Be told no more."""
        self._left(self)
