"""What became of mail that was to be sent on: what our clients were promised, what the sink took, what came back.

The law: each recipient of an acknowledged message has it at the sink, or its sender has a bounce, or it waits in the
queue still; never none of these. A 250 of the sink is final: the same message for the same recipient comes again only
if the server that had opened this connection was killed before the sink wrote that 250, or within SETTLE_S after it.
Within that time nobody outside can tell whether the server had read it, nor whether what it had read was on its disk
(more bytes on the connection do not tell: they may have been on their way before); after it there is no excuse, and
without a kill there is none at all. A half 250, or none because the sink had hung up, promises the sink's client
nothing.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tests.load.ledger import Broken, Doubled, Lost

SETTLE_S: Final = 1.0  # usually some milliseconds; a busy machine takes longer
Mail = tuple[str, str]  # token, recipient


class Taken(NamedTuple):
    """One 250 of the sink. Times are of time.monotonic, which the processes of a machine share."""

    token: str
    to: tuple[str, ...]
    since: float  # when the connection began
    at: float
    whole: bool
    heard: bool  # something more came from the server on that connection


@dataclass
class Outgoing:
    """The ledger of all rounds."""

    acknowledged: dict[str, tuple[str, ...]] = field(default_factory=dict)  # recipients by token
    sent: Counter[str] = field(default_factory=Counter)  # messages begun, by token
    killed_at: list[float] = field(default_factory=list)

    def excuse(self, taken: Taken) -> bool:
        """Whether a kill came before this 250, or so soon after it that it may have been lost."""
        return any(taken.since <= at <= taken.at + SETTLE_S for at in self.killed_at)

    def reckon(self, log: Iterable[Taken], bounced: Iterable[Mail], queued: Iterable[Mail]) -> "Reckoned":
        """Everything against everything. Raises Broken."""
        taken = self._by_mail(log)
        bounces, waiting = Counter(bounced), set(queued)
        found = Reckoned(taken=len(taken), bounced=len(bounces), queued=len(waiting))
        for mail, times in taken.items():
            self._once(mail, times, mail in bounces or mail in waiting, found)
        for mail, count in bounces.items():
            if count > 1:
                raise Doubled(f"{mail} bounced {count} times")
            if mail[0] not in self.sent:
                raise Broken(f"{mail} bounced, and nobody sent it")
        for token, recipients in self.acknowledged.items():
            lost = [to for to in recipients if not {(token, to)} & (taken.keys() | bounces.keys() | waiting)]
            if lost:
                raise Lost(f"{token} was acknowledged; for {lost} it is not at the sink, nor back, nor in the queue")
        return found

    def _by_mail(self, log: Iterable[Taken]) -> dict[Mail, list[Taken]]:
        taken: dict[Mail, list[Taken]] = defaultdict(list)
        for one in log:
            if not one.whole or one.token not in self.sent:
                raise Broken(f"the sink has something that nobody sent so: {one}")
            for to in one.to:
                taken[one.token, to].append(one)
        return taken

    def _once(self, mail: Mail, times: Sequence[Taken], is_elsewhere: bool, found: "Reckoned") -> None:
        """Each time but the last needs an excuse; the last too, if the mail also came back or still waits."""
        for one in times if is_elsewhere else times[:-1]:
            if not self.excuse(one):
                raise Doubled(f"{mail} was taken at {[each.at for each in times]}, elsewhere too: {is_elsewhere}")
            found.again += 1
            found.again_heard += one.heard
            found.settle_s = max(found.settle_s, min(at for at in self.killed_at if at >= one.since) - one.at)


@dataclass
class Reckoned:
    """How much there was of everything."""

    taken: int = 0
    bounced: int = 0
    queued: int = 0
    again: int = 0  # times that mail came again after a 250, by excuse
    again_heard: int = 0  # of these, where the server had said more after the 250
    settle_s: float = 0.0  # the longest time from such a 250 to the kill


def read_log(lines: Iterable[bytes]) -> list[Taken]:
    """The sink's log."""
    entries: dict[int, dict[str, Any]] = {}
    heard: set[int] = set()
    for line in lines:
        entry = json.loads(line)
        if "heard" in entry:
            heard.add(entry["n"])
        else:
            entries[entry["n"]] = entry
    return [
        Taken(one["token"], tuple(one["to"]), one["since"], one["at"], one["whole"], n in heard)
        for n, one in entries.items()
    ]
