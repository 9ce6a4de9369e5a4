"""From a tree to closures, each part with its kind: what a rule cannot mean is found here.

The law: what compiles takes, for any values of the promised kinds, time bounded by its parts times the size of its
values, and ends with a value, Failed or Unknown. Lists are walked by `exists` and `all` only, never one in another.
"""

import difflib
import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from cluster.rules.facts import NOT_THERE, Failed, Run, Step
from cluster.rules.functions import Function, Functions
from cluster.rules.kinds import ITEMS, LISTS, NUMBERS, Kind, alike
from cluster.rules.networks import Networks, network_of
from cluster.rules.parser import Call, Constant, Items, Name, Node, parse
from cluster.rules.patterns import compile_pattern, search
from cluster.rules.wrong import WrongRule

INT_BITS_MAX: Final = 256  # of a sum or product, so that no chain of them grows


class Part(NamedTuple):
    """A compiled part. `constant`: its value is known now, and `step` gives it."""

    kind: Kind
    step: Step
    constant: bool = False


class Compiled(NamedTuple):
    """A rule ready to run: what it gives, the lookups it names, and the groups that its patterns may capture."""

    kind: Kind
    step: Step
    tables: frozenset[str]
    groups: int
    names: frozenset[str]


def compile_rule(text: str, variables: Mapping[str, Kind], functions: Functions) -> Compiled:
    """Compile a rule over these variables. Raises WrongRule."""
    compiler = _Compiler(variables, functions)
    part = compiler.part(parse(text))
    if part.kind in (Kind.TABLE, Kind.EMPTY):
        raise WrongRule(0, f"this is only {part.kind.value}; compare it with something")
    return Compiled(part.kind, part.step, frozenset(compiler.tables), compiler.groups, frozenset(compiler.names))


def near(name: str, known: Iterable[str]) -> str:
    """What may have been meant."""
    names = sorted(known)
    close = difflib.get_close_matches(name[:100], names, n=1, cutoff=0.75)  # below that it is another word
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"


class _Compiler:
    def __init__(self, variables: Mapping[str, Kind], functions: Functions) -> None:
        self._variables = variables
        self._functions = functions
        self._items: dict[str, Kind] = {}  # the name of a list's item, within exists and all
        self.tables: set[str] = set()
        self.names: set[str] = set()
        self.groups = 0

    def part(self, node: Node) -> Part:
        match node:
            case Constant():
                value = node.value
                return Part(_kind_of_value(value), lambda _run: value, constant=True)
            case Name():
                return self._name(node)
            case Items():
                return self._list(node)
            case Call():
                special = _SPECIAL.get(node.name)
                return special(self, node) if special is not None else self._called(node)
        raise AssertionError(node)

    def _name(self, node: Name) -> Part:
        name = node.name
        if name in self._items:
            return Part(self._items[name], lambda run: run.items[-1])
        if name not in self._variables:
            raise WrongRule(node.at, f"there is no {name} here; {near(name, self._variables)}")
        self.names.add(name)
        return Part(self._variables[name], lambda run: run.facts[name])

    def _list(self, node: Items) -> Part:
        parts = [self.part(item) for item in node.items]
        kinds = {part.kind for part in parts}
        if not kinds:
            return Part(Kind.EMPTY, lambda _run: (), constant=True)
        if len(kinds) > 1 or not kinds <= {Kind.TEXT, Kind.INT}:
            raise WrongRule(node.at, "a list holds texts, or whole numbers")
        kind = Kind.TEXTS if kinds == {Kind.TEXT} else Kind.INTS
        steps = [part.step for part in parts]
        if all(part.constant for part in parts):
            values = tuple(_value(part) for part in parts)
            return Part(kind, lambda _run: values, constant=True)
        return Part(kind, lambda run: tuple([step(run) for step in steps]))

    def _want(self, node: Node, *kinds: Kind) -> Part:
        part = self.part(node)
        if part.kind not in kinds:
            raise WrongRule(node.at, f"this is {part.kind.value}; it must be {kinds[0].value}{_cure(part.kind, kinds)}")
        return part

    def _constant(self, node: Node, what: str, *kinds: Kind) -> Any:
        part = self._want(node, *kinds)
        if not part.constant:
            raise WrongRule(node.at, f"{what} must be written out here, not come from a value")
        return _value(part)

    def _args(self, node: Call, low: int, high: int, how: str) -> tuple[Node, ...]:
        if not low <= len(node.args) <= high:
            raise WrongRule(node.at, f"{node.name} is used like {how}")
        return node.args

    # -- functions -------------------------------------------------------------------------------------------------

    def _called(self, node: Call) -> Part:
        shapes = self._functions.get(node.name)
        if shapes is None:
            known = [*self._functions, *(name for name in _SPECIAL if name.isidentifier() and name != "negative")]
            raise WrongRule(node.at, f"there is no function {node.name}; {near(node.name, known)}")
        parts = [self.part(arg) for arg in node.args]
        kinds = tuple(part.kind for part in parts)
        for shape in shapes:
            if shape.takes == kinds:
                return _call(shape, [part.step for part in parts], node.at)
        wanted = " or ".join(f"({', '.join(kind.value for kind in shape.takes)})" for shape in shapes)
        found = ", ".join(kind.value for kind in kinds)
        raise WrongRule(node.at, f"{node.name} takes {wanted}, not ({found})")

    def _matches(self, node: Call) -> Part:
        text, pattern = self._args(node, 2, 2, r'sender.matches(r"^bounce-(\d+)@")')
        step = self._want(text, Kind.TEXT).step
        try:
            compiled = compile_pattern(self._constant(pattern, "a pattern", Kind.TEXT))
        except WrongRule:
            raise
        except ValueError as error:
            raise WrongRule(pattern.at, str(error)) from None
        self.groups = max(self.groups, compiled.groups)

        def matches(run: Run) -> bool:
            match = search(compiled, step(run))
            if match is None:
                return False
            run.match = match
            return True

        return Part(Kind.BOOL, matches)

    def _in_network(self, node: Call) -> Part:
        ip, given = self._args(node, 2, 2, 'in_network(remote_ip, "10.0.0.0/8") or with a list of networks')
        step = self._want(ip, Kind.TEXT).step
        texts = self._constant(given, "a network", Kind.TEXT, Kind.TEXTS)
        networks = []
        for text in (texts,) if isinstance(texts, str) else texts:
            network = network_of(text)
            if network is None:
                raise WrongRule(given.at, f'{text!a} is no network; write "10.0.0.0/8" or "2001:db8::/32"')
            networks.append((network, True))
        find = Networks(networks).find
        return Part(Kind.BOOL, lambda run: find(step(run)) is not None)

    def _lookup(self, node: Call) -> Part:
        args = self._args(node, 2, 3, 'lookup("name", key) or lookup("name", key, "default")')
        table = self._constant(args[0], "the name of a lookup", Kind.TEXT)
        key = self._want(args[1], Kind.TEXT).step
        default = self._want(args[2], Kind.TEXT).step if len(args) == 3 else lambda _run: ""
        self.tables.add(table)

        def lookup(run: Run) -> Any:
            found = run.find(table, key(run))
            return default(run) if found is NOT_THERE else found

        return Part(Kind.TEXT, lookup)

    def _table(self, node: Call) -> Part:
        (name,) = self._args(node, 1, 1, 'remote_ip in list("name")')
        table = self._constant(name, "the name of a lookup", Kind.TEXT)
        self.tables.add(table)
        return Part(Kind.TABLE, lambda _run: table, constant=True)

    def _some(self, node: Call) -> Part:
        return self._walked(node, any)

    def _every(self, node: Call) -> Part:
        return self._walked(node, all)

    def _walked(self, node: Call, over: Callable[[Iterable[bool]], bool]) -> Part:
        given, name, test = self._args(node, 3, 3, f'recipients.{node.name}(r, r.endsWith("@example.org"))')
        values = self._want(given, *LISTS)
        if not isinstance(name, Name) or name.name in self._variables:
            raise WrongRule(name.at, "here stands a new name for the item of the list")
        if self._items:
            raise WrongRule(node.at, f"{node.name} must not stand within another exists or all")
        self._items = {name.name: ITEMS[values.kind]}
        step, listed = self._want(test, Kind.BOOL).step, values.step
        self._items = {}

        def one(run: Run, item: Any) -> bool:
            run.items.append(item)
            try:
                return bool(step(run))
            finally:
                run.items.pop()

        return Part(Kind.BOOL, lambda run: over(one(run, item) for item in listed(run)))

    # -- operators -------------------------------------------------------------------------------------------------

    def _logic(self, node: Call) -> Part:
        steps = [self._want(arg, Kind.BOOL).step for arg in node.args]
        if len(steps) == 2:
            left, right = steps
            if node.name == "&&":
                return Part(Kind.BOOL, lambda run: left(run) and right(run))
            return Part(Kind.BOOL, lambda run: left(run) or right(run))
        decided: bool = node.name == "||"

        def logic(run: Run) -> bool:
            for step in steps:
                if step(run) == decided:
                    return decided
            return not decided

        return Part(Kind.BOOL, logic)

    def _not(self, node: Call) -> Part:
        step = self._want(node.args[0], Kind.BOOL).step
        return Part(Kind.BOOL, lambda run: not step(run))

    def _negative(self, node: Call) -> Part:
        part = self._want(node.args[0], *NUMBERS)
        step = part.step
        if part.constant:
            value = -_value(part)
            return Part(part.kind, lambda _run: value, constant=True)
        return Part(part.kind, lambda run: -step(run))

    def _either(self, node: Call) -> Part:
        test = self._want(node.args[0], Kind.BOOL).step
        then, other = self.part(node.args[1]), self.part(node.args[2])
        if then.kind is not other.kind or then.kind is Kind.TABLE:
            raise WrongRule(node.at, f"one side is {then.kind.value}, the other {other.kind.value}")
        first, second = then.step, other.step
        return Part(then.kind, lambda run: first(run) if test(run) else second(run))

    def _equal(self, node: Call) -> Part:
        left, right = self.part(node.args[0]), self.part(node.args[1])
        if not alike(left.kind, right.kind) or Kind.TABLE in (left.kind, right.kind):
            raise WrongRule(node.at, f"{left.kind.value} can never equal {right.kind.value}{_likely(right)}")
        compare = operator.eq if node.name == "==" else operator.ne
        if left.kind in LISTS:  # a list is a tuple or a list, which are never equal in Python
            compare_lists, one, other = compare, left.step, right.step
            return Part(Kind.BOOL, lambda run: compare_lists(tuple(one(run)), tuple(other(run))))
        return _compared(compare, left, right)

    def _ordered(self, node: Call) -> Part:
        left = self._want(node.args[0], *NUMBERS, Kind.TEXT)
        right = self._want(node.args[1], *(NUMBERS if left.kind in NUMBERS else (left.kind,)))
        return _compared(_ORDER[node.name], left, right)

    def _in(self, node: Call) -> Part:
        item, values = self.part(node.args[0]), self._want(node.args[1], *LISTS, Kind.TABLE)
        if item.kind is not ITEMS[values.kind] and not (values.kind is Kind.EMPTY and item.kind is Kind.INT):
            raise WrongRule(node.at, f"{item.kind.value} is never in {values.kind.value}")
        key, listed = item.step, values.step
        if values.kind is Kind.TABLE:
            table = _value(values)
            return Part(Kind.BOOL, lambda run: run.find(table, key(run)) is not NOT_THERE)
        if values.constant:
            known = frozenset(_value(values))
            return Part(Kind.BOOL, lambda run: key(run) in known)
        return Part(Kind.BOOL, lambda run: key(run) in listed(run))

    def _plus(self, node: Call) -> Part:
        left = self._want(node.args[0], *NUMBERS, Kind.TEXT)
        if left.kind is not Kind.TEXT:
            return self._arithmetic(node)
        one, other = left.step, self._want(node.args[1], Kind.TEXT).step
        return Part(Kind.TEXT, lambda run: one(run) + other(run))

    def _arithmetic(self, node: Call) -> Part:
        left, right = self._want(node.args[0], *NUMBERS), self._want(node.args[1], *NUMBERS)
        whole = left.kind is right.kind is Kind.INT
        compute = _WHOLE[node.name] if whole else _BROKEN[node.name]
        one, other = left.step, right.step

        def arithmetic(run: Run) -> Any:
            try:
                result = compute(one(run), other(run))
            except (ZeroDivisionError, OverflowError) as error:
                raise Failed(str(error)) from None
            if whole and result.bit_length() > INT_BITS_MAX:
                raise Failed("a number grew too large")
            return result

        return Part(Kind.INT if whole else Kind.FLOAT, arithmetic)

    def _item(self, node: Call) -> Part:
        values, index = self._want(node.args[0], *LISTS), self._want(node.args[1], Kind.INT)
        listed, place = values.step, index.step

        def item(run: Run) -> Any:
            found, at = listed(run), place(run)
            if not 0 <= at < len(found):
                raise Failed("a list has no such item")
            return found[at]

        return Part(ITEMS[values.kind], item)


def _call(shape: Function, steps: list[Step], at: int) -> Part:
    call = shape.call
    if shape.needs_run:
        site = (at, call)

        def once(run: Run) -> Any:
            return run.once(site, lambda: call(run, *[step(run) for step in steps]))

        return Part(shape.gives, once)
    if len(steps) == 1:
        (only,) = steps
        return Part(shape.gives, lambda run: call(only(run)))
    if len(steps) == 2:
        first, second = steps
        return Part(shape.gives, lambda run: call(first(run), second(run)))
    return Part(shape.gives, lambda run: call(*[step(run) for step in steps]))


def _compared(compare: Callable[[Any, Any], Any], left: Part, right: Part) -> Part:
    one, other = left.step, right.step
    if right.constant:  # the usual case, and one call less
        value = _value(right)
        return Part(Kind.BOOL, lambda run: compare(one(run), value))
    return Part(Kind.BOOL, lambda run: compare(one(run), other(run)))


def _value(part: Part) -> Any:
    return part.step(None)  # type: ignore[arg-type]  # constants look at no run


def _kind_of_value(value: object) -> Kind:
    if isinstance(value, bool):
        return Kind.BOOL
    return Kind.INT if isinstance(value, int) else Kind.FLOAT if isinstance(value, float) else Kind.TEXT


def _cure(found: Kind, wanted: tuple[Kind, ...]) -> str:
    if wanted == (Kind.BOOL,):
        return "; compare it with something, with == or in"
    return "; use string()" if wanted[0] is Kind.TEXT and found in NUMBERS else ""


def _likely(right: Part) -> str:
    return "; use in" if right.kind in LISTS or right.kind is Kind.TABLE else ""


def _divided(one: int, other: int) -> int:
    """Towards zero, as in CEL and C."""
    return -(-one // other) if (one < 0) != (other < 0) else one // other


def _rest(one: int, other: int) -> int:
    return one - other * _divided(one, other)


_ORDER: Final = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_WHOLE: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": _divided, "%": _rest,
}  # fmt: skip
_BROKEN: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "%": operator.mod,
}  # fmt: skip
_SPECIAL: Final[dict[str, Callable[[_Compiler, Call], Part]]] = {
    "matches": _Compiler._matches,
    "in_network": _Compiler._in_network,
    "lookup": _Compiler._lookup,
    "list": _Compiler._table,
    "exists": _Compiler._some,
    "all": _Compiler._every,
    "||": _Compiler._logic,
    "&&": _Compiler._logic,
    "!": _Compiler._not,
    "negative": _Compiler._negative,
    "?:": _Compiler._either,
    "==": _Compiler._equal,
    "!=": _Compiler._equal,
    "in": _Compiler._in,
    "+": _Compiler._plus,
    "[]": _Compiler._item,
    **dict.fromkeys(_ORDER, _Compiler._ordered),
    **dict.fromkeys(("-", "*", "/", "%"), _Compiler._arithmetic),
}
