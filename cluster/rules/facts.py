"""What rules are evaluated over: the facts of one moment, and the tools that all rules of a process share.

The law: facts are flat values of the kinds that were promised when the rule was compiled; tools answer at once or not
at all. What has to be fetched is asked by whoever may wait, between two evaluations.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Final, NamedTuple, Protocol

import structlog
from prometheus_client import CollectorRegistry, Counter

from cluster.clock import Clock, Dice, SystemClock, system_dice

ASKED_MAX: Final = 20  # of remote lookups, for one evaluation
LOGGED_EVERY_MS: Final = 60_000  # of rules that fail, each
LOGGED_RULES_MAX: Final = 1_000  # remembered for that
VALUE_LOGGED_CHARACTERS_MAX: Final = 200


class Missing:
    """What a lookup says at once: it is not there, or has to be asked."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


NOT_THERE: Final = Missing("NOT_THERE")
TO_ASK: Final = Missing("TO_ASK")


class Tables(Protocol):
    """Lists and maps by name (cluster/lookup)."""

    def find(self, name: str, key: str) -> str | Missing:
        """The value of a key ("" in a list): NOT_THERE, or TO_ASK where it is not known at once."""
        ...

    async def ask(self, name: str, key: str) -> str | Missing:
        """The same, waited for: never TO_ASK. Raises Trouble."""
        ...


class NoTables:
    """Where no lookups are set up."""

    def find(self, name: str, key: str) -> str | Missing:  # noqa: ARG002
        """Nothing is there."""
        return NOT_THERE

    async def ask(self, name: str, key: str) -> str | Missing:  # noqa: ARG002
        """Nothing is there."""
        return NOT_THERE


class Log(Protocol):
    """Where failures are told."""

    def warning(self, event: str, **known: Any) -> Any:
        """One line."""
        ...


class Tools:
    """The clock, the dice, the lookups, and where failing rules are told. One a process."""

    def __init__(
        self,
        tables: Tables | None = None,
        clock: Clock | None = None,
        dice: Dice | None = None,
        registry: CollectorRegistry | None = None,
        log: Log | None = None,
    ) -> None:
        self.tables: Tables = tables or NoTables()
        self.clock: Clock = clock or SystemClock()
        self.dice: Dice = dice or system_dice()
        self.failures = Counter(
            "rookery_rule_failures", "Rules that failed and counted as not matching.", registry=registry
        )
        self._log: Log = log or structlog.get_logger()
        self._logged_ms: dict[str, int] = {}

    def failed(self, rule: str, why: str) -> None:
        """Count a rule that failed, and log it once in a while."""
        self.failures.inc()
        now_ms = self.clock.now_ms()
        if 0 <= now_ms - self._logged_ms.get(rule, -LOGGED_EVERY_MS) < LOGGED_EVERY_MS:
            return
        if len(self._logged_ms) >= LOGGED_RULES_MAX:
            self._logged_ms.clear()
        self._logged_ms[rule] = now_ms
        self._log.warning("rule.failed", rule=rule, why=why[:VALUE_LOGGED_CHARACTERS_MAX])


class Facts(dict[str, Any]):
    """The facts of one moment by name, with the tools at hand."""

    __slots__ = ("tools",)

    def __init__(self, tools: Tools, /, **known: Any) -> None:
        super().__init__(known)
        self.tools = tools


class ToAsk(NamedTuple):
    """What an evaluation has to know before it can go on."""

    table: str
    key: str


class Unknown(Exception):
    """An evaluation met a lookup that has to be asked: ask, put the answer into the run, and evaluate again."""

    def __init__(self, question: ToAsk) -> None:
        super().__init__(question)
        self.question = question


class Failed(Exception):
    """A rule that cannot be decided for these values."""


class Run:
    """One evaluation: what it may read, what it has been answered, and the last pattern that matched."""

    __slots__ = ("answers", "facts", "items", "match", "tools")

    def __init__(self, facts: Mapping[str, Any], tools: Tools) -> None:
        self.facts = facts
        self.tools = tools
        self.match: Any = None
        self.items: list[Any] = []
        self.answers: dict[Hashable, Any] | None = None

    def find(self, table: str, key: str) -> str | Missing:
        """What a lookup has. Raises Unknown."""
        question = ToAsk(table, key)
        if self.answers is not None and question in self.answers:
            answer: str | Missing | Failed = self.answers[question]
            if isinstance(answer, Failed):
                raise answer
            return answer
        found = self.tools.tables.find(table, key)
        if found is TO_ASK:
            raise Unknown(question)
        return found

    def once(self, site: Hashable, make: Callable[[], Any]) -> Any:
        """The same value for a place in a rule, however often it is evaluated in this run."""
        if self.answers is None:
            self.answers = {}
        if site not in self.answers:
            self.answers[site] = make()
        return self.answers[site]


Step = Callable[[Run], Any]
