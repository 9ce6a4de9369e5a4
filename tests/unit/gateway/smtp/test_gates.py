"""Rules, rewriting, throttles and milters at each step of a session, as the client hears of them."""

import dataclasses
from typing import Any

import msgspec
import pytest

from cluster.rules import Tools
from cluster.rules.choice import Choice
from gateway.facts import AtConnect, AtData, AtHello, AtMail, AtRcpt
from gateway.rewriting import RewriteSettings, Rewriting
from gateway.smtp.gates import Keepers
from gateway.smtp.gatesettings import RuleSettings, reply_of
from gateway.smtp.settings import SmtpSettings
from tests.unit.gateway.smtp.fakes import Fakes, Talk

MAIL = b"From: x@y.test\nMessage-ID: <1@y.test>\nSubject: s\n\nbody"


def ruled(kind: type[Choice[Any]], *rules: tuple[str, Any], otherwise: Any = "accept", of: Any = str) -> Any:
    entries = [{"if": test, "then": value} for test, value in rules]
    return kind.decode(kind[of], [*entries, {"else": otherwise}], msgspec.convert)  # type: ignore[index]


def fakes(rules: RuleSettings | None = None, *, early: bool = False, **more: Any) -> Fakes:
    made = Fakes()
    smtp = SmtpSettings(rules=rules or RuleSettings(), **more)
    settings = smtp.gates
    keepers = Keepers(settings, Tools(registry=made.registry), Rewriting(settings.rewrite, made.registry))
    made.world = dataclasses.replace(made.world, keepers=keepers)
    return made


async def talk(world: Fakes, *lines: str, **more: Any) -> list[str]:
    made = Talk(world, **more)
    return await made.say("EHLO client.example", *lines)


async def test_a_rule_refuses_at_its_step_and_leaves_a_trace() -> None:
    rule = ruled(AtMail, ("sender_domain == 'bad.test' && in_network(remote_ip, '192.0.2.0/24')", "550 5.7.1 Not you"))
    world = fakes(RuleSettings(mail=rule))
    made = Talk(world)
    await made.say("EHLO client.example")
    assert (await made.say("MAIL FROM:<a@bad.test>"))[-1] == "550 5.7.1 Not you"
    assert (await made.say("MAIL FROM:<a@good.test>"))[-1].startswith("250")
    made.session.closed()
    (note,) = world.traces.notes
    assert any(fact.what == "rule" and "bad.test" in fact.of["rule"] for fact in note.facts)


async def test_recipients_hello_and_connections_have_rules_of_their_own() -> None:
    rules = RuleSettings(
        connect=ruled(AtConnect, ("remote_ip == '192.0.2.66'", "421 4.7.0 Go away")),
        hello=ruled(AtHello, ("helo.endsWith('.invalid')", "550 Who?")),
        rcpt=ruled(AtRcpt, ("recipient == 'alice@example.test' && sender == ''", "450 4.2.0 Later")),
    )
    world = fakes(rules)
    assert (await talk(world, "MAIL FROM:<>", "RCPT TO:<alice@example.test>"))[-1] == "450 4.2.0 Later"
    assert (await talk(world, "MAIL FROM:<a@b.test>", "RCPT TO:<alice@example.test>"))[-1].startswith("250")
    assert (await Talk(world).say("EHLO x.invalid"))[-1] == "550 5.7.1 Who?"
    refused = Talk(world, ip="192.0.2.66")
    assert refused.session.wants_opening
    reply = await refused.session.open()
    assert reply is not None
    assert reply.code == 421
    assert await Talk(world).session.open() is None


async def test_a_message_is_refused_discarded_or_put_into_junk() -> None:
    rule = ruled(AtData, ("size > 1000", "552 5.3.4 Too much"), ("sender == 'd@y.test'", "discard"),
                 ("sender == 'j@y.test'", "junk"))  # fmt: skip
    world = fakes(RuleSettings(data=rule))
    made = Talk(world)
    await made.say("EHLO client.example")
    assert (await made.send("x@y.test", ["alice@example.test"], MAIL + b"x" * 2000))[0] == "552 5.3.4 Too much"
    assert (await made.send("d@y.test", ["alice@example.test"], MAIL))[0].startswith("250")
    assert world.intake.stored == []
    assert (await made.send("j@y.test", ["alice@example.test"], MAIL))[0].startswith("250")
    assert world.intake.mailboxes == ["Junk"]
    assert [note.how for note in world.traces.notes] == ["refused", "discarded", "accepted"]


async def test_addresses_are_rewritten_before_they_are_looked_up() -> None:
    rewrite = RewriteSettings(
        sender=ruled(AtMail, ("sender.matches('^(.*)@old.test$')", "${1}@new.test"), otherwise=""),
        recipient=ruled(AtRcpt, ("recipient.matches('^al-(.*)@example.test$')", "${1}@example.test"), otherwise=""),
    )
    world = fakes(rewrite=rewrite)
    made = Talk(world)
    await made.say("EHLO client.example")
    assert (await made.send("x@old.test", ["al-bob@example.test"], MAIL))[0].startswith("250")
    assert world.intake.accounts == [2]
    assert world.intake.stored[0][1].startswith(b"Return-Path: <x@new.test>\r\n")


async def test_who_may_relay_by_rule() -> None:
    relay = ruled(AtRcpt, ("recipient_domain == 'partner.test'", True), otherwise=False, of=bool)
    world = fakes(relay=relay)
    made = Talk(world)
    await made.say("EHLO client.example", "MAIL FROM:<x@y.test>")
    assert (await made.say("RCPT TO:<a@elsewhere.test>"))[-1].startswith("550")
    assert (await made.say("RCPT TO:<a@partner.test>"))[-1].startswith("250")


@pytest.mark.parametrize("text", ["no", "550", "250 2.0.0 Ok", "550 4.1.1 mixed", "600 x", "550 5.1.1 a\nb"])
def test_what_is_no_reply(text: str) -> None:
    assert reply_of(text) is None
    with pytest.raises(ValueError, match="neither"):
        RuleSettings(mail=AtMail.of(text))


def test_replies_may_leave_out_the_status() -> None:
    assert str(reply_of("450 Wait")) == str(reply_of("450 4.7.1 Wait"))
    assert RuleSettings(data=AtData.of("junk")).data.pick({}) == "junk"
