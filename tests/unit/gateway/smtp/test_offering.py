"""Who is offered what: by listener, TLS, login and settings."""

from typing import Any

import msgspec
import pytest

from gateway.smtp.offering import Facts, offers_of
from gateway.smtp.settings import OfferSettings, SmtpSettings
from mail.smtp.offers import Offers
from mail.smtp.states import Role

FACTS = Facts("submission-starttls", Role.SUBMISSION, True, "192.0.2.1", True, True, True, True, 1_700_000_000_000)
KEPT = {"deliver_by_s_min", "hold_s_max", "mt_profile", "priority_max", "solicitations", "mechanisms"}


def offers(facts: Facts = FACTS, **offer: Any) -> Offers:
    return offers_of(facts, SmtpSettings(offer=OfferSettings(**offer)))


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
        ({}, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN", "SCRAM-SHA-256"),
        ({"bound": False, "tokens": False}, "SCRAM-SHA-256 PLAIN LOGIN", "SCRAM-SHA-256"),
        ({"role": Role.SMTP}, "", ""),
    ],
)
def test_mechanisms(facts: dict[str, object], under_tls: str, clear: str) -> None:
    found = offers(FACTS._replace(**facts))  # type: ignore[arg-type]
    assert (" ".join(found.mechanisms_tls), " ".join(found.mechanisms_clear)) == (under_tls, clear)


def test_mechanisms_that_are_not_wanted() -> None:
    assert offers(mechanisms=("PLAIN", "SCRAM-SHA-256")).mechanisms_tls == ("SCRAM-SHA-256", "PLAIN")


@pytest.mark.parametrize("word", ["1a", "a,b", "a b", "", "a\r\nb", "a" * 101])
def test_a_solicitation_that_would_break_the_answer_is_refused(word: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"solicitations": [word]}, OfferSettings)
