"""Rewriting rules: refused with a reason when they are set, applied at most once when they are used."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.directory.addresses import Address, BadAddress, parse
from actors.directory.rewriting import PATTERN_CHARACTERS_MAX, RULES_MAX, check_rules, rewrite
from actors.directory.types import Rewrite
from cluster.errors import Refused


def test_the_first_rule_that_matches_is_applied_once() -> None:
    rules = [Rewrite("no", "z@b.test"), Rewrite("(.)@(.*)", "${1}${1}@${2}"), Rewrite("aa@.*", "never@b.test")]
    assert rewrite(rules, parse("a@b.test"), case_sensitive=False) == Address("aa", "b.test")
    assert rewrite(rules, parse("abc@b.test"), case_sensitive=False) == Address("abc", "b.test")


def test_case_counts_where_the_domain_says_so() -> None:
    rules = [Rewrite("A@.*", "x@b.test")]
    assert rewrite(rules, parse("a@b.test"), case_sensitive=False).local == "x"
    assert rewrite(rules, parse("a@b.test"), case_sensitive=True).local == "a"


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (Rewrite("(", "a@b.test"), "rule 1 .*RE2.*missing"),
        (Rewrite("(a)\\1", "a@b.test"), "RE2"),
        (Rewrite("a{1000}{1000}", "a@b.test"), "RE2"),
        (Rewrite("a", "${1}@b.test"), r"has 0"),
        (Rewrite("(a)", "no address"), "not an address"),
        (Rewrite("a" * (PATTERN_CHARACTERS_MAX + 1), "a@b.test"), "longer"),
    ],
)
def test_rules_that_cannot_work_are_refused(rule: Rewrite, problem: str) -> None:
    with pytest.raises(Refused, match=problem):
        check_rules([rule])


def test_the_number_of_rules_is_bounded() -> None:
    check_rules([Rewrite("a", "a@b.test")] * RULES_MAX)
    with pytest.raises(Refused, match=str(RULES_MAX)):
        check_rules([Rewrite("a", "a@b.test")] * (RULES_MAX + 1))


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.builds(Rewrite, st.text("ab.*+()|[]{}12?@\\", max_size=12), st.text("ab${}01@.", max_size=12))),
    st.text("ab", min_size=1, max_size=5),
)
def test_rules_that_are_accepted_give_an_address_or_are_refused(rules: list[Rewrite], local: str) -> None:
    """Promise: after `check_rules` only BadAddress leaves `rewrite`."""
    try:
        check_rules(rules)
        assert isinstance(rewrite(rules, Address(local, "b.test"), case_sensitive=False), Address)
    except (Refused, BadAddress):
        return
