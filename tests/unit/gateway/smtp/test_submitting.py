"""gateway/smtp/submitting.py: what is sent without a session is judged as what is sent with one."""

import dataclasses
from typing import Any

import pytest

from actors.queue.types import INLINE_BYTES_MAX
from cluster.errors import OverQuota, Unavailable
from gateway.facts import AtData, AtHello, AtMail, AtRcpt
from gateway.rewriting import RewriteSettings
from gateway.smtp.gatesettings import RuleSettings
from gateway.smtp.settings import OfferSettings, SmtpSettings
from gateway.smtp.submitting import Address, Letter, Rejected, Submissions
from tests.unit.gateway.smtp.fakes import ALICE, Fakes
from tests.unit.gateway.smtp.test_gates import fakes, ruled

BODY = b"From: alice@example.test\r\nTo: bob@example.test\r\n\r\nbody\r\n"


def letter(*to: str, body: bytes = BODY, sender: str = "alice@example.test", **parameters: str | None) -> Letter:
    people = tuple(Address(one) for one in to or ("bob@example.test",))
    return Letter("feed.1", ALICE, Address(sender, parameters), people, body, "192.0.2.66", "S1")


async def refusal(made: Fakes, what: Letter) -> tuple[str, int, str, tuple[str, ...]]:
    with pytest.raises(Rejected) as caught:
        await Submissions(made.world, "JMAP").submit(what)
    rejected = caught.value
    return rejected.what, rejected.reply.code, rejected.reply.status, rejected.recipients


async def test_each_recipient_is_told_where_its_mail_is() -> None:
    made = Fakes()
    sent = await Submissions(made.world, "JMAP").submit(
        letter("bob@example.test", "a@far.test", "b@far.test", "away@example.test", "c@other.test")
    )
    name = made.outgoing.name_of
    far, other, elsewhere = (name(domain, b"feed.1/0") for domain in ("far.test", "other.test", "elsewhere.test"))
    assert [(path.email, path.here, path.entries) for path in sent.paths] == [
        ("bob@example.test", True, ()),
        ("a@far.test", False, ((far, 0),)),
        ("b@far.test", False, ((far, 1),)),
        ("away@example.test", True, ((elsewhere, 0),)),
        ("c@other.test", False, ((other, 0),)),
    ]
    assert made.intake.accounts == [2, 1]
    (note,) = made.traces.notes
    assert (note.ident, note.how) == ("feed.1", "accepted")
    assert {mail.envid for mail, _, _ in made.outgoing.queued} == {"S1"}
    assert made.intake.stored[0][1].startswith(
        b"Return-Path: <alice@example.test>\r\nReceived: by mx.example.test with JMAP id feed.1;\r\n"
    )


async def test_the_same_again_stores_nothing_twice() -> None:
    made = Fakes()
    for _ in range(2):
        await Submissions(made.world, "JMAP").submit(letter("bob@example.test", "a@far.test"))
    assert (made.intake.accounts, len(made.outgoing.queued)) == ([2], 1)


async def test_what_is_held_is_all_in_the_queue() -> None:
    made = Fakes()
    sent = await Submissions(made.world, "JMAP").submit(letter("bob@example.test", "a@far.test", HoldFor="60"))
    assert sent.due_ms == sent.taken_ms + 60_000
    assert [len(path.entries) for path in sent.paths] == [1, 1]
    assert not any(path.here for path in sent.paths)
    assert made.outgoing.due == [sent.due_ms] * 2


async def test_what_is_not_one_s_own_or_not_there_is_refused() -> None:
    made = Fakes()
    assert await refusal(made, letter(sender="bob@example.test")) == ("sender", 550, "5.7.1", ())
    lost = letter("bob@example.test", "no@example.test", "none@example.test")
    assert await refusal(made, lost) == ("recipients", 550, "5.1.1", ("no@example.test", "none@example.test"))
    assert await refusal(made, letter(body=BODY.replace(b"alice@", b"bob@"))) == ("message", 550, "5.7.1", ())
    assert await refusal(made, letter(body=BODY + b"bare\n")) == ("message", 554, "5.6.0", ())
    assert await refusal(made, letter(UNKNOWN="1")) == ("parameters", 555, "5.5.4", ())
    assert await refusal(made, letter(RET="HDRS ENVID=x")) == ("parameters", 501, "5.5.4", ())
    assert await refusal(made, letter("bob@example.test\r\nRCPT TO:<x@y.test>")) == (
        "parameters", 501, "5.1.3", ("bob@example.test\r\nRCPT TO:<x@y.test>",),
    )  # fmt: skip
    assert (made.intake.stored, made.outgoing.queued) == ([], [])
    assert [note.how for note in made.traces.notes] == ["refused"] * 3


async def test_what_cannot_be_stored_now_is_refused_for_now() -> None:
    made = Fakes(deliver_tries=1)
    made.intake.troubles[2] = [OverQuota("full")]
    assert (await refusal(made, letter()))[:2] == ("message", 452)
    made.outgoing.troubles["far.test"] = [Unavailable("not now")]
    assert (await refusal(made, letter("a@far.test")))[:2] == ("message", 451)
    made.intake.full = {2}
    assert await refusal(made, letter()) == ("recipients", 452, "4.2.2", ("bob@example.test",))
    made.directory.trouble = Unavailable("not now")
    with pytest.raises(Unavailable):
        await Submissions(made.world, "JMAP").submit(letter())


async def test_bounds_are_those_of_the_port() -> None:
    made = Fakes(message_bytes_max=AtHello.of(INLINE_BYTES_MAX), recipients_max=AtHello.of(100))
    assert await refusal(made, letter(body=BODY + b"x" * INLINE_BYTES_MAX)) == ("message", 552, "5.3.4", ())
    many = letter(*(f"p{number}@far.test" for number in range(101)))
    assert (await refusal(made, many))[:3] == ("recipients", 452, "4.5.3")
    offered = await Submissions(made.world, "JMAP").offered(ALICE)
    assert offered.extensions()["SIZE"] == [str(INLINE_BYTES_MAX)]
    assert offered.extensions()["FUTURERELEASE"][0] == "604800"
    assert not {"PIPELINING", "CHUNKING", "STARTTLS", "AUTH"} & offered.extensions().keys()


async def test_what_is_outside_ascii_says_so() -> None:
    made = Fakes()
    submissions = Submissions(made.world, "JMAP")
    await submissions.submit(letter("a@far.test", body=BODY + "ä".encode()))
    await submissions.submit(letter("ä@other.test")._replace(ident="feed.2"))
    (eight, _, _), (utf8, _, _) = made.outgoing.queued
    assert (eight.body, eight.smtputf8, utf8.body, utf8.smtputf8) == ("8BITMIME", False, "7BIT", True)


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ({"hello": ruled(AtHello, ("authenticated == 'alice@example.test'", "550 5.7.1 no"))}, ("sender", 550)),
        ({"mail": ruled(AtMail, ("listener == 'JMAP' && is_tls", "450 4.7.1 later"))}, ("sender", 450)),
        ({"rcpt": ruled(AtRcpt, ("in_network(remote_ip, '192.0.2.0/24')", "550 5.7.1 no"))}, ("recipients", 550)),
        ({"data": ruled(AtData, ("size > 10", "554 5.7.1 no"))}, ("message", 554)),
    ],
)
async def test_rules_are_asked_at_each_step(rules: dict[str, Any], found: tuple[str, int]) -> None:
    made = fakes(RuleSettings(**rules))
    assert (await refusal(made, letter()))[:2] == found
    assert made.intake.stored == []


async def test_rules_rewrite_and_discard() -> None:
    rewrite = RewriteSettings(recipient=ruled(AtRcpt, ("recipient == 'x@far.test'", "bob@example.test"), otherwise=""))
    made = fakes(RuleSettings(data=ruled(AtData, ("recipients == 2", "discard"))), rewrite=rewrite)
    sent = await Submissions(made.world, "JMAP").submit(letter("x@far.test"))
    assert (made.intake.accounts, sent.paths[0].here, sent.paths[0].email) == ([2], True, "x@far.test")
    sent = await Submissions(made.world, "JMAP").submit(letter("a@far.test", "b@far.test")._replace(ident="feed.2"))
    assert [(path.here, path.entries) for path in sent.paths] == [(False, ())] * 2
    assert made.outgoing.queued == []


async def test_rules_say_what_is_offered() -> None:
    hold = ruled(AtHello, ("authenticated != ''", 60), otherwise=3600, of=int)
    made = fakes()
    settings = SmtpSettings(offer=OfferSettings(hold_s_max=hold))
    made.world = dataclasses.replace(made.world, settings=settings)
    submissions = Submissions(made.world, "JMAP")
    assert (await submissions.offered(ALICE)).offers.hold_s_max == 60
    assert await refusal(made, letter(HOLDFOR="61")) == ("parameters", 501, "5.5.4", ())
