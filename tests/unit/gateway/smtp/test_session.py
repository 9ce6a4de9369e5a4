"""Decisions, without a network: who may send what to whom, what is stored, and what is answered when it is not."""

import dataclasses

import orjson
import pytest

from cluster.errors import Corrupt, NotFound, OverQuota, StoreFull, Trouble, Unavailable
from gateway.facts import AtHello
from gateway.smtp.aftermath import Answered
from tests.unit.gateway.smtp.fakes import PLAIN, Fakes, Talk, mx, submitter

_MAIL = b"From: x@y.test\nMessage-ID: <1@y.test>\nSubject: s\n\nbody"


async def test_a_message_is_stored_with_its_trace_in_front() -> None:
    fakes = Fakes()
    talk = await mx(fakes)
    assert await talk.send("x@y.test", ["alice@example.test"], _MAIL) == ["250 2.0.0 Ok: stored as c1.1"]
    ((account, raw),) = fakes.intake.stored
    assert account == 1
    assert raw == (
        b"Return-Path: <x@y.test>\r\n"
        b"Received: from client.example ([192.0.2.7])\r\n"
        b"\tby mx.example.test with ESMTP id c1.1\r\n"
        b"\tfor <alice@example.test>;\r\n"
        b"\tTue, 14 Nov 2023 22:13:20 +0000\r\n" + _MAIL.replace(b"\n", b"\r\n") + b"\r\n"
    )
    assert fakes.count("messages", "accepted") == 1


@pytest.mark.parametrize("first", [b"\t; dmarc=pass header.from=bank.test", b"rubbish"])
async def test_a_first_line_that_is_no_field_neither_goes_on_with_ours_nor_begins_a_header(first: bytes) -> None:
    fakes = Fakes()
    talk = await mx(fakes)
    await talk.send("x@y.test", ["alice@example.test"], first + b"\nFrom: boss@bank.test\n\nbody")
    ((_, raw),) = fakes.intake.stored
    assert raw.endswith(b" +0000\r\n\r\n" + first + b"\r\nFrom: boss@bank.test\r\n\r\nbody\r\n")


async def test_an_account_gets_one_copy_however_often_it_is_named() -> None:
    fakes = Fakes()
    talk = await mx(fakes)
    await talk.send("x@y.test", ["alice@example.test", "list@example.test", "alice+tag@example.test"], _MAIL)
    assert fakes.intake.accounts == [1, 2, 3]
    assert b"for <" not in fakes.intake.stored[0][1]  # RFC 5321 7.2: recipients are not told of each other


@pytest.mark.parametrize(
    ("recipient", "answer"),
    [
        ("nobody@example.test", "550 5.1.1 No such user here"),
        ("a@elsewhere.test", "550 5.7.1 Relaying denied: this server does not serve that domain"),
        ("Postmaster", "250 2.1.5 Ok"),
    ],
)
async def test_recipients_at_the_mx(recipient: str, answer: str) -> None:
    talk = await mx(Fakes())
    assert (await talk.say("MAIL FROM:<>", f"RCPT TO:<{recipient}>"))[-1] == answer


async def test_a_directory_that_is_away_is_a_temporary_answer() -> None:
    fakes = Fakes()
    fakes.directory.trouble = Unavailable("secret/path")
    talk = await mx(fakes)
    assert (await talk.say("MAIL FROM:<>", "RCPT TO:<alice@example.test>"))[-1] == "451 4.3.0 Try again later"


@pytest.mark.parametrize(
    ("trouble", "answer"),
    [
        (StoreFull("x"), "452 4.3.1"),
        (OverQuota("x"), "452 4.2.2"),
        (NotFound("x"), "550 5.1.1"),
        (Corrupt("x"), "451 4.3.0"),
        (Unavailable("x"), "451 4.3.0"),
    ],
)
async def test_the_only_recipient_fails(trouble: Trouble, answer: str) -> None:
    fakes = Fakes()
    fakes.intake.troubles[1] = [trouble] * 3
    talk = await mx(fakes)
    assert (await talk.send("x@y.test", ["alice@example.test"], _MAIL))[0][:9] == answer
    assert fakes.intake.stored == []


async def test_a_shard_that_is_away_for_a_moment_is_asked_again() -> None:
    fakes = Fakes()
    fakes.intake.troubles[1] = [Unavailable("moving")] * 2
    talk = await mx(fakes)
    assert (await talk.send("x@y.test", ["alice@example.test"], _MAIL))[0].startswith("250")
    assert fakes.intake.accounts == [1]


async def test_when_some_failed_the_peer_tries_again_and_nothing_is_doubled() -> None:
    fakes = Fakes()
    fakes.intake.troubles[2] = [OverQuota("full")]
    talk = await mx(fakes)
    people = ["alice@example.test", "bob@example.test"]
    assert await talk.send("x@y.test", people, _MAIL) == ["452 4.2.2 Mailbox is over its quota"]
    assert await talk.send("x@y.test", people, _MAIL) == ["250 2.0.0 Ok: stored as c1.2"]
    assert fakes.intake.accounts == [1, 2]


async def test_a_permanent_failure_of_some_is_temporary_for_the_peer() -> None:
    fakes = Fakes()
    fakes.intake.troubles[2] = [NotFound("gone")]
    talk = await mx(fakes)
    answer = await talk.send("x@y.test", ["alice@example.test", "bob@example.test"], _MAIL)
    assert answer == ["451 4.3.0 Not stored for all recipients; try again later"]


async def test_messages_without_message_id_are_never_taken_for_one() -> None:
    fakes = Fakes()
    talk = await mx(fakes)
    for _ in range(2):
        await talk.send("x@y.test", ["alice@example.test"], b"Subject: ok\n\nok")
    assert fakes.intake.accounts == [1, 1]


async def test_another_body_sender_or_message_id_is_another_message() -> None:
    fakes = Fakes()
    talk = await mx(fakes)
    for sender, text in (("a@y.test", _MAIL), ("b@y.test", _MAIL), ("a@y.test", _MAIL + b"!")):
        await talk.send(sender, ["alice@example.test"], text)
    assert fakes.intake.accounts == [1, 1, 1]


async def test_lmtp_answers_each_recipient() -> None:
    fakes = Fakes()
    fakes.intake.troubles[2] = [OverQuota("full")]
    talk = Talk(fakes, "lmtp")
    await talk.say("LHLO relay")
    people = ["alice@example.test", "bob@example.test", "nobody@example.test", "carol@example.test"]
    assert await talk.send("x@y.test", people, _MAIL) == [
        "250 2.0.0 Ok: stored as c1.1",
        "452 4.2.2 Mailbox is over its quota",
        "250 2.0.0 Ok: stored as c1.1",
    ]
    assert b"with LMTP id" in fakes.intake.stored[0][1]


async def test_lmtp_tells_a_failed_preparation_to_each() -> None:
    fakes = Fakes()
    fakes.intake.troubles[0] = [StoreFull("full")]
    talk = Talk(fakes, "lmtp")
    await talk.say("LHLO relay")
    answer = await talk.send("x@y.test", ["alice@example.test", "bob@example.test"], _MAIL)
    assert answer == ["452 4.3.1 Out of space; try again later"] * 2


async def test_a_message_that_goes_in_circles_is_refused() -> None:
    fakes = Fakes()
    talk = await mx(fakes)
    looped = b"received: by a\nReceived: by b\n" * 25 + b"Received: by c\n" + _MAIL
    assert (await talk.send("x@y.test", ["alice@example.test"], looped))[0].startswith("554 5.4.6")
    assert (await talk.send("x@y.test", ["alice@example.test"], _MAIL + b"\nReceived: by x" * 60))[0].startswith("250")


async def test_recipients_do_not_pass_from_one_transaction_to_the_next() -> None:
    fakes = Fakes()
    talk = await mx(fakes)
    await talk.say("MAIL FROM:<>", "RCPT TO:<bob@example.test>", "RSET")
    await talk.send("x@y.test", ["alice@example.test"], _MAIL)
    assert fakes.intake.accounts == [1]


# -- submission ----------------------------------------------------------------------------------------------------


async def test_submission_needs_a_login_and_the_login_needs_tls() -> None:
    talk = Talk(Fakes(), "submission")
    await talk.say("EHLO laptop")
    assert await talk.say("MAIL FROM:<alice@example.test>") == ["530 5.7.0 Authentication required"]
    assert await talk.say(f"AUTH PLAIN {PLAIN}") == ["538 5.7.11 Encryption required for this mechanism"]


async def test_plaintext_auth_can_be_allowed() -> None:
    talk = Talk(Fakes(plaintext_auth=True), "submission")
    assert (await talk.say("EHLO laptop", f"AUTH PLAIN {PLAIN}"))[-1].startswith("235")


async def test_submission_adds_what_is_missing() -> None:
    fakes = Fakes()
    talk = await submitter(fakes)
    answer = await talk.send("alice@example.test", ["bob@example.test"], b"From: Alice <al@example.test>\n\nhi")
    assert answer[0].startswith("250")
    raw = fakes.intake.stored[0][1]
    assert b"with ESMTPSA id" in raw
    assert raw.count(b"\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\n") == 1
    assert raw.count(b"\r\nMessage-ID: <") == 1
    assert raw.endswith(b"@mx.example.test>\r\nFrom: Alice <al@example.test>\r\n\r\nhi\r\n")


async def test_submission_leaves_what_is_there() -> None:
    fakes = Fakes()
    talk = await submitter(fakes)
    text = b"date: x\nMESSAGE-id: <m@x>\nFrom: alice@example.test\n\nhi"
    await talk.send("alice@example.test", ["bob@example.test"], text)
    assert fakes.intake.stored[0][1].lower().count(b"\r\ndate:") == 1
    assert fakes.intake.stored[0][1].lower().count(b"\r\nmessage-id:") == 1


@pytest.mark.parametrize(
    "head",
    [
        b"From: bob@example.test",
        b"From: alice@example.test\nFrom: bob@example.test",
        b"From: alice@example.test, bob@example.test",
        b"From: alice@example.test,\n bob@example.test",
        b"Subject: none",
        b"From: alice",
        b"from : bob@example.test",
    ],
)
async def test_from_must_be_ones_own(head: bytes) -> None:
    fakes = Fakes()
    talk = await submitter(fakes)
    answer = await talk.send("alice@example.test", ["bob@example.test"], head + b"\n\nhi")
    assert answer[0].startswith("550 5.7.1 From field")
    assert fakes.intake.stored == []


async def test_the_envelope_sender_must_be_ones_own() -> None:
    talk = await submitter(Fakes())
    assert await talk.say("MAIL FROM:<bob@example.test>") == ["550 5.7.1 Sender address is not one of yours"]
    assert await talk.say("MAIL FROM:<al@example.test>") == ["250 2.1.0 Ok"]


async def test_with_the_rule_off_any_sender_goes() -> None:
    fakes = Fakes(own_addresses_only=False)
    talk = await submitter(fakes)
    assert (await talk.send("bob@example.test", ["bob@example.test"], b"From: x@y\n\nhi"))[0].startswith("250")


async def test_where_nothing_sends_mail_to_elsewhere_is_refused_in_clear_words() -> None:
    fakes = Fakes()
    fakes.world = dataclasses.replace(fakes.world, outgoing=None)
    talk = await submitter(fakes)
    answer = await talk.say("MAIL FROM:<alice@example.test>", "RCPT TO:<a@elsewhere.test>")
    assert answer[-1] == "550 5.7.1 Mail to other domains cannot be sent from here yet: no outbound delivery"


async def test_mail_to_elsewhere_is_queued_by_domain_and_says_all_that_was_asked_for() -> None:
    fakes = Fakes()
    talk = await submitter(fakes)
    lines = ["MAIL FROM:<alice@example.test> RET=HDRS ENVID=e1 BODY=8BITMIME SMTPUTF8"]
    lines += [f"RCPT TO:<{name}> NOTIFY=NEVER" for name in ("a@far.test", "b@other.test", "c@far.test")]
    text = b"From: alice@example.test\r\nMessage-ID: <m@x>\r\n\r\nbody\r\n"
    answer = await talk.say(*lines, "RCPT TO:<bob@example.test>", "DATA", text + b".")
    assert answer[-1] == "250 2.0.0 Ok: stored as c1.1"
    assert fakes.intake.accounts == [2]
    assert [(mail.domain, idem) for mail, _, idem in fakes.outgoing.queued] == [
        ("far.test", b"c1.1/0"),
        ("other.test", b"c1.1/0"),
    ]
    mail, body, _ = fakes.outgoing.queued[0]
    assert [name.address for name in mail.recipients] == ["a@far.test", "c@far.test"]
    assert mail.recipients[0].notify == ("NEVER",)
    assert (mail.sender, mail.ret, mail.envid, mail.body, mail.smtputf8) == (
        "alice@example.test", "HDRS", "e1", "8BITMIME", True,
    )  # fmt: skip
    assert (mail.ident, mail.message_id, mail.account) == ("c1.1", "m@x", 1)
    assert body.startswith(b"Received: ")
    assert b"Return-Path" not in body


async def test_who_comes_from_a_trusted_network_may_relay() -> None:
    fakes = Fakes(relay_from=("192.0.2.0/24",))
    talk = await mx(fakes)
    assert (await talk.send("x@y.test", ["a@far.test"], _MAIL))[0].startswith("250")
    assert len(fakes.outgoing.queued) == 1


async def test_what_is_to_be_held_until_a_time_waits_in_the_queue_whole() -> None:
    fakes = Fakes()
    talk = await submitter(fakes)
    now_ms = fakes.world.clock.now_ms()
    lines = ["MAIL FROM:<alice@example.test> HOLDFOR=3600", "RCPT TO:<bob@example.test>", "RCPT TO:<a@far.test>"]
    text = b"From: alice@example.test\r\n\r\nbody\r\n"
    assert (await talk.say(*lines, "DATA", text + b"."))[-1].startswith("250")
    assert fakes.intake.stored == []
    assert sorted(mail.domain for mail, _, _ in fakes.outgoing.queued) == ["example.test", "far.test"]
    assert fakes.outgoing.due == [now_ms + 3_600_000] * 2


async def test_what_mail_asks_of_its_way_is_in_the_envelope() -> None:
    fakes = Fakes()
    talk = await submitter(fakes)
    now_ms = fakes.world.clock.now_ms()
    await talk.say("MAIL FROM:<alice@example.test> REQUIRETLS BY=120;R MT-PRIORITY=3", "RCPT TO:<a@far.test>", "DATA")
    await talk.say(b"From: alice@example.test\r\nTLS-Required: No\r\n\r\nbody\r\n.")
    await talk.say("MAIL FROM:<alice@example.test>", "RCPT TO:<a@far.test>", "DATA")
    await talk.say(b"From: alice@example.test\r\nTLS-Required: No\r\n\r\nbody\r\n.")
    (first, _, _), (second, _, _) = fakes.outgoing.queued
    assert (first.require_tls, first.tls_optional, first.priority) == (True, False, 3)
    assert (first.by_ms, first.by_mode) == (now_ms + 120_000, "R")
    assert (second.require_tls, second.tls_optional) == (False, True)


async def test_an_alias_that_leads_elsewhere_forwards_also_from_strangers() -> None:
    fakes = Fakes()
    talk = await mx(fakes)
    assert (await talk.send("x@y.test", ["away@example.test"], _MAIL))[0].startswith("250")
    ((mail, _, _),) = fakes.outgoing.queued
    assert (mail.sender, mail.recipients[0].address, mail.account) == ("x@y.test", "far@elsewhere.test", 0)
    assert mail.recipients[0].orcpt == "rfc822;away@example.test"
    assert fakes.intake.accounts == [1]


async def test_what_is_queued_but_not_stored_is_not_queued_again() -> None:
    fakes = Fakes()
    fakes.intake.troubles[2] = [OverQuota("full")]
    talk = await submitter(fakes)
    text = b"From: alice@example.test\n\nbody"
    people = ["a@far.test", "bob@example.test"]
    assert (await talk.send("alice@example.test", people, text))[0].startswith("452")
    assert (await talk.send("alice@example.test", people, text))[0].startswith("250")
    assert len(fakes.outgoing.queued) == 1
    assert fakes.intake.accounts == [2]


async def test_a_queue_that_is_away_is_a_temporary_answer() -> None:
    fakes = Fakes()
    fakes.outgoing.troubles["far.test"] = [Unavailable("x")] * 3
    talk = await submitter(fakes)
    answer = await talk.send("alice@example.test", ["a@far.test"], b"From: alice@example.test\n\nbody")
    assert answer[0].startswith("451")
    assert [note.how for note in fakes.traces.notes] == ["accepted", "deferred"]


async def test_each_message_leaves_a_trace_also_one_refused_before_it_came() -> None:
    fakes = Fakes()
    talk = await mx(fakes)
    await talk.send("x@y.test", ["alice@example.test"], _MAIL)
    await talk.say("MAIL FROM:<x@y.test>", "RCPT TO:<nobody@example.test>", "RSET")
    await talk.say("MAIL FROM:<x@y.test>", "RCPT TO:<a@elsewhere.test>", "NOOP")
    talk.session.closed()
    first, second, third = fakes.traces.notes
    assert (first.ident, first.how, first.message_id, first.sender) == ("c1.1", "accepted", "1@y.test", "x@y.test")
    assert {fact.what for fact in first.facts} >= {"connection", "hello", "message", "stored"}
    assert (second.ident, second.how, second.recipients) == ("c1.2", "refused", ("nobody@example.test",))
    assert third.recipients == ("a@elsewhere.test",)
    assert "Relaying denied" in str(third.facts[-1].of)


async def test_a_forged_hello_is_not_written_into_the_trace() -> None:
    fakes = Fakes()
    talk = Talk(fakes)
    await talk.say("HELO x(by_evil);<>")
    await talk.send("", ["alice@example.test"], _MAIL)
    assert b"Received: from unknown ([192.0.2.7])\r\n\tby mx.example.test with SMTP id" in fakes.intake.stored[0][1]
    assert fakes.intake.stored[0][1].startswith(b"Return-Path: <>\r\n")


async def test_every_log_line_can_be_written_as_json_and_names_its_connection() -> None:
    fakes = Fakes()
    talk = await mx(fakes)
    await talk.say(b"\xff\xfe", "MAIL FROM:<> X=\x01", "NOOP")
    await talk.send("x@y.test", ["nobody@example.test", "alice@example.test"], _MAIL)
    assert [event for event, _ in fakes.log.lines] == ["smtp.rejected", "smtp.rejected", "smtp.refused", "smtp.message"]
    for _, fields in fakes.log.lines:
        assert orjson.loads(orjson.dumps(fields))["id"].startswith("c1")


async def test_the_same_message_sent_twice_is_two_messages() -> None:
    fakes = Fakes()
    talk = await mx(fakes)
    for _ in range(2):
        await talk.send("x@y.test", ["alice@example.test", "bob@example.test"], _MAIL)
    assert fakes.intake.accounts == [1, 2, 1, 2]


async def test_a_mailbox_known_to_be_full_is_refused_at_rcpt() -> None:
    fakes = Fakes()
    fakes.intake.full.add(2)
    talk = await mx(fakes)
    answers = await talk.say("MAIL FROM:<x@y.test>", "RCPT TO:<bob@example.test>", "RCPT TO:<alice@example.test>")
    assert [answer[:9] for answer in answers[-2:]] == ["452 4.2.2", "250 2.1.5"]


async def test_a_message_that_the_protocol_refuses_leaves_a_trace_too() -> None:
    fakes = Fakes(message_bytes_max=AtHello.of(1000))
    talk = await mx(fakes)
    assert (await talk.send("x@y.test", ["alice@example.test"], b"y" * 2000))[0].startswith("552")
    (note,) = fakes.traces.notes
    assert (note.how, note.sender, note.recipients) == ("refused", "x@y.test", ("alice@example.test",))
    assert any(fact.what == "refused" and fact.how == "552" for fact in note.facts)
    await talk.say("FOO", "RSET", "FOO", "MAIL FROM:<x@y.test>", "FOO")
    assert (await talk.send("x@y.test", ["alice@example.test"], _MAIL)) != []
    assert [one.how for one in fakes.traces.notes[:2]] == ["refused", "accepted"]


async def test_what_was_said_before_tls_is_in_no_trace() -> None:
    fakes = Fakes(plaintext_auth=True, own_addresses_only=False)
    talk = Talk(fakes, "submission")
    await talk.say("EHLO a", f"AUTH PLAIN {PLAIN}", "MAIL FROM:<alice@example.test>", "RCPT TO:<nobody@example.test>")
    talk.session.tls_started()
    talk.session.closed()
    (note,) = fakes.traces.notes
    assert {fact.what for fact in note.facts} & {"auth", "hello"} == set()


async def test_a_recipient_that_was_not_there_before_is_not_taken_for_one_who_has_the_message() -> None:
    fakes = Fakes()
    fakes.intake.troubles[2] = [OverQuota("full")]
    talk = await submitter(fakes)
    text = b"From: alice@example.test\n\nbody"
    assert (await talk.send("alice@example.test", ["a@far.test", "bob@example.test"], text))[0].startswith("45")
    again = ["b@far.test", "a@far.test", "bob@example.test"]
    assert (await talk.send("alice@example.test", again, text))[0].startswith("250")
    assert [[one.address for one in mail.recipients] for mail, _, _ in fakes.outgoing.queued] == [
        ["a@far.test"],
        ["b@far.test"],
    ]
    assert fakes.intake.accounts == [2]


async def test_of_what_is_held_no_success_is_told_before_it_is_there() -> None:
    fakes = Fakes()
    heard: list[tuple[str, ...]] = []

    class Hearing:
        async def answered(self, what: Answered) -> None:
            heard.append(tuple(rcpt.recipient for rcpt in what.here))

    fakes.world = dataclasses.replace(fakes.world, after=Hearing())
    talk = await submitter(fakes)
    text = b"From: alice@example.test\r\n\r\nbody\r\n."
    for words in ("HOLDFOR=3600", ""):
        await talk.say(f"MAIL FROM:<alice@example.test> {words}", "RCPT TO:<bob@example.test>", "DATA", text)
    assert heard == [(), ("bob@example.test",)]
