"""Rewriting of addresses by the rules of a domain.

The law: an address is rewritten at most once, by the first rule that matches, in time linear in its length; so no rule,
and no set of rules, can loop or stall.
"""

import functools
import re
from collections.abc import Sequence
from typing import Any, Final

import re2

from actors.directory.addresses import Address, BadAddress, parse
from actors.directory.types import Rewrite
from cluster.errors import Refused

RULES_MAX: Final = 32  # of one domain: each costs some microseconds for each recipient
PATTERN_CHARACTERS_MAX: Final = 500
_PATTERN_MEMORY_BYTES_MAX: Final = 1024 * 1024  # of one compiled pattern
_PATTERNS_KEPT_MAX: Final = 1024  # compiled ones, in this process

_CAPTURE: Final = re.compile(r"\$\{(\d{1,2})\}")


def rewrite(rules: Sequence[Rewrite], address: Address, *, case_sensitive: bool) -> Address:
    """The address after the first rule that matches all of it, or the address itself. Raises BadAddress."""
    text = str(address)
    for rule in rules:
        match = _compiled(rule.pattern, case_sensitive).fullmatch(text)
        if match:
            return parse(_filled(rule.replacement, match))
    return address


def check_rules(rules: Sequence[Rewrite]) -> None:
    """Refuse what cannot be applied. Raises Refused with the rule's number, the cause and the cure."""
    if len(rules) > RULES_MAX:
        raise Refused(f"A domain may have at most {RULES_MAX} rewriting rules; these are {len(rules)}.")
    for number, rule in enumerate(rules, 1):
        problem = _problem(rule)
        if problem:
            raise Refused(f"Rewriting rule {number} cannot be used: {problem}.")


def _filled(replacement: str, match: Any) -> str:
    """The replacement with its `${n}` filled in; a group that took no part is empty."""
    return _CAPTURE.sub(lambda capture: match[int(capture[1])] or "", replacement)


def _problem(rule: Rewrite) -> str:
    if len(rule.pattern) > PATTERN_CHARACTERS_MAX or len(rule.replacement) > PATTERN_CHARACTERS_MAX:
        return f"it is longer than {PATTERN_CHARACTERS_MAX} characters"
    try:
        groups = _compiled(rule.pattern, case_sensitive=True).groups
    except (re2.error, UnicodeError) as error:
        return f"its pattern is not an RE2 regular expression ({_text(error)})"
    if any(int(number) > groups for number in _CAPTURE.findall(rule.replacement)):
        return f"its replacement names a group that the pattern does not have (it has {groups})"
    # A group may hold a local part or a whole address.
    if not any(_is_address(_CAPTURE.sub(text, rule.replacement)) for text in ("x", "x@example.org")):
        return "its replacement is not an address; write ${1}@example.org, say"
    return ""


def _is_address(text: str) -> bool:
    try:
        parse(text)
    except BadAddress:
        return False
    return True


def _text(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)


@functools.lru_cache(_PATTERNS_KEPT_MAX)
def _compiled(pattern: str, case_sensitive: bool) -> Any:
    options = re2.Options()
    options.case_sensitive = case_sensitive
    options.max_mem = _PATTERN_MEMORY_BYTES_MAX
    options.log_errors = False
    return re2.compile(pattern, options)
