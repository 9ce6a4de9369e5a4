"""What milters did, for the trace of a message, and in the log where somebody should look.

The law: names of fields, never their values; and no more facts than a trace can hold.
"""

from collections import Counter
from typing import Any, Final

from actors.trace.types import Fact
from cluster.clock import Clock
from gateway.milter.settings import MilterSettings
from gateway.smtp.parts import Log
from mail.milter import changes
from mail.milter.machine import Outcome
from mail.milter.responses import How

_FACTS_MAX: Final = 50  # a quarter of those of a note; a message with a hundred recipients may have as many refusals
_NAMES_MAX: Final = 20  # field names told of one message
_WHY_CHARS_MAX: Final = 200


class Notes:
    """The facts of one SMTP connection that were not taken yet."""

    def __init__(self, clock: Clock, log: Log) -> None:
        self._clock = clock
        self._log = log
        self._facts: list[Fact] = []

    def failed(self, settings: MilterSettings, stage: str, why: str) -> None:
        """It did not answer as it should."""
        self._log.warning("milter.failed", milter=settings.name, stage=stage, why=why, then=settings.on_error)
        self._add("failed", settings, stage, {"why": why[:_WHY_CHARS_MAX], "then": settings.on_error})

    def answered(self, settings: MilterSettings, stage: str, outcome: Outcome) -> None:
        """It decided. That it lets a command pass is not worth a fact, that it lets a message pass is."""
        decision = outcome.decision
        if decision.how is How.CONTINUE and stage != "message":
            return
        more: dict[str, Any] = {}
        if decision.reply is not None:
            more["reply"] = f"{decision.reply.code} {decision.reply.status} {decision.reply.text}"[:_WHY_CHARS_MAX]
        if outcome.changes:
            more["changes"] = _summary(outcome.changes)
        self._add(decision.how.value, settings, stage, more)

    def take(self) -> list[Fact]:
        """The facts; they are forgotten here."""
        facts, self._facts = self._facts, []
        return facts

    def _add(self, how: str, settings: MilterSettings, stage: str, more: dict[str, Any]) -> None:
        if len(self._facts) < _FACTS_MAX:
            of = {"milter": settings.name, "stage": stage, **more}
            self._facts.append(Fact("milter", how, self._clock.now_ms(), of))


def _summary(wanted: tuple[changes.Change, ...]) -> dict[str, Any]:
    """How often each kind of change, and the names of the fields."""
    kinds = Counter(type(change).__name__ for change in wanted)
    names = [
        change.name.decode("ascii")
        for change in wanted
        if isinstance(change, changes.AddHeader | changes.InsertHeader | changes.ChangeHeader)
    ]
    return dict(kinds) | ({"fields": names[:_NAMES_MAX]} if names else {})
