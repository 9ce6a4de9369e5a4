"""What follows an answer: success is told to who asked for it, once and only then."""

from typing import Any

import pytest

from actors.queue.types import Envelope
from cluster.clock import ManualClock
from cluster.errors import Unavailable
from gateway.smtp.aftermath import Answered, Several, Successes
from mail.dsn.report import Told
from mail.smtp.events import MailFrom, RcptTo
from mail.smtp.replies import OK, Reply
from tests.unit.gateway.smtp.fakes import FakeLog


class Notices:
    def __init__(self) -> None:
        self.sent: list[tuple[Envelope, bytes, tuple[Told, ...], bytes | None]] = []
        self.away = False

    async def send(self, mail: Envelope, name: bytes, told: tuple[Told, ...], body: bytes | None) -> None:
        if self.away:
            raise Unavailable("away")
        self.sent.append((mail, name, told, body))


def answered(*rcpts: RcptTo, reply: Reply = OK, **mail: Any) -> Answered:
    event = MailFrom(**({"sender": "s@y.test", "envid": "e1"} | mail))
    return Answered("c1.1", "192.0.2.1", event, rcpts, rcpts, b"From: s\r\n\r\n", reply, None, "none", "")


ASKED = RcptTo("a@x.test", ("SUCCESS", "FAILURE"), "rfc822;a@x.test")


async def test_who_asked_hears_of_success() -> None:
    notices = Notices()
    after = Several([Successes(notices, ManualClock(), FakeLog())])  # type: ignore[arg-type]
    await after.answered(answered(ASKED, RcptTo("b@x.test"), ret="HDRS"))
    ((mail, _name, (told,), body),) = notices.sent
    assert (mail.sender, mail.envid, mail.ret, body) == ("s@y.test", "e1", "HDRS", b"From: s\r\n\r\n")
    assert (told.final, told.action, told.original) == ("a@x.test", "delivered", "rfc822;a@x.test")


@pytest.mark.parametrize(
    "what",
    [
        answered(RcptTo("a@x.test", ("FAILURE",))),
        answered(RcptTo("a@x.test", ("NEVER",))),
        answered(ASKED, sender=""),
        answered(ASKED, reply=Reply(451, "4.3.0", "Later")),
    ],
)
async def test_nobody_else_does(what: Answered) -> None:
    notices = Notices()
    await Successes(notices, ManualClock(), FakeLog()).answered(what)  # type: ignore[arg-type]
    assert notices.sent == []


async def test_a_notice_that_cannot_be_sent_is_told_to_the_log() -> None:
    notices, log = Notices(), FakeLog()
    notices.away = True
    await Successes(notices, ManualClock(), log).answered(answered(ASKED))  # type: ignore[arg-type]
    assert [event for event, _ in log.lines] == ["smtp.notice_lost"]
