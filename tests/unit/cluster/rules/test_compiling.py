"""What a rule cannot mean is told when it is compiled: wrong.toml holds each, with all that is said."""

import tomllib
from pathlib import Path

import pytest

from cluster.errors import Misconfigured
from cluster.rules.compiling import INT_BITS_MAX
from cluster.rules.expression import Expression
from cluster.rules.facts import Failed
from cluster.rules.parser import DEPTH_MAX, NODES_MAX

VARIABLES = {"sender": str, "size": int, "is_tls": bool, "remote_ip": str, "names": tuple[str, ...], "share": float}
WRONG = tomllib.loads((Path(__file__).parent / "wrong.toml").read_text())["rule"]


@pytest.mark.parametrize("case", WRONG, ids=lambda case: case["text"])
def test_what_is_wrong_is_told(case: dict[str, str]) -> None:
    with pytest.raises(Misconfigured) as caught:
        Expression.compile(case["text"], VARIABLES, wanted=bool)
    assert caught.value.says == case["says"] + "."


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "1" + ")" * 10_000,
        "!" * 3_000 + "true",
        "-" * 3_000 + "1 == 1",
        "[" * 1_000,
        "names" + "[0]" * 1_000 + ' == "a"',
        "size" + "+size" * 900 + " == 1",
        "is_tls ? true : " * 200 + "false",
        "size(" * 700,
        "x" * 5_000,
    ],
)
def test_what_is_too_deep_or_long_is_refused(text: str) -> None:
    with pytest.raises(Misconfigured):
        Expression.compile(text, VARIABLES, wanted=bool)


def test_as_deep_and_long_as_allowed_works() -> None:
    assert Expression.compile("(" * (DEPTH_MAX - 1) + "true" + ")" * (DEPTH_MAX - 1), {}).evaluate({}) is True
    many = " || ".join(["size == 1"] * (NODES_MAX // 4))
    assert Expression.compile(many, VARIABLES).evaluate({"size": 1}) is True
    assert Expression.compile(many, VARIABLES).evaluate({"size": 2}) is False


def test_numbers_do_not_grow_without_end() -> None:
    rule = Expression.compile("size" + " * size" * 30 + " > 0", VARIABLES)
    assert rule.evaluate({"size": 2}) is True
    with pytest.raises(Failed):
        rule.evaluate({"size": 2**INT_BITS_MAX})


def test_what_a_rule_rests_on_is_known() -> None:
    rule = Expression.compile(
        'sender in list("a") || lookup("b", sender) == "x" || sender.matches("(a)(b)")', VARIABLES
    )
    assert (rule.tables, rule.names, rule.groups) == (frozenset("ab"), frozenset({"sender"}), 2)
