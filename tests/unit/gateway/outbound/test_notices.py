"""gateway/outbound/notices.py: what is written to whom, the same again under the same name."""

import pytest
from msgspec.structs import replace

from actors.queue.types import Envelope, Fate, Owed, Recipient, Result, Shown
from cluster.clock import ManualClock
from cluster.errors import NotFound, OverQuota, Unavailable
from gateway.outbound.local import HERE
from gateway.outbound.notices import GIVEN_UP_MS, Notices, name_of
from gateway.outbound.schedule import Pace, Schedule
from mail.dsn.parse import parse

BODY = b"Subject: hello\r\nMessage-ID: <x@y>\r\n\r\nhello\r\n"
T = 1_700_000_000_000


class Out:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, bytes, bool, bool]] = []
        self.trouble: Exception | None = None

    async def send(
        self, recipient: str, message: bytes, *, name: bytes, smtputf8: bool, eight_bit: bool, about: Envelope
    ) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.sent.append((recipient, message, name, smtputf8, eight_bit))


class Stamp:
    """Signs, visibly."""

    async def sign(self, message: bytes, sender: str) -> bytes:
        return b"DKIM-Signature: by " + sender.encode() + b"\r\n" + message


def shown(sender: str = "me@example.org") -> Shown:
    people = (Recipient("a@x.test"), Recipient("b@x.test", (), "rfc822;list@z.test"))
    mail = Envelope("x.test", sender, people, bytes(32), 1, queued_ms=T, message_id="x@y", envid="e1", ret="HDRS")
    failed = Result("failed", 550, "5.1.1", "no such user", "mx.x.test", "192.0.2.1", cause="bad-mailbox")
    later = Result("deferred", 451, "4.3.0", "later", "mx.x.test")
    return Shown(
        bytes(16),
        mail,
        "waiting",
        held=False,
        due_ms=0,
        attempts=1,
        fates=(Fate(failed, T + 1000), Fate(later, T + 1000)),
    )


@pytest.fixture
def out() -> Out:
    return Out()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(T + 60_000)


@pytest.fixture
def notices(out: Out, clock: ManualClock) -> Notices:
    schedule = Schedule(Pace(expire_after=1000))
    return Notices("mail.example.org", out, schedule, clock, signer=Stamp())


async def test_a_failure_is_told_of_signed_to_the_sender(notices: Notices, out: Out) -> None:
    await notices.tell(shown(), Owed("failure", (0,)), BODY)
    ((recipient, message, name, smtputf8, eight_bit),) = out.sent
    assert (recipient, smtputf8, eight_bit) == ("me@example.org", False, False)
    assert name == name_of(bytes(16), Owed("failure", (0,)))
    assert message.startswith(b"DKIM-Signature: by postmaster@mail.example.org\r\n")
    parsed = parse(message)
    assert parsed is not None
    assert (parsed.reporting, parsed.envid, parsed.original_id) == ("mail.example.org", "e1", "x@y")
    (told,) = parsed.recipients
    assert (told.final, told.action, told.status, told.remote) == ("a@x.test", "failed", "5.1.1", "mx.x.test")
    assert told.diagnostic == "550 5.1.1 no such user"
    assert told.last_attempt


async def test_a_delay_says_until_when_it_is_tried(notices: Notices, out: Out) -> None:
    await notices.tell(shown(), Owed("delay", (1,)), BODY)
    parsed = parse(out.sent[0][1])
    assert parsed is not None
    (told,) = parsed.recipients
    assert (told.action, told.original) == ("delayed", "list@z.test")
    assert told.will_retry_until == "Tue, 14 Nov 2023 22:30:00 +0000"


async def test_the_null_sender_is_told_nothing(notices: Notices, out: Out) -> None:
    await notices.tell(shown(""), Owed("failure", (0,)), BODY)
    assert out.sent == []


async def test_the_same_again_has_the_same_name_and_others_another(
    notices: Notices, out: Out, clock: ManualClock
) -> None:
    for _twice in range(2):
        await notices.tell(shown(), Owed("failure", (0,)), None)
    clock.advance(60)
    first, second = (name for _to, _message, name, *_rest in out.sent)
    assert first == second
    names = {
        name_of(entry, owed)
        for entry in (bytes(16), bytes(15) + b"\1")
        for owed in (Owed("failure", (0,)), Owed("delay", (0,)), Owed("failure", (1,)), Owed("failure", (0, 1)))
    }
    assert len(names) == 8


async def test_who_can_not_be_told_now_is_told_later_but_not_for_ever(
    notices: Notices, out: Out, clock: ManualClock
) -> None:
    out.trouble = NotFound("There is no such address.")
    await notices.tell(shown(), Owed("failure", (0,)), BODY)  # nobody to tell: it is over
    for trouble in (Unavailable("Not now."), OverQuota("Full.")):
        out.trouble = trouble
        with pytest.raises(type(trouble)):
            await notices.tell(shown(), Owed("failure", (0,)), BODY)
    clock.advance(GIVEN_UP_MS / 1000)
    await notices.tell(shown(), Owed("failure", (0,)), BODY)
    assert out.sent == []


async def test_what_needs_tls_is_not_returned_whole(notices: Notices, out: Out) -> None:
    of = shown()
    await notices.tell(replace(of, mail=replace(of.mail, require_tls=True, ret="FULL")), Owed("failure", (0,)), BODY)
    assert b"\r\nhello\r\n" not in out.sent[0][1]  # RFC 8689 5


async def test_who_keeps_mail_here_is_no_remote_server(notices: Notices, out: Out) -> None:
    of = shown()
    here = Fate(Result("delivered", 250, "2.0.0", "stored", HERE, stored=True), T)
    await notices.tell(replace(of, fates=(here, here)), Owed("success", (0,)), BODY)
    assert b"Action: delivered\r\n" in out.sent[0][1]
    assert b"Remote-MTA" not in out.sent[0][1]
