"""Filters of /query as typed trees (RFC 8620 5.5).

The law: a tree is no deeper and has no more nodes than the limits say, and each leaf is a condition of the type that
is asked for. What has a wrong type is invalidArguments, what is not known or too much unsupportedFilter. Trees that
ask the same are equal and have the same hash.
"""

from typing import Any, Final, Literal, NamedTuple

import msgspec

from mail.jmap.conditions import CONDITIONS, Condition
from mail.jmap.convert import convert
from mail.jmap.errors import MethodError, invalid_arguments
from mail.jmap.limits import Limits
from mail.jmap.words import Terms

_OPERATOR: Final = {"operator", "conditions"}
_KNOWN: Final = {
    kind: {field.encode_name for field in msgspec.structs.fields(condition)} for kind, condition in CONDITIONS.items()
}


class Operator(NamedTuple):
    """AND: all match; OR: any; NOT: none. Without conditions AND and NOT match everything, OR nothing."""

    operator: Literal["AND", "OR", "NOT"]
    conditions: tuple["Filter", ...]


Filter = Operator | Condition


class _Reader:
    """One filter being read; `left` nodes may still come."""

    def __init__(self, kind: str, limits: Limits) -> None:
        self._type = CONDITIONS[kind]
        self._known = _KNOWN[kind]
        self._limits = limits
        self._left = limits.filter_nodes_max

    def read(self, value: Any, depth: int) -> Filter:
        self._left -= 1
        if self._left < 0 or depth > self._limits.filter_depth_max:
            raise MethodError("unsupportedFilter", "The filter has too many conditions, or too deep ones.")
        if not isinstance(value, dict):
            raise invalid_arguments("A filter is an object.", "filter")
        return self._operator(value, depth) if "operator" in value else self._condition(value)

    def _operator(self, value: dict[str, Any], depth: int) -> Operator:
        operator, conditions = value["operator"], value.get("conditions")
        if operator not in ("AND", "OR", "NOT") or not isinstance(conditions, list) or value.keys() > _OPERATOR:
            raise invalid_arguments("A FilterOperator has AND, OR or NOT and conditions, and nothing else.", "filter")
        return Operator(operator, tuple([self.read(one, depth + 1) for one in conditions]))

    def _condition(self, value: dict[str, Any]) -> Condition:
        if unknown := value.keys() - self._known:
            raise MethodError("unsupportedFilter", f"There is no condition {min(unknown)[:100]!r}.")
        most = self._limits.text_max_chars
        if any(len(one) > most for one in value.values() if isinstance(one, (str, list))):
            raise MethodError("unsupportedFilter", "A value of the filter is too long.")
        try:
            condition = convert(value, self._type)
        except msgspec.ValidationError as problem:
            raise invalid_arguments(f"Not a condition: {problem}", "filter") from None
        for name in condition.TEXTS:
            terms = getattr(condition, name)
            if isinstance(terms, Terms) and len(terms) > self._limits.words_max:
                raise MethodError("unsupportedFilter", "A text of the filter has too many words.")
        return condition


def read_filter(kind: str, value: dict[str, Any] | None, limits: Limits) -> Filter | None:
    """The filter of a query of a type; None matches everything. MethodError."""
    return None if value is None else _Reader(kind, limits).read(value, 1)


def leaves(tree: Filter | None) -> list[Condition]:
    """All conditions of a filter, from left to right."""
    if tree is None:
        return []
    if isinstance(tree, Operator):
        return [leaf for one in tree.conditions for leaf in leaves(one)]
    return [tree]
