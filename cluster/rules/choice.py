"""A setting that is a plain value, or a list of rules of which the first that holds says the value.

    spf = "relaxed"
    spf = [
        { if = 'in_network(remote_ip, "10.0.0.0/8")', then = "off" },
        { else = "strict" },
    ]

The law: a choice always has a value: the last entry is an `else`. A rule that fails is told and counts as not matching.
A plain value is given without looking at anything.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, Final, Generic, NamedTuple, Self, TypeVar, get_args, get_origin

import msgspec

from cluster.rules.expression import Expression, answer, told, tools_of
from cluster.rules.facts import ASKED_MAX, Facts, Failed, Run, Unknown
from cluster.rules.functions import STANDARD, Functions
from cluster.rules.template import Template, compile_template
from cluster.rules.wrong import WrongRule

RULES_MAX: Final = 200  # of one choice; what is longer belongs into a lookup

T = TypeVar("T")
Convert = Callable[[Any, Any], Any]  # plain data and a type to a value of the type; raises msgspec.ValidationError


class Picked(NamedTuple, Generic[T]):
    """A value and what chose it: the rule's number from 0 and its text, `else`, or -1 and "" for a plain value."""

    value: T
    number: int
    reason: str


class Rule(NamedTuple):
    """One entry. `test` is None in an else."""

    test: Expression | None
    value: Any
    template: Template | None


class WrongChoice(ValueError):
    """What is wrong with a choice as it is written, and where in it: `[0].if`."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}" if where else why)
        self.where = where
        self.why = why


class Choice(Generic[T]):
    """A value, or rules for one. What rules may name is said by a subclass for each moment that settings speak of."""

    variables: ClassVar[Mapping[str, Any]] = {}
    functions: ClassVar[Functions] = STANDARD

    __slots__ = ("_constant", "_rules", "source")

    def __init__(self, source: Any, constant: T | None, rules: tuple[Rule, ...]) -> None:
        """Use `of` or `decode`. `source`: as it is written in the settings."""
        self.source = source
        self._constant: Any = constant
        self._rules = rules

    @classmethod
    def of(cls, value: T) -> Self:
        """A plain value."""
        return cls(value, value, ())

    @classmethod
    def decode(cls, hint: Any, source: Any, convert: Convert) -> Self:
        """As it is written in settings for `Choice[T]`. Raises WrongChoice; msgspec.ValidationError for a plain value
        of another type."""
        (wanted,) = get_args(hint)
        if not is_rules(source):
            return cls(source, convert(source, wanted), ())
        if len(source) > RULES_MAX:
            raise WrongChoice("", f"it has more than {RULES_MAX} rules; use a lookup")
        rules = tuple(cls._rule(number, entry, wanted, convert) for number, entry in enumerate(source))
        if rules[-1].test is not None:
            raise WrongChoice("", "its last entry must be { else = … }, so that there is always a value")
        for number, rule in enumerate(rules[:-1]):
            if rule.test is None:
                raise WrongChoice(f"[{number}]", "an else comes last")
        return cls(source, None, rules)

    @classmethod
    def _rule(cls, number: int, entry: Mapping[str, Any], wanted: Any, convert: Convert) -> Rule:
        where = f"[{number}]"
        test, key = None, "else"
        if entry.keys() == {"if", "then"}:
            key = "then"
            test = cls._test(f"{where}.if", entry["if"])
        elif entry.keys() != {"else"}:
            raise WrongChoice(where, 'write { if = "…", then = … } or { else = … }')
        try:
            value = convert(entry[key], wanted)
        except msgspec.ValidationError as error:
            raise WrongChoice(f"{where}.{key}", str(error)) from None
        template = None
        if wanted_text(wanted) and isinstance(value, str):
            try:
                template = compile_template(value, cls.variables, test.groups if test is not None else 0)
            except WrongRule as error:
                raise WrongChoice(f"{where}.{key}", f"at character {error.at + 1}: {error.why}") from None
        return Rule(test, value, template)

    @classmethod
    def _test(cls, where: str, text: Any) -> Expression:
        if not isinstance(text, str):
            raise WrongChoice(where, "a rule is a text in quotes")
        try:
            return Expression.of(text, cls.variables, cls.functions, wanted=bool)
        except WrongRule as error:
            raise WrongChoice(where, told(text, error)) from None

    @property
    def is_plain(self) -> bool:
        """Whether it has no rules."""
        return not self._rules

    @property
    def tables(self) -> frozenset[str]:
        """The lookups that its rules name."""
        return frozenset(name for rule in self._rules if rule.test is not None for name in rule.test.tables)

    @property
    def names(self) -> frozenset[str]:
        """The variables that its rules read, in their tests and in what they say."""
        readers = [one for rule in self._rules for one in (rule.test, rule.template) if one is not None]
        return frozenset(name for one in readers for name in one.names)

    @property
    def values(self) -> tuple[T, ...]:
        """Every value there is, texts before they are filled in: for checks when settings are loaded."""
        return tuple(rule.value for rule in self._rules) or (self._constant,)

    def pick(self, facts: Mapping[str, Any]) -> T:
        """The value now. A rule that would have to wait for a lookup fails: use `choose` where there may be such."""
        return self._constant if not self._rules else self.pick_with_reason(facts).value

    def pick_with_reason(self, facts: Mapping[str, Any]) -> Picked[T]:
        """The same, and which rule it was."""
        if not self._rules:
            return Picked(self._constant, -1, "")
        return self._decided(Run(facts, tools_of(facts)), waits=False)

    async def choose(self, facts: Facts) -> T:
        """The value now, lookups waited for. Raises nothing: a lookup that fails fails its rule."""
        return self._constant if not self._rules else (await self.choose_with_reason(facts)).value

    async def choose_with_reason(self, facts: Facts) -> Picked[T]:
        """The same, and which rule it was."""
        if not self._rules:
            return Picked(self._constant, -1, "")
        run = Run(facts, facts.tools)
        for _ in range(ASKED_MAX):
            try:
                return self._decided(run, waits=True)
            except Unknown as unknown:
                await answer(run, unknown)
        return self._decided(run, waits=False)

    def _decided(self, run: Run, *, waits: bool) -> Picked[T]:
        for number, rule in enumerate(self._rules):
            if self._holds(rule.test, run, waits=waits):
                value: Any = rule.value if rule.template is None else rule.template.fill(run)
                return Picked(value, number, rule.test.text if rule.test is not None else "else")
        raise AssertionError("a choice ends with an else")

    def _holds(self, test: Expression | None, run: Run, *, waits: bool) -> bool:
        run.match = None
        if test is None:
            return True
        try:
            return bool(test.step(run))
        except Failed as error:
            why = str(error)
        except Unknown as unknown:
            if waits:
                raise
            why = f"lookup {unknown.question.table} has to be waited for"
        run.once(("failed", test.text), lambda: run.tools.failed(test.text, why))
        return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Choice) and type(other) is type(self) and other._said() == self._said()

    def __hash__(self) -> int:
        return hash(repr(self._said()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._said()!r}"

    def _said(self) -> tuple[Any, ...]:
        """Its values as they are, so that a Secret stays hidden, and the texts of its rules."""
        return (*self.values, *(rule.test.text for rule in self._rules if rule.test is not None))


def is_rules(source: Any) -> bool:
    """Whether what is written is meant as rules."""
    return isinstance(source, list) and bool(source) and all(isinstance(entry, dict) for entry in source)


def is_choice(hint: Any) -> bool:
    """Whether a type of a setting is `Choice[T]` or one of its subclasses."""
    origin = get_origin(hint)
    return isinstance(origin, type) and issubclass(origin, Choice)


def wanted_text(hint: Any) -> bool:
    """Whether values of a type are any texts, whose places are filled in; a Literal's are as they are."""
    while hasattr(hint, "__metadata__"):
        hint = hint.__origin__
    return hint is str or str in get_args(hint)


def choices_in(value: Any, path: str = "") -> Iterator[tuple[str, "Choice[Any]"]]:
    """All choices in settings that are loaded, each with its path."""
    if isinstance(value, Choice):
        yield path, value
    elif isinstance(value, msgspec.Struct):
        for field in msgspec.structs.fields(type(value)):
            yield from choices_in(
                getattr(value, field.name), f"{path}.{field.encode_name}" if path else field.encode_name
            )
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from choices_in(item, f"{path}[{number}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from choices_in(item, f"{path}.{key}")
