"""A compiled rule: the text once checked, evaluated as often as there are facts.

The law: what is wrong with the text is told when it is compiled, with its place and a cure; what goes wrong later
raises Failed, and nothing else but Unknown.
"""

from collections.abc import Mapping
from typing import Any, Final

from cluster.errors import Misconfigured, Trouble
from cluster.rules.compiling import Compiled, compile_rule
from cluster.rules.facts import ASKED_MAX, TO_ASK, Facts, Failed, Run, Tools, Unknown
from cluster.rules.functions import STANDARD, Functions
from cluster.rules.kinds import Kind, kind_of
from cluster.rules.wrong import WrongRule

_SHOWN_CHARACTERS: Final = 60  # of a rule, in an error


class Expression:
    """One rule."""

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str, compiled: Compiled) -> None:
        self.text = text
        self._compiled = compiled

    @classmethod
    def compile(
        cls,
        text: str,
        variables: Mapping[str, Any],
        functions: Functions = STANDARD,
        *,
        wanted: type | None = None,
    ) -> "Expression":
        """Check and compile. `variables`: their types by name: bool, int, float, str, tuples of str or int;
        `wanted`: the type that it must give. Raises Misconfigured with the place, what is wrong and a cure."""
        try:
            return cls.of(text, variables, functions, wanted=wanted)
        except WrongRule as error:
            raise Misconfigured(f"{told(text, error)}.") from None

    @classmethod
    def of(
        cls, text: str, variables: Mapping[str, Any], functions: Functions, *, wanted: type | None = None
    ) -> "Expression":
        """The same for who adds where the text stands. Raises WrongRule."""
        kinds = {name: kind_of(hint) for name, hint in variables.items()}
        compiled = compile_rule(text, kinds, functions)
        if wanted is not None and compiled.kind is not kind_of(wanted):
            cure = "; compare it with something" if wanted is bool else ""
            raise WrongRule(0, f"it gives {compiled.kind.value}; it must give {kind_of(wanted).value}{cure}")
        return cls(text, compiled)

    @property
    def kind(self) -> Kind:
        """What it gives."""
        return self._compiled.kind

    @property
    def tables(self) -> frozenset[str]:
        """The lookups it names."""
        return self._compiled.tables

    @property
    def names(self) -> frozenset[str]:
        """The variables it reads."""
        return self._compiled.names

    @property
    def groups(self) -> int:
        """The most groups that one of its patterns captures."""
        return self._compiled.groups

    def evaluate(self, facts: Mapping[str, Any]) -> Any:
        """Its value. `facts`: a Facts; any other mapping does for rules that ask neither clock nor dice nor lookups.
        Raises Failed, also where a lookup has to be waited for."""
        try:
            return self.step(Run(facts, tools_of(facts)))
        except Unknown as unknown:
            raise Failed(f"lookup {unknown.question.table} has to be waited for") from None

    async def ask(self, facts: Facts) -> Any:
        """Its value, lookups waited for. Raises Failed."""
        run = Run(facts, facts.tools)
        for _ in range(ASKED_MAX):
            try:
                return self.step(run)
            except Unknown as unknown:
                await answer(run, unknown)
        raise Failed(f"it asks more than {ASKED_MAX} times")

    def step(self, run: Run) -> Any:
        """Its value in a run. Raises Failed, Unknown."""
        try:
            return self._compiled.step(run)
        except (Failed, Unknown):
            raise
        except KeyError as error:
            raise Failed(f"{error} is not known now") from error
        except Exception as error:  # a value of another kind than was promised: our defect, and no mail's trouble
            raise Failed(f"{type(error).__name__}: {error}") from error

    def holds(self, facts: Mapping[str, Any]) -> bool:
        """Whether it is true; a rule that fails is told and is not."""
        try:
            return self.evaluate(facts) is True
        except Failed as error:
            tools_of(facts).failed(self.text, str(error))
            return False

    async def ask_holds(self, facts: Facts) -> bool:
        """The same, lookups waited for."""
        try:
            return await self.ask(facts) is True
        except Failed as error:
            facts.tools.failed(self.text, str(error))
            return False


def told(text: str, error: WrongRule) -> str:
    """What is wrong with a rule, in a sentence without its full stop."""
    begin = max(0, min(error.at - 20, len(text) - _SHOWN_CHARACTERS))
    shown = ("…" if begin else "") + text[begin : begin + _SHOWN_CHARACTERS].replace("\n", " ")
    shown += "…" if begin + _SHOWN_CHARACTERS < len(text) else ""
    return f"the rule «{shown}» is wrong at character {error.at + 1}: {error.why}"


async def answer(run: Run, unknown: Unknown) -> None:
    """Ask what an evaluation has to know, and note it in the run; a lookup that fails fails what rests on it."""
    if run.answers is None:
        run.answers = {}
    question = unknown.question
    try:
        found: Any = await run.tools.tables.ask(question.table, question.key)
        run.answers[question] = Failed("a lookup knew nothing") if found is TO_ASK else found
    except Trouble as trouble:
        run.answers[question] = Failed(f"lookup {question.table}: {trouble.log}")


def tools_of(facts: Mapping[str, Any]) -> Tools:
    """The tools that come with facts."""
    return facts.tools if isinstance(facts, Facts) else _plain()


_made: list[Tools] = []


def _plain() -> Tools:
    if not _made:
        _made.append(Tools())
    return _made[0]
