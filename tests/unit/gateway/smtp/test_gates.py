"""Rules, rewriting, throttles and milters at each step of a session, as the client hears of them."""

import asyncio
import dataclasses
from typing import Any, Self

import msgspec
import pytest

from actors.trace.types import Fact
from cluster.errors import OverQuota
from cluster.rules import Tools
from cluster.rules.choice import Choice
from gateway.facts import AtConnect, AtData, AtHello, AtMail, AtRcpt
from gateway.milter.peer import Peer
from gateway.milter.verdict import CONTINUE, LATER, REJECTED, Verdict
from gateway.rewriting import RewriteSettings, Rewriting
from gateway.smtp.aftermath import Answered
from gateway.smtp.gates import Keepers
from gateway.smtp.gatesettings import RuleSettings, reply_of
from gateway.smtp.screening import Screened
from gateway.smtp.settings import SmtpSettings
from mail.milter.apply import Envelope, Recipient
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


class FakeMilters:
    """Stands for the milters of a gateway and for those of its one connection: says what it was told to say."""

    def __init__(self, **said: Verdict) -> None:
        self.said = said
        self.aborted = 0
        self.closed = False
        self.facts: list[Fact] = []

    def session(self) -> Self:
        return self

    def _say(self, stage: str) -> Verdict:
        verdict = self.said.get(stage, CONTINUE)
        if verdict is not CONTINUE:
            self.facts.append(Fact("milter", verdict.how, of={"stage": stage}))
        return verdict

    async def connect(self, _peer: Peer) -> Verdict:
        return self._say("connect")

    def know(self, _peer: Peer) -> None: ...

    async def helo(self, _name: str) -> Verdict:
        return self._say("helo")

    async def mail(self, _sender: str, _args: tuple[str, ...], *, ident: str) -> Verdict:
        assert ident
        return self._say("mail")

    async def rcpt(self, recipient: str, _args: tuple[str, ...]) -> Verdict:
        return self._say(recipient)

    async def data(self) -> Verdict:
        return CONTINUE

    async def message(self, envelope: Envelope, message: bytes) -> Verdict:
        verdict = self._say("message")
        if verdict.reply is not None or verdict.how == "discard":
            return verdict
        there = verdict.envelope.recipients if verdict.envelope is not None else envelope.recipients
        return dataclasses.replace(verdict, envelope=envelope._replace(recipients=there), message=message)

    def take_facts(self) -> list[Fact]:
        facts, self.facts = self.facts, []
        return facts

    async def abort(self) -> None:
        self.aborted += 1

    def close(self) -> None:
        self.closed = True


class FakeThrottles:
    """Lets everybody in, and counts who is."""

    def __init__(self) -> None:
        self.inside = 0

    def has(self, at: str) -> bool:
        return at in ("mail", "connect")

    def names(self, _moments: object) -> set[str]:
        return set()

    holds = True

    async def enter(self, _at: str, _facts: object) -> "FakeThrottles":
        self.inside += 1
        return self

    async def leave(self) -> None:
        self.inside -= 1


def with_keepers(world: Fakes, **keepers: Any) -> Fakes:
    assert world.world.keepers is not None
    world.world = dataclasses.replace(world.world, keepers=dataclasses.replace(world.world.keepers, **keepers))
    return world


async def test_who_is_put_off_at_the_greeting_is_not_refused_for_good() -> None:
    later = ruled(AtConnect, ("remote_ip == '192.0.2.7'", "450 4.7.1 Later"))
    for world in (fakes(RuleSettings(connect=later)), with_keepers(fakes(), milters=FakeMilters(
        connect=Verdict("tempfail", LATER)))):  # fmt: skip
        reply = await Talk(world).session.open()
        assert reply is not None
        assert (reply.code, reply.status) == (421, "4.7.1")
    never = fakes(RuleSettings(connect=ruled(AtConnect, ("true", "550 5.7.1 No"))))
    reply = await Talk(never).session.open()
    assert reply is not None
    assert (reply.code, reply.status) == (554, "5.7.1")


async def test_a_hello_that_is_refused_changes_nothing() -> None:
    """RFC 5321 4.1.4: the server stays in the state that it was in."""
    rules = RuleSettings(
        hello=ruled(AtHello, ("helo == 'bad.test'", "550 5.7.1 Who?")),
        rcpt=ruled(AtRcpt, ("helo == 'bad.test'", "550 5.7.1 You said bad")),
    )
    milters, throttles = FakeMilters(), FakeThrottles()
    world = with_keepers(fakes(rules), milters=milters, throttles=throttles)
    made = Talk(world)
    await made.say("EHLO client.example", "MAIL FROM:<x@y.test>", "RCPT TO:<nobody@example.test>")
    before = milters.aborted
    assert (await made.say("EHLO bad.test"))[-1].startswith("550")
    assert throttles.inside == 1
    assert milters.aborted == before
    assert (await made.say("RCPT TO:<alice@example.test>"))[-1].startswith("250")
    assert (await made.say("DATA", "From: a@b.test\r\n\r\nx\r\n."))[-1].startswith("250")
    (note,) = world.traces.notes
    assert [fact.of["address"] for fact in note.facts if fact.what == "refused"] == ["nobody@example.test", "bad.test"]


async def test_a_sender_that_is_refused_holds_no_place() -> None:
    throttles = FakeThrottles()
    rules = RuleSettings(mail=ruled(AtMail, ("true", "550 5.7.1 No")))
    made = Talk(with_keepers(fakes(rules), throttles=throttles))
    assert (await made.say("EHLO client.example", "MAIL FROM:<x@y.test>"))[-1].startswith("550")
    assert throttles.inside == 0


async def test_what_milters_did_is_told_with_the_message_they_did_it_to() -> None:
    said = {"bob@example.test": Verdict("reject", REJECTED)}
    world = with_keepers(fakes(), milters=FakeMilters(**said))
    made = Talk(world)
    await made.say("EHLO client.example", "MAIL FROM:<x@y.test>", "RCPT TO:<bob@example.test>", "RSET")
    await made.send("x@y.test", ["alice@example.test"], MAIL)
    refused, accepted = world.traces.notes
    assert [fact.of["stage"] for fact in refused.facts if fact.what == "milter"] == ["bob@example.test"]
    assert [fact for fact in accepted.facts if fact.what == "milter"] == []


def moved_to(*addresses: str) -> FakeMilters:
    there = tuple(Recipient(address) for address in addresses)
    return FakeMilters(message=Verdict(envelope=Envelope("", (), there)))


async def test_a_message_that_nobody_is_left_to_take_is_not_acknowledged() -> None:
    world = with_keepers(fakes(), milters=moved_to("nobody@example.test"))
    made = Talk(world)
    await made.say("EHLO client.example")
    assert (await made.send("x@y.test", ["alice@example.test"], MAIL))[0].startswith("550 5.1.1")
    assert (world.intake.stored, world.outgoing.queued) == ([], [])
    assert [note.how for note in world.traces.notes] == ["refused"]


async def test_over_lmtp_a_recipient_that_a_milter_replaced_is_answered_as_the_new_one() -> None:
    world = with_keepers(fakes(), milters=moved_to("bob@example.test"))
    world.intake.troubles[2] = [OverQuota("full")]
    made = Talk(world, "lmtp")
    await made.say("LHLO client.example")
    assert (await made.send("x@y.test", ["alice@example.test"], MAIL))[0].startswith("452")


async def test_places_are_given_back_all_at_once() -> None:
    class Slow(FakeThrottles):
        leaving = most = 0

        async def leave(self) -> None:
            self.leaving += 1
            self.most = max(self.most, self.leaving)
            await asyncio.sleep(0)
            self.leaving -= 1

        def has(self, at: str) -> bool:
            return at == "rcpt"

    throttles = Slow()
    made = Talk(with_keepers(fakes(), throttles=throttles))
    await made.say("EHLO client.example", "MAIL FROM:<x@y.test>", *["RCPT TO:<alice@example.test>"] * 3, "RSET")
    assert throttles.most == 3


async def test_rules_on_relaying_are_asked_about_the_recipient_that_a_milter_added() -> None:
    relay = ruled(AtRcpt, ("recipient_domain == 'partner.test'", True), otherwise=False, of=bool)
    world = with_keepers(fakes(relay=relay), milters=moved_to("a@partner.test", "b@evil.test"))
    made = Talk(world)
    await made.say("EHLO client.example")
    assert (await made.send("x@y.test", ["a@partner.test"], MAIL))[0].startswith("250")
    assert [mail.domain for mail, *_ in world.outgoing.queued] == ["partner.test"]


async def test_who_may_relay_is_not_checked_for_rules_either() -> None:
    class Screening:
        async def of_envelope(self, _ip: str, _helo: str, _sender: str) -> dict[str, str]:
            return {"spf": "fail"}

    rules = RuleSettings(mail=ruled(AtMail, ("spf == 'fail'", "550 5.7.23 SPF")))
    for role, relays, answer in (("smtp", (), "550"), ("smtp", ("192.0.2.0/24",), "250"), ("lmtp", (), "250")):
        world = fakes(rules)
        settings = msgspec.structs.replace(world.world.settings, relay_from=relays)
        world.world = dataclasses.replace(world.world, screening=Screening(), settings=settings)  # type: ignore[arg-type]
        made = Talk(world, role)
        hello = "LHLO" if role == "lmtp" else "EHLO"
        assert (await made.say(f"{hello} client.example", "MAIL FROM:<x@y.test>"))[-1].startswith(answer)


async def test_milters_are_let_go_whatever_else_fails() -> None:
    class Failing(FakeMilters):
        async def abort(self) -> None:
            raise RuntimeError("a defect")

    milters = Failing()
    made = Talk(with_keepers(fakes(), milters=milters))
    with pytest.raises(RuntimeError):
        await made.session.close()
    assert milters.closed


async def test_what_is_held_goes_to_the_rewritten_recipient() -> None:
    recipient = ruled(AtRcpt, ("recipient == 'old@example.test'", "bob@example.test"), otherwise="")
    world = fakes(rewrite=RewriteSettings(recipient=recipient), own_addresses_only=False)
    made = Talk(world, "submission", tls=True)
    await made.say("EHLO me.example", "AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdABkZW1v")
    await made.say("MAIL FROM:<alice@example.test> HOLDFOR=60", "RCPT TO:<old@example.test>", "DATA")
    assert (await made.say("From: alice@example.test\r\n\r\nx\r\n."))[-1].startswith("250")
    ((mail, *_),) = world.outgoing.queued
    assert [one.address for one in mail.recipients] == ["bob@example.test"]


@pytest.mark.parametrize(("mailbox", "applied"), [("INBOX", "none"), ("Junk", "quarantine")])
async def test_reports_hear_of_junk_only_where_dmarc_asked_for_it(mailbox: str, applied: str) -> None:
    class Screening:
        async def look(self, *what: Any) -> Screened:
            return Screened(what[2], mailbox=mailbox)

    class Hearing:
        async def answered(self, what: Answered) -> None:
            heard.append(what.applied)

    heard: list[str] = []
    world = fakes(RuleSettings(data=AtData.of("junk")))
    world.world = dataclasses.replace(world.world, screening=Screening(), after=Hearing())  # type: ignore[arg-type]
    made = Talk(world)
    await made.say("EHLO client.example")
    assert (await made.send("x@y.test", ["alice@example.test"], MAIL))[0].startswith("250")
    assert (world.intake.mailboxes, heard) == (["Junk"], [applied])


async def test_a_reply_that_names_somebody_beyond_ascii_is_still_the_reply() -> None:
    rules = RuleSettings(mail=ruled(AtMail, ("sender != ''", "550 5.7.1 ${sender} is not welcome")))
    answers = await talk(fakes(rules), "MAIL FROM:<jürgen@bad.test> SMTPUTF8")
    assert answers[-1] == "550 5.7.1 j?rgen@bad.test is not welcome"


async def test_milters_hear_how_somebody_logged_in() -> None:
    class Knowing(FakeMilters):
        def __init__(self) -> None:
            super().__init__()
            self.peers: list[Peer] = []

        def know(self, peer: Peer) -> None:
            self.peers.append(peer)

    milters = Knowing()
    made = Talk(with_keepers(fakes(), milters=milters), "submission", tls=True)
    await made.say("EHLO me.example", "AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdABkZW1v")
    assert (milters.peers[-1].auth_type, milters.peers[-1].auth_authen) == ("PLAIN", "alice@example.test")
    made.session.tls_started()
    assert (milters.peers[-1].auth_type, milters.peers[-1].auth_authen) == ("", "")
