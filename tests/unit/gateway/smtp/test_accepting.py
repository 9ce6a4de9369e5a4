"""Who has a message and who has not, when it comes in parts or fails in parts; and who hears of it."""

import dataclasses

from cluster.errors import OverQuota
from gateway.smtp.aftermath import Answered
from tests.unit.gateway.smtp.fakes import Fakes, Talk, mx, submitter

_MAIL = b"From: x@y.test\nMessage-ID: <1@y.test>\nSubject: s\n\nbody"


async def test_the_same_message_to_others_at_the_same_server_is_not_taken_for_a_retry() -> None:
    """A relay splits a message with many recipients: what one transaction queued, the next has not."""
    fakes = Fakes()
    fakes.intake.troubles[2] = [OverQuota("full")]
    talk = await submitter(fakes)
    text = b"From: alice@example.test\n\nbody"
    for people, answer in ((["a@far.test", "bob@example.test"], "452"), (["c@far.test", "bob@example.test"], "250")):
        assert (await talk.send("alice@example.test", people, text))[0].startswith(answer)
    assert (await talk.send("alice@example.test", ["a@far.test", "bob@example.test"], text))[0].startswith("250")
    assert [mail.recipients[0].address for mail, _, _ in fakes.outgoing.queued] == ["a@far.test", "c@far.test"]


async def test_a_defect_of_who_hears_of_messages_changes_no_answer() -> None:
    class Defect:
        async def answered(self, _what: object) -> None:
            raise RecursionError("a defect")

    fakes = Fakes()
    fakes.world = dataclasses.replace(fakes.world, after=Defect())
    talk = await mx(fakes)
    assert (await talk.send("x@y.test", ["alice@example.test"], _MAIL))[0].startswith("250")
    assert any(event == "smtp.defect" for event, _ in fakes.log.lines)


class Hearing:
    def __init__(self) -> None:
        self.heard: list[tuple[int, list[str]]] = []

    async def answered(self, what: Answered) -> None:
        self.heard.append((what.reply.code, [rcpt.recipient for rcpt in what.here]))


async def test_success_is_told_of_those_who_have_it_and_when_they_have_it() -> None:
    hearing, fakes = Hearing(), Fakes()
    fakes.world = dataclasses.replace(fakes.world, after=hearing)
    fakes.intake.troubles[2] = [OverQuota("full")]
    lmtp = Talk(fakes, "lmtp")
    await lmtp.say("LHLO client.example")
    answers = await lmtp.send("x@y.test", ["alice@example.test", "bob@example.test"], _MAIL)
    assert [answer[:3] for answer in answers] == ["250", "452"]
    talk = await submitter(fakes)
    await talk.say("MAIL FROM:<alice@example.test> HOLDFOR=60", "RCPT TO:<bob@example.test>", "DATA")
    assert (await talk.say("From: alice@example.test\r\n\r\nx\r\n."))[-1].startswith("250")
    assert hearing.heard == [(250, ["alice@example.test"]), (250, [])]
