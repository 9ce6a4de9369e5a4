"""gateway/jmap/envelopes.py."""

import pytest

from gateway.jmap.envelopes import check_author, envelope_of, without_bcc
from mail.jmap.errors import SetError


def envelope(*lines: str, identity: str = "me@x.test") -> tuple[str, list[str]]:
    made = envelope_of("\r\n".join([*lines, "", "body", ""]).encode(), identity)
    return made["mailFrom"]["email"], [one["email"] for one in made["rcptTo"]]


def test_recipients_are_those_of_the_header_each_once() -> None:
    found = envelope(
        "From: Me <me@x.test>", "To: A <a@y.test>, Friends: b@y.test, a@Y.test;", "Cc: c@y.test", "To: d@y.test",
        "Bcc: b@y.test, A@y.test", "Resent-To: e@y.test",
    )  # fmt: skip
    assert found == ("me@x.test", ["a@y.test", "b@y.test", "d@y.test", "c@y.test", "A@y.test"])


def test_the_sender_is_the_identity_s() -> None:
    assert envelope("From: ME@x.test") == ("ME@x.test", [])
    assert envelope("From: other@x.test") == ("me@x.test", [])
    assert envelope("From: other@x.test, me@x.test", "Sender: me@x.test") == ("me@x.test", [])


@pytest.mark.parametrize(
    "lines", [["To: a@y.test"], ["From: a@y.test, b@y.test"], ["From: a@y.test", "Sender: b@y.test, c@y.test"],
              ["From: a@y.test", "From: a@y.test"], ["From: nobody:;"], []],
)  # fmt: skip
def test_of_several_senders_none_is_chosen(lines: list[str]) -> None:
    with pytest.raises(SetError) as error:
        envelope(*lines)
    assert error.value.kind == "invalidEmail"


def test_bcc_goes_and_nothing_else() -> None:
    raw = b"From: a@x.test\r\nBCC: b@x.test,\r\n c@x.test\r\nX-Bcc: stays\r\nbcc:\r\nTo: d@x.test\r\n\r\nBcc: body\r\n"
    assert without_bcc(raw) == b"From: a@x.test\r\nX-Bcc: stays\r\nTo: d@x.test\r\n\r\nBcc: body\r\n"
    for same in (b"From: a@x.test\r\n\r\nBcc: x\r\n", b"\r\nBcc: x\r\n", b""):
        assert without_bcc(same) == same
    assert without_bcc(b"Bcc: a@x.test") == b""


def test_an_author_is_needed() -> None:
    check_author(b"From: a@x.test\r\n\r\n")
    for raw in (b"", b"To: a@x.test\r\n\r\n", b"From: a@x.test\r\nFrom: b@x.test\r\n\r\n", b"From: Nobody\r\n\r\n"):
        with pytest.raises(SetError):
            check_author(raw)
