r"""The views of a gateway: one a selected mailbox, kept alive while any session is on it.

The law: a view that is lost is opened anew by itself, until its last session has left; sessions go on with the rows
they have, and then find the difference. A mailbox that is not there any more is told as gone.
"""

from collections.abc import Callable
from typing import Protocol

from actors.mailbox import names
from actors.mailbox.owner import Owner
from actors.mailbox.renewing import Renewing
from actors.mailbox.rights import CHANGE, rights_of
from actors.mailbox.types import Open, Opened, Who
from actors.mailbox.view import Selected, View
from cluster.errors import NotFound, Refused, StoreFull


def _wanted(view: View) -> bool:
    return view.lost and bool(view.sessions) and not view.gone


class Directing(Protocol):
    """Whom to ask about an account: the shard in one process, the way to shards in a cluster."""

    def shard_of(self, account: int) -> Owner:
        """The owner. Raises Unavailable while there is none."""
        ...


class Views:
    """One a gateway process."""

    def __init__(self, shards: Directing) -> None:
        self._shards = shards
        self._views: dict[int, dict[int, View]] = {}  # by account and mailbox: no more than there are sessions
        self._renewing: Renewing[View] = Renewing(_wanted, self._open_anew, "view")

    def __len__(self) -> int:
        return sum(len(views) for views in self._views.values())

    def close(self) -> None:
        """Renew none any more."""
        self._renewing.close()

    async def select(
        self, account: int, name: str, *, read_only: bool, changed: Callable[[], None], who: Who | None = None
    ) -> Selected:
        r"""Select a mailbox; `changed` is called, soon after, whenever its view changed. Raises NotFound, Refused.

        Who may change nothing in it has it for reading only (RFC 4314 5.2), and leaves \Recent to those who may."""
        owner = self._shards.shard_of(account)
        view, opened = await self._view(owner, account, name, who)
        if view.modseq < opened.info.modseq:  # others have it selected, and it is told of the newest changes just now
            await view.reached(opened.info.modseq)
        read_only = read_only or not any(right in CHANGE for right in rights_of(opened.info.acl, who))
        selected = Selected(owner, view, opened, read_only=read_only, changed=changed, who=who)
        view.sessions.append(selected)
        if view.lost:
            self._renewing.renew(view)
        if read_only:  # sees what is recent without taking it (RFC 3501 6.3.2)
            selected.recent.update(range(opened.recent_from, opened.recent_below))
        else:
            await self._claim(owner, selected, opened)
        return selected

    async def _view(self, owner: Owner, account: int, name: str, who: Who | None) -> tuple[View, Opened]:
        """The view that other sessions have, or a new one; and the mailbox as it is now. The owner is asked in any
        case, who also says whether it may be."""
        if self._named(account, name) is not None:
            opened = await owner.ask(account, Open(name, who=who))
            assert isinstance(opened, Opened)
            held = self._usable(account, opened.info.id)
            if held is not None:
                return held, opened
        view = View(account, self._emptied, self._renewing.renew)
        try:
            opened = await owner.watch(account, Open(name, who=who), view)
        except BaseException:  # whoever asked has left, but the watch may have begun
            owner.unwatch(account, view.mailbox, view)
            raise
        held = self._usable(account, view.mailbox)
        if held is not None:  # another session was quicker
            owner.unwatch(account, view.mailbox, view)
            return held, opened
        self._views.setdefault(account, {})[view.mailbox] = view
        return view, opened

    def _usable(self, account: int, mailbox: int) -> View | None:
        held = self._views.get(account, {}).get(mailbox)
        return None if held is None or held.gone or held.lost else held

    def _named(self, account: int, name: str) -> View | None:
        try:
            wanted = names.normal(name)
        except Refused:
            return None
        return next((view for view in self._views.get(account, {}).values() if view.name == wanted), None)

    def _emptied(self, view: View) -> None:
        views = self._views.get(view.account, {})
        if views.get(view.mailbox) is view:
            del views[view.mailbox]
            if not views:
                del self._views[view.account]
        self._renewing.leave(view)

    async def _claim(self, owner: Owner, selected: Selected, seen: Opened) -> None:
        r"""Take what nobody has seen as \Recent yet; what comes from now on is given by the view.

        On a full disk nothing can be taken, and the mailbox must open all the same: then \Recent is what was `seen`,
        for this session as for the next (RFC 3501 2.3.2 allows it).
        """
        view = selected.view
        try:
            if not view.claims:
                await owner.claims(view.account, view, on=True)
            opened = await owner.ask(view.account, Open(view.name, claim=True, mailbox=view.mailbox))
        except StoreFull:
            selected.recent.update(range(seen.recent_from, seen.recent_below))
            return
        except BaseException:
            await selected.close()
            raise
        assert isinstance(opened, Opened)
        selected.recent.update(range(opened.recent_from, opened.recent_below))
        selected.info = opened.info

    async def _open_anew(self, view: View) -> None:
        try:
            owner = self._shards.shard_of(view.account)
            await owner.watch(view.account, Open(view.name, mailbox=view.mailbox), view)
            if not view.sessions:
                owner.unwatch(view.account, view.mailbox, view)
            elif view.claims:
                await self._claim_missed(owner, view)
        except NotFound:
            view.vanished()

    async def _claim_missed(self, owner: Owner, view: View) -> None:
        r"""What came in while nobody told of it is \Recent for nobody yet."""
        opened = await owner.ask(view.account, Open(view.name, claim=True, mailbox=view.mailbox))
        assert isinstance(opened, Opened)
        view.gives(range(opened.recent_from, opened.recent_below))
