"""Texts with places to fill in: `${1}` from the last pattern that matched, `${sender_domain}` from the facts.

The law: a template that compiles can be filled for all facts; what is not known is empty. `$${` is a plain `${`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from cluster.rules.compiling import near
from cluster.rules.facts import Run
from cluster.rules.wrong import WrongRule

_PLACE: Final = re.compile(r"\$\$\{|\$\{([^{}]*)\}|\$\{")
_PARTS_MAX: Final = 100


class Template:
    """A text in parts: what stands there, and numbers of groups or names of facts."""

    __slots__ = ("_parts",)

    def __init__(self, parts: tuple[str | int | tuple[str], ...]) -> None:
        self._parts = parts

    @property
    def names(self) -> frozenset[str]:
        """The facts it names."""
        return frozenset(part[0] for part in self._parts if isinstance(part, tuple))

    def fill(self, run: Run) -> str:
        """The text for the facts and the last match of a run."""
        filled = []
        for part in self._parts:
            if isinstance(part, str):
                filled.append(part)
            elif isinstance(part, int):
                filled.append(_group(run.match, part))
            else:
                filled.append(_said(run.facts.get(part[0], "")))
        return "".join(filled)


def compile_template(text: str, names: Mapping[str, Any], groups: int) -> Template | None:
    """The template in a text that may name these facts and groups; None where nothing is to be filled in. Raises
    WrongRule."""
    parts: list[str | int | tuple[str]] = []
    end = 0
    for match in _PLACE.finditer(text):
        parts.append(text[end : match.start()])
        parts.append(_part(match, names, groups))
        end = match.end()
    if not parts:
        return None
    if len(parts) > _PARTS_MAX:
        raise WrongRule(0, f"a text has at most {_PARTS_MAX // 2} places to fill in")
    return Template((*parts, text[end:]))


def _part(match: re.Match[str], names: Mapping[str, Any], groups: int) -> str | int | tuple[str]:
    if match[0] == "$${":
        return "${"
    name = match[1]
    if name is None:
        raise WrongRule(match.start(), "${ has no end; write $${ for the signs themselves")
    if name.isascii() and name.isdigit() and len(name) <= 2:
        if int(name) > groups:
            has = f"the rule's patterns capture {groups}" if groups else "no pattern of the rule captures anything"
            raise WrongRule(match.start(), f"there is no group {name}: {has}")
        return int(name)
    if name not in names:
        raise WrongRule(match.start(), f"there is no {name} here; {near(name, names)}")
    return (name,)


def _group(match: Any, number: int) -> str:
    """Empty where nothing matched, the group took no part, or the pattern that matched is not the one that has it."""
    try:
        return "" if match is None else match[number] or ""
    except IndexError:
        return ""


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
