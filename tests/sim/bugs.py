"""Bugs to plant: what the simulator must find. Each is a real rule of the cluster, broken in one place."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest

from actors.mailbox import changing
from actors.mailbox.answers import Answers
from actors.mailbox.changes import Changes
from actors.mailbox.shard import Shard
from actors.mailbox.view import View
from cluster.membership.session import Session
from cluster.placement.titles import Titles
from ops.sim.faults import Kind


class Bug(NamedTuple):
    """How to plant it, under which faults it shows, and within how many seeds it has to be found."""

    plant: Callable[[pytest.MonkeyPatch], None]
    faults: Sequence[Kind]
    seeds: int


def _skip_check(patch: pytest.MonkeyPatch) -> None:
    """Write without comparing the claim: an old owner overwrites the new one's log."""

    async def check(self: Titles, transaction: Any, slots: Sequence[int]) -> None:
        return None

    patch.setattr(Titles, "check", check)


def _answer_first(patch: pytest.MonkeyPatch) -> None:
    """Answer before the commit."""
    finish = Shard._finish

    async def early(self: Shard, writes: Any, decided: Any, touched: Any) -> None:
        for done in decided:
            if done.asked.watcher is None and not done.asked.answer.done():
                done.asked.answer.set_result(done.reply)
        await finish(self, writes, decided, touched)

    patch.setattr(Shard, "_finish", early)


def _forget_keys(patch: pytest.MonkeyPatch) -> None:
    """Remember no key: a command made again is carried out again."""
    patch.setattr(Answers, "get", lambda self, idem: None)


def _ignore_lease(patch: pytest.MonkeyPatch) -> None:
    """Go on after the lease, as if it had been renewed."""
    patch.setattr(Session, "until", property(lambda self: float("inf")))


def _old_maps(patch: pytest.MonkeyPatch) -> None:
    """Trust a map that is older than the lease."""
    patch.setattr(Session, "revision", property(lambda self: 0))


def _no_shutting_out(patch: pytest.MonkeyPatch) -> None:
    """Read again after a commit of unknown outcome, which may land yet."""
    patch.setattr(Shard, "_shut_out", lambda self, slots: None)


def _deaf_views(patch: pytest.MonkeyPatch) -> None:
    """Never open a lost view anew."""
    patch.setattr(View, "ended", lambda self, trouble: None)


def _reuse_uids(patch: pytest.MonkeyPatch) -> None:
    """Count UIDs from the messages that are there."""
    add_rows = changing.add_rows

    def reusing(decision: Any, box: Any, rows: Any, before: Any, context: Any, came: Any) -> None:
        if box.index is not None and box.index.count < box.messages + 1:
            highest = int(box.index.uids[-1]) if box.index.count else 0
            rows = [msgspec.structs.replace(row, uid=highest + 1 + at) for at, row in enumerate(rows)]
        add_rows(decision, box, rows, before, context, came)

    patch.setattr(changing, "add_rows", reusing)


def _untold(patch: pytest.MonkeyPatch) -> None:
    """JMAP's /changes tells of no email that has left."""
    emails = Changes.emails
    patch.setattr(Changes, "emails", lambda self: emails(self)._replace(destroyed=[]))


BUGS: dict[str, Bug] = {
    "the claim is not compared": Bug(_skip_check, ("crash", "pause", "store"), 200),
    "answered before it is durable": Bug(_answer_first, ("crash", "store"), 50),
    "keys are not remembered": Bug(_forget_keys, ("loss", "store"), 200),
    "the lease's end is ignored": Bug(_ignore_lease, ("partition",), 200),
    "a map may be older than the lease": Bug(_old_maps, ("partition", "registry"), 400),
    "a late commit is not shut out": Bug(_no_shutting_out, ("store",), 200),
    "lost views stay lost": Bug(_deaf_views, ("crash", "partition"), 200),
    "UIDs are used again": Bug(_reuse_uids, (), 50),
    "JMAP does not tell of what has left": Bug(_untold, (), 50),
}
