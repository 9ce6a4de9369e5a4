"""Who is offered what: by listener, TLS, login, settings and their rules."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from cluster.config.loading import load
from cluster.rules import Tools
from gateway.facts import AtHello
from gateway.rewriting import Rewriting
from gateway.smtp.gates import Keepers
from gateway.smtp.offering import Facts, Offering, limits_of, offers_of
from gateway.smtp.settings import OfferSettings, SmtpSettings
from mail.smtp.offers import Offers
from mail.smtp.states import Role
from tests.unit.gateway.smtp.fakes import Fakes, Talk

FACTS = Facts(Role.SUBMISSION, True, True, True, True, True, 1_700_000_000_000)
KEPT = {"deliver_by_s_min", "hold_s_max", "mt_profile", "priority_max", "solicitations", "mechanisms"}
PLAIN = ("deliver_by_s_min", "mt_profile", "solicitations")


def chosen(settings: SmtpSettings) -> dict[str, Any]:
    both = (settings.offer, settings)
    values = {name: getattr(one, name) for one in both for name in one.__struct_fields__}
    return {name: value.values[0] for name, value in values.items() if isinstance(value, AtHello)}


def offers(facts: Facts = FACTS, **offer: Any) -> Offers:
    choices: dict[str, Any] = {name: value if name in PLAIN else AtHello.of(value) for name, value in offer.items()}
    settings = SmtpSettings(offer=OfferSettings(**choices))
    return offers_of(facts, settings, chosen(settings))


def test_by_default_who_is_not_known_is_offered_what_suits_everybody() -> None:
    stranger = offers(FACTS._replace(role=Role.SMTP, authenticated=False))
    withheld = ("deliverby", "hold_s_max", "mt_priority", "vrfy", "expn")
    assert [name for name in withheld if getattr(stranger, name)] == []
    assert stranger.dsn
    assert stranger.requiretls
    assert stranger.mechanisms_tls == ()
    known = offers()
    assert known.deliverby
    assert known.mt_priority
    assert known.vrfy
    assert known.expn
    assert not known.no_soliciting


def test_messages_are_held_at_submission_only() -> None:
    assert offers().hold_s_max == 604_800
    assert offers(FACTS._replace(role=Role.LMTP)).hold_s_max == 0
    assert offers(FACTS._replace(role=Role.SMTP), future_release="everybody").hold_s_max == 0


def test_the_latest_moment_is_of_a_whole_minute_so_that_the_answer_can_be_kept() -> None:
    assert offers().hold_until_ms_max == (1_700_000_000_000 + 604_800_000) // 60_000 * 60_000
    assert offers() == offers(FACTS._replace(now_ms=FACTS.now_ms + 1))


@pytest.mark.parametrize("name", sorted(set(OfferSettings.__struct_fields__) - KEPT))
def test_each_can_be_for_nobody(name: str) -> None:
    everybody: dict[str, Any] = {field: "everybody" for field in OfferSettings.__struct_fields__ if field not in KEPT}
    with_it, without = offers(**everybody), offers(**everybody | {name: "nobody"})
    changed = {field for field in Offers.__struct_fields__ if getattr(with_it, field) != getattr(without, field)}
    assert len(changed - {"hold_until_ms_max"}) == 1


@pytest.mark.parametrize(
    ("facts", "under_tls", "clear"),
    [
        ({}, "SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN", "SCRAM-SHA-256"),
        ({"bound": False, "tokens": False}, "SCRAM-SHA-256 PLAIN LOGIN", "SCRAM-SHA-256"),
        ({"role": Role.SMTP}, "", ""),
    ],
)
def test_mechanisms(facts: dict[str, object], under_tls: str, clear: str) -> None:
    found = offers(FACTS._replace(**facts))  # type: ignore[arg-type]
    assert (" ".join(found.mechanisms_tls), " ".join(found.mechanisms_clear)) == (under_tls, clear)


def test_mechanisms_that_are_not_wanted() -> None:
    assert offers(mechanisms=("PLAIN", "SCRAM-SHA-256")).mechanisms_tls == ("SCRAM-SHA-256", "PLAIN")


def test_what_is_bound_to_the_connection_is_offered_where_it_is_wanted_and_can_be() -> None:
    every = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")
    assert offers(mechanisms=every).mechanisms_tls == every
    assert offers(mechanisms=every).mechanisms_clear == ("SCRAM-SHA-256",)
    assert offers(FACTS._replace(bound=False), mechanisms=every).mechanisms_tls == ("SCRAM-SHA-256",)


@pytest.mark.parametrize("word", ["1a", "a,b", "a b", "", "a\r\nb", "a" * 101])
def test_a_solicitation_that_would_break_the_answer_is_refused(word: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"solicitations": [word]}, OfferSettings)


# -- kept answers, and rules ---------------------------------------------------------------------------------------


def offering(settings: SmtpSettings, fakes: Fakes, role: Role = Role.SUBMISSION) -> Offering:
    return Offering(settings, role, fakes.directory, fakes.world.clock, starttls=True, bound=True)


def test_connections_in_the_same_state_share_an_answer_until_what_is_told_of_the_time_is_old() -> None:
    fakes = Fakes()
    made = offering(fakes.settings, fakes)
    assert made.is_plain
    known, stranger = made.plain(True, True), made.plain(True, False)
    assert made.plain(True, True) is known
    assert made.plain(True, False) is stranger
    fakes.world.clock.advance(60)  # type: ignore[attr-defined]
    assert made.plain(True, True).hold_until_ms_max == known.hold_until_ms_max + 60_000
    assert made.plain(True, False) is stranger
    fakes.directory.takes_tokens = True
    assert "XOAUTH2" in made.plain(True, False).mechanisms_tls


def test_limits_follow_from_the_settings() -> None:
    settings = load(SmtpSettings, "message_bytes_max = 1000\nrecipients_max = 200\nmails_max = 3", {})
    limits = limits_of(settings, chosen(settings))
    assert (limits.message_bytes_max, limits.discard_bytes_max, limits.recipients_max) == (1000, 4000, 200)
    assert (limits.commands_max, limits.mails_max, limits.domains_max) == (700, 3, 0)


def ruled(text: str) -> Fakes:
    """A world with these settings of [smtp]."""
    made = Fakes()
    made.settings = settings = load(SmtpSettings, "auth_pause_s = 0\n" + text, {})
    keepers = Keepers(settings.gates, Tools(registry=made.registry), Rewriting(settings.gates.rewrite, made.registry))
    made.world = dataclasses.replace(made.world, settings=settings, keepers=keepers)
    return made


async def told(talk: Talk, name: str = "a.test") -> Sequence[str]:
    """The keywords after EHLO."""
    return [line[4:] for line in (await talk.say(f"EHLO {name}"))[1:]]


BY_RULE = """
message_bytes_max = [{ if = 'authenticated != ""', then = 2000 }, { else = 1000 }]
recipients_max = [{ if = 'helo == "many.test"', then = 500 }, { else = 100 }]
tls_required = [{ if = 'in_network(remote_ip, "192.0.2.0/24")', then = true }, { else = false }]
auth_required = [{ if = 'helo == "trusted.test"', then = false }, { else = true }]
[offer]
dsn = [{ if = 'is_tls', then = "everybody" }, { else = "authenticated" }]
chunking = [{ if = 'helo == "old.test"', then = "nobody" }, { else = "everybody" }]
vrfy = [{ if = 'authenticated.endsWith("@example.test")', then = "everybody" }, { else = "nobody" }]
mechanisms = [{ if = 'in_network(remote_ip, "192.0.2.0/24")', then = ["PLAIN"] }, { else = ["SCRAM-SHA-256"] }]
"""
LOGIN = "AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdABkZW1v"


async def test_rules_say_what_is_offered_as_more_becomes_known() -> None:
    talk = Talk(ruled(BY_RULE), "submission")
    clear = await told(talk)
    assert "DSN" not in clear
    assert "SIZE 1000" in clear
    assert "LIMITS RCPTMAX=100" in clear
    assert not any(line.startswith("AUTH") for line in clear), "PLAIN needs TLS"
    assert (await talk.say("MAIL FROM:<x@y.test>"))[-1].startswith("530 5.7.0")
    talk.session.tls_version = "TLSv1.3"
    talk.machine.receive(b"STARTTLS\r\n")
    assert list(talk.machine.events())
    talk.machine.accept()
    talk.machine.outgoing()
    talk.session.tls_started()
    assert (await talk.say("VRFY alice"))[-1].startswith("252")
    secret = await told(talk, "many.test")
    assert {"DSN", "SIZE 1000", "LIMITS RCPTMAX=500", "AUTH PLAIN", "CHUNKING"} <= set(secret)
    assert (await talk.say(LOGIN))[-1].startswith("235")
    assert (await talk.say("VRFY alice"))[-1].startswith("250"), "known at once, without another EHLO"
    assert (await talk.say("MAIL FROM:<alice@example.test> SIZE=1500"))[-1].startswith("250")
    old = await told(talk, "old.test")
    assert "SIZE 2000" in old
    assert "CHUNKING" not in old


async def test_rules_hold_for_one_connection_and_not_for_its_neighbour() -> None:
    fakes = ruled(BY_RULE)
    near, far = Talk(fakes, "submission", tls=True), Talk(fakes, "submission", tls=True, ip="198.51.100.1")
    assert "AUTH PLAIN" in await told(near)
    assert "AUTH SCRAM-SHA-256" in await told(far)
    assert (await far.say("MAIL FROM:<x@y.test>"))[-1].startswith("530 5.7.0"), "login"
    assert "SIZE 1000" in await told(far, "trusted.test")
    assert (await far.say("MAIL FROM:<x@y.test> SIZE=1001"))[-1].startswith("552")
    assert (await far.say("MAIL FROM:<x@y.test>", "RCPT TO:<x@far.test>"))[-1].startswith("550 5.7.1")


async def test_nothing_is_offered_before_rules_could_be_asked() -> None:
    talk = Talk(ruled('[offer]\nvrfy = [{ if = \'helo == "a.test"\', then = "nobody" }, { else = "everybody" }]'))
    assert (await talk.say("VRFY alice"))[-1].startswith("252")
    await told(talk, "b.test")
    assert (await talk.say("VRFY alice"))[-1].startswith("250")


def test_tls_is_required_where_it_can_be_had() -> None:
    settings = SmtpSettings(tls_required=AtHello.of(True))
    assert offers_of(FACTS, settings, chosen(settings)).tls_required
    assert not offers_of(FACTS._replace(starttls=False), settings, chosen(settings)).tls_required
