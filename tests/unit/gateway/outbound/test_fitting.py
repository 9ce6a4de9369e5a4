"""What of a message fits which server."""

from typing import Any

import pytest

from actors.queue.types import Envelope, Recipient
from gateway.outbound.fitting import Fitted, Message, Misfit
from mail.smtp.client.capabilities import Capabilities
from mail.smtp.client.envelope import Transaction

ASCII = b"Subject: x\r\n\r\nHello\r\n"
EIGHT = "Subject: x\r\n\r\nGrüße an alle von uns\r\n".encode()
WIDE = "Subject: grüße\r\n\r\nx\r\n".encode()
ALL = Capabilities(
    extended=True, size=True, eightbit=True, smtputf8=True, binarymime=True, chunking=True, deliver_by=True
)
PLAIN = Capabilities(extended=True)


def fit(
    raw: bytes, offers: Capabilities, /, *who: str, final: bool = False, now_ms: int = 0, **given: Any
) -> Fitted | Misfit:
    recipients = tuple(Recipient(one) for one in who or ("b@x.test",))
    fields: dict[str, Any] = {
        "domain": "x.test",
        "sender": "a@y.test",
        "recipients": recipients,
        "digest": b"",
        "size": 0,
    }
    mail = Envelope(**(fields | given))
    return Message(mail, raw).fit(recipients, offers, now_ms=now_ms, protected=True, final=final)


def sent(found: Fitted | Misfit) -> Transaction:
    assert isinstance(found, Fitted)
    assert found.transaction is not None
    return found.transaction


@pytest.mark.parametrize(
    ("body", "offers", "fields", "wanted"),
    [
        (ASCII, PLAIN, {}, ("7BIT", False)),
        (EIGHT, ALL, {}, ("8BITMIME", False)),
        (EIGHT, PLAIN, {}, ("7BIT", False)),
        (EIGHT, ALL, {"body": "BINARYMIME"}, ("BINARYMIME", False)),
        (EIGHT, Capabilities(eightbit=True), {"body": "BINARYMIME"}, ("8BITMIME", False)),
        (WIDE, ALL, {"smtputf8": True}, ("8BITMIME", True)),
        (WIDE, Capabilities(eightbit=True), {}, ("8BITMIME", False)),
        (ASCII, ALL, {"sender": "ü@y.test"}, ("7BIT", True)),
        (ASCII, ALL, {"smtputf8": True}, ("7BIT", False)),
    ],
)
def test_bodies(body: bytes, offers: Capabilities, fields: dict[str, Any], wanted: tuple[str, bool]) -> None:
    made = sent(fit(body, offers, **fields))
    assert (made.sender.body, made.sender.smtputf8) == wanted
    assert made.sender.size_bytes == len(made.content)
    assert made.content.isascii() or made.sender.body != "7BIT"


def test_a_proper_message_is_sent_as_it_is() -> None:
    assert sent(fit(ASCII, PLAIN)).content is ASCII


@pytest.mark.parametrize(
    ("body", "offers", "fields", "status"),
    [
        (WIDE, PLAIN, {"smtputf8": True}, "5.6.7"),
        (WIDE, PLAIN, {}, "5.6.3"),
        (ASCII, PLAIN, {"sender": "ü@y.test"}, "5.6.7"),
        (ASCII, Capabilities(size=True, size_bytes_max=10), {}, "5.3.4"),
        (ASCII, PLAIN, {"by_mode": "R", "by_ms": 99_000}, "5.4.7"),
        (ASCII, ALL, {"by_mode": "R", "by_ms": 0}, "5.4.7"),
        (ASCII, Capabilities(deliver_by=True, deliver_by_min_s=100), {"by_mode": "R", "by_ms": 99_000}, "5.4.7"),
    ],
)
def test_misfits(body: bytes, offers: Capabilities, fields: dict[str, Any], status: str) -> None:
    found = fit(body, offers, **fields)
    assert isinstance(found, Misfit)
    assert found.status == status


def test_deliver_by_where_it_can_be() -> None:
    assert sent(fit(ASCII, ALL, by_mode="R", by_ms=99_000)).sender.by_s == 99
    assert sent(fit(ASCII, PLAIN, by_mode="N", by_ms=1000, now_ms=5000)).sender.by_s == -4
    assert sent(fit(ASCII, PLAIN, by_mode="R", by_ms=99_000, final=True)).sender.by_mode == "R"
    assert sent(fit(ASCII, ALL)).sender.by_s is None


def test_recipients_that_need_smtputf8_are_told_apart() -> None:
    found = fit(ASCII, PLAIN, "a@bücher.test", "ü@x.test", "c@x.test")
    assert isinstance(found, Fitted)
    assert [one.address for one in sent(found).targets] == ["a@xn--bcher-kva.test", "c@x.test"]
    assert found.taken == (0, 2)
    assert {place: misfit.status for place, misfit in found.misfits.items()} == {1: "5.6.7"}
    nobody = fit(ASCII, PLAIN, "ü@x.test")
    assert isinstance(nobody, Fitted)
    assert nobody.transaction is None


def test_as_many_recipients_as_are_taken() -> None:
    found = fit(ASCII, Capabilities(recipients_max=2), "a@x.test", "b@x.test", "c@x.test")
    assert isinstance(found, Fitted)
    assert found.taken == (0, 1)
