"""Rewriting: the first rule that holds, and only to what is an address."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from cluster.config import load
from cluster.rules import Facts, Tools
from gateway.facts import set_recipient, set_sender
from gateway.rewriting import RewriteSettings, Rewriting, Rewritten, is_mailbox

RULES = r"""
sender = [
    { if = 'sender_domain == "inside.example"', then = "${1}everybody@example.org" },
    { if = 'sender.matches("^(.*)@old\\.example$")', then = "${1}@new.example" },
    { else = "" },
]
recipient = [
    { if = 'recipient.matches("^(.+)\\+.*@(.+)$")', then = "${1}@${2}" },
    { if = 'recipient.matches("^(.*)@list$")', then = "${1}" },
    { else = "${recipient}" },
]
"""


def rewriting(rules: str = RULES) -> tuple[Rewriting, CollectorRegistry]:
    registry = CollectorRegistry()
    return Rewriting(load(RewriteSettings, rules, {}), registry), registry


def facts(sender: str = "", recipient: str = "") -> Facts:
    known = Facts(Tools())
    set_sender(known, sender)
    set_recipient(known, recipient)
    return known


async def test_the_first_rule_that_holds_rewrites() -> None:
    made, _registry = rewriting(RULES.replace("${1}everybody", "everybody"))
    assert await made.sender(facts("a@Inside.example")) == Rewritten(
        "everybody@example.org", 'sender_domain == "inside.example"'
    )
    assert (await made.sender(facts("a.b@old.example"))).address == "a.b@new.example"
    assert await made.sender(facts("a@other.example")) == Rewritten("a@other.example")
    assert (await made.recipient(facts(recipient="bob+tag@example.org"))).address == "bob@example.org"
    assert await made.recipient(facts(recipient="bob@example.org")) == Rewritten("bob@example.org")


async def test_what_gives_no_address_is_not_done_and_counted() -> None:
    made, registry = rewriting(RULES.replace("${1}everybody", "everybody"))
    assert await made.recipient(facts(recipient="x@list")) == Rewritten("x@list")
    assert await made.sender(facts("@old.example")) == Rewritten("@old.example")
    assert registry.get_sample_value("rookery_smtp_rewrites_refused_total") == 2


async def test_a_bounce_has_no_sender_whatever_the_rules() -> None:
    made, _registry = rewriting('sender = "a@example.org"')
    assert await made.sender(facts("")) == Rewritten("")
    assert (await made.sender(facts("b@example.org"))).address == "a@example.org"


async def test_without_rules_nothing_changes() -> None:
    made, _registry = rewriting("")
    assert await made.sender(facts("not an address")) == Rewritten("not an address")
    assert RewriteSettings() == msgspec.convert({}, RewriteSettings)


def test_a_rule_that_names_no_group_is_refused_at_once() -> None:
    with pytest.raises(Exception, match=r"sender\[0\]\.then: at character 1: there is no group 1"):
        rewriting()


@pytest.mark.parametrize("text", ["a@b", "a.b@c.example", '"a b"@c', "é@ö.example", "a@[192.0.2.1]", "x" * 64 + "@b"])
def test_addresses(text: str) -> None:
    assert is_mailbox(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a@",
        "@b",
        "a b@c",
        "a@b>",
        "<a@b>",
        "a@b\r\n",
        "\udc80@b",
        "@x:a@b",
        "x" * 65 + "@b",
        "a@" + "b." * 150 + "c",
        "postmaster",
    ],
)
def test_no_addresses(text: str) -> None:
    assert not is_mailbox(text)


@settings(deadline=None)
@given(st.text())
def test_what_comes_out_is_an_address_or_what_went_in(text: str) -> None:
    import asyncio

    made, _registry = rewriting(RULES.replace("${1}everybody", "everybody"))
    for found in (asyncio.run(made.sender(facts(text))), asyncio.run(made.recipient(facts(recipient=text)))):
        assert found.address == text or is_mailbox(found.address)
