"""The facts that rules may name: one table, told in the documentation, with the functions over addresses."""

import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from cluster.rules import Expression, Facts, Tools
from gateway import facts
from gateway.facts import FACTS, FUNCTIONS, MOMENTS, AtConnect, AtData, AtHello, AtMail, AtOutbound, AtRcpt, known_at

DOCUMENTATION = Path(__file__).resolve().parents[3] / "ops" / "docs" / "rules.md"


def test_each_moment_knows_what_the_ones_before_it_know() -> None:
    # The last recipient is no fact of a whole message, and a delivery has left the connection behind.
    of_one = {"recipient", "recipient_domain"}
    for before, after in itertools.pairwise(MOMENTS[:-1]):
        assert known_at(before).keys() - of_one <= known_at(after).keys()


def test_the_documentation_has_every_fact_and_function() -> None:
    text = DOCUMENTATION.read_text()
    told = re.findall(r"^\| `(\w+)` \| ([\w/]+) \| ([^|]*?) \| (.*?) \|$", text, re.MULTILINE)
    kinds = {str: "text", int: "number", bool: "yes/no"}
    moments = {name: ", ".join(each for each in MOMENTS if each in fact.known) for name, fact in FACTS.items()}
    assert {row[0]: row[1:] for row in told} == {
        name: (kinds[fact.type], moments[name], fact.says) for name, fact in FACTS.items()
    }
    for name in FUNCTIONS:
        assert f"`{name}(" in text or f".{name}(" in text, name


@pytest.mark.parametrize(
    ("kind", "moment"),
    [
        (AtConnect, "connect"),
        (AtHello, "hello"),
        (AtMail, "mail"),
        (AtRcpt, "rcpt"),
        (AtData, "data"),
        (AtOutbound, "outbound"),
    ],
)
def test_a_choice_knows_the_facts_of_its_moment(kind: Any, moment: Any) -> None:
    assert kind.variables == known_at(moment)
    assert kind.functions is FUNCTIONS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('domain_of("A@B@Example.ORG") == "example.org" && domain_of("a") == "" && domain_of("") == ""', True),
        ('local_of("A@b@example.org") == "A@b" && local_of("postmaster") == "postmaster"', True),
        ('is_subdomain("a.Example.org", "example.org") && is_subdomain("example.org.", "example.org")', True),
        (
            'is_subdomain("notexample.org", "example.org") || is_subdomain("a.b", "") || is_subdomain("org", "a.org")',
            False,
        ),
    ],
)
def test_functions_over_addresses(text: str, expected: bool) -> None:
    assert Expression.compile(text, {}, FUNCTIONS).evaluate({}) is expected


def test_addresses_are_noted_with_their_domains() -> None:
    known = Facts(Tools(), listener="smtp-25")
    facts.set_sender(known, "a@Example.ORG")
    facts.set_recipient(known, "postmaster")
    assert known == {
        "listener": "smtp-25", "sender": "a@Example.ORG", "sender_domain": "example.org",
        "recipient": "postmaster", "recipient_domain": "",
    }  # fmt: skip
