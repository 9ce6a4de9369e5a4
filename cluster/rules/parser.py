"""From words to a tree, by precedence climbing. The grammar is CEL's, without maps, types and bytes.

    expr    = or [ "?" or ":" expr ]                     or   = and *( "||" and )       and = rel *( "&&" rel )
    rel     = sum *( ( "==" / "!=" / "<" / "<=" / ">" / ">=" / "in" ) sum )
    sum     = product *( ( "+" / "-" ) product )         product = unary *( ( "*" / "/" / "%" ) unary )
    unary   = *( "!" / "-" ) postfix                     postfix = primary *( "." name "(" args ")" / "[" expr "]" )
    primary = literal / name / name "(" args ")" / "(" expr ")" / "[" args "]"

The law: a tree is never deeper than DEPTH_MAX nor larger than NODES_MAX, so that whoever walks it may recurse.
"""

from dataclasses import dataclass
from typing import Final

from cluster.rules.lexer import Word, words
from cluster.rules.wrong import WrongRule

DEPTH_MAX: Final = 40  # far above any rule a person can read
NODES_MAX: Final = 600

_BINARY: Final = {
    "||": 1, "&&": 2,
    "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3, "in": 3,
    "+": 4, "-": 4, "*": 5, "/": 5, "%": 5,
}  # fmt: skip
_WRONG_WORDS: Final = {"and": "&&", "or": "||", "not": "!", "AND": "&&", "OR": "||", "True": "true", "False": "false"}


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a rule; `at` is its place in the text."""

    at: int


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A number, a text, true or false."""

    value: str | int | float | bool


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Items(Node):
    """A list as it is written."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A function, an operator, or `?:`; what stands before a dot is the first argument."""

    name: str
    args: tuple[Node, ...]


def parse(text: str) -> Node:
    """The tree of a rule. Raises WrongRule."""
    tree = _Parser(words(text)).whole()
    reach = [(tree, 1)]
    while reach:
        node, depth = reach.pop()
        if depth > DEPTH_MAX:  # a chain of operators leans to the left, which took no recursion to read
            raise WrongRule(node.at, f"it is nested deeper than {DEPTH_MAX}; make it two rules")
        reach += [(part, depth + 1) for part in _parts(node)]
    return tree


def _parts(node: Node) -> tuple[Node, ...]:
    if isinstance(node, Call):
        return node.args
    return node.items if isinstance(node, Items) else ()


def _joined(name: str, left: Node, right: Node, at: int) -> Call:
    """`a || b || c` is one call, however many there are."""
    if name in ("||", "&&") and isinstance(left, Call) and left.name == name:
        return Call(left.at, name, (*left.args, right))
    return Call(at, name, (left, right))


class _Parser:
    def __init__(self, found: list[Word]) -> None:
        self._words = found
        self._next = 0
        self._nodes = 0
        self._depth = 0

    def whole(self) -> Node:
        if self._words[0].sort == "end":
            raise WrongRule(0, "it is empty; write true for a rule that always holds")
        tree = self._expression()
        if self._peek.sort != "end":
            raise self._unexpected("the end, or an operator like && or ==")
        return tree

    @property
    def _peek(self) -> Word:
        return self._words[self._next]

    def _is(self, value: str) -> bool:
        word = self._peek
        return word.value == value and word.sort in ("sign", "name")

    def _take(self) -> Word:
        word = self._peek
        self._next += 1
        return word

    def _expect(self, value: str) -> None:
        if not self._is(value):
            raise self._unexpected(value)
        self._take()

    def _unexpected(self, wanted: str) -> WrongRule:
        word = self._peek
        found = "the end" if word.sort == "end" else f"{word.value!r}"
        instead = _WRONG_WORDS.get(str(word.value)) if word.sort == "name" else None
        return WrongRule(word.at, f"found {found}; " + (f"write {instead}" if instead else f"expected {wanted}"))

    def _deeper(self, at: int) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise WrongRule(at, f"it is nested deeper than {DEPTH_MAX}; make it two rules")

    def _count(self, at: int) -> int:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise WrongRule(at, f"it has more than {NODES_MAX} parts; use a lookup list")
        return at

    def _expression(self) -> Node:
        self._deeper(self._peek.at)
        tree = self._binary(1)
        if self._is("?"):
            at = self._count(self._take().at)
            then = self._binary(1)
            self._expect(":")
            tree = Call(at, "?:", (tree, then, self._expression()))
        self._depth -= 1
        return tree

    def _binary(self, least: int) -> Node:
        left = self._unary()
        while (level := _BINARY.get(str(self._peek.value), 0)) >= least and self._peek.sort in ("sign", "name"):
            word = self._take()
            right = self._binary(level + 1)
            left = _joined(str(word.value), left, right, self._count(word.at))
        return left

    def _unary(self) -> Node:
        if self._is("!") or self._is("-"):
            word = self._take()
            self._deeper(word.at)
            name = "!" if word.value == "!" else "negative"
            tree = Call(self._count(word.at), name, (self._unary(),))
            self._depth -= 1
            return tree
        return self._postfix(self._primary())

    def _postfix(self, tree: Node) -> Node:
        while self._is(".") or self._is("["):
            at = self._count(self._peek.at)
            if self._take().value == "[":
                tree = Call(at, "[]", (tree, self._expression()))
                self._expect("]")
            else:
                name = self._take()
                if name.sort != "name" or not self._is("("):
                    raise WrongRule(name.at, 'after a dot comes a function, like .startsWith("x")')
                tree = Call(name.at, str(name.value), (tree, *self._arguments()))
        return tree

    def _primary(self) -> Node:
        word = self._peek
        at = self._count(word.at)
        if word.sort in ("number", "text"):
            return Constant(at, self._take().value)
        if self._is("("):
            self._take()
            tree = self._expression()
            self._expect(")")
            return tree
        if self._is("["):
            self._take()
            return Items(at, self._until("]"))
        if word.sort == "name" and word.value not in _WRONG_WORDS and word.value != "in":
            return self._named(str(self._take().value), at)
        raise self._unexpected("a value")

    def _named(self, name: str, at: int) -> Node:
        if name in ("true", "false"):
            return Constant(at, name == "true")
        return Call(at, name, self._arguments()) if self._is("(") else Name(at, name)

    def _arguments(self) -> tuple[Node, ...]:
        self._expect("(")
        return self._until(")")

    def _until(self, end: str) -> tuple[Node, ...]:
        found: list[Node] = []
        while not self._is(end):
            found.append(self._expression())
            if not self._is(","):
                break
            self._take()
        self._expect(end)
        return tuple(found)
