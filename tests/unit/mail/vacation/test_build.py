"""mail/vacation/build.py: how the answer is written."""

from email import message_from_bytes, policy
from email.message import EmailMessage

from mail.vacation.build import DEFAULT_TEXT, Wish, build

HEAD = b"Subject: =?utf-8?q?D=C3=ADnner=3F?=\r\nMessage-ID: <2@far.test>\r\nReferences: <1@far.test> <2@far.test>\r\n"


def built(wish: Wish, head: bytes = HEAD) -> EmailMessage:
    raw = build(wish, head, "bob@far.test", "al@example.org", message_id="m@example.org", now_ms=1_700_000_000_000)
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_it_says_that_a_machine_wrote_it_and_to_what() -> None:
    message = built(Wish())
    told = {name: str(message[name]) for name in message}
    assert told["From"] == "al@example.org"
    assert told["To"] == "bob@far.test"
    assert told["Subject"] == "Auto: Dínner?"
    assert told["In-Reply-To"] == "<2@far.test>"
    assert told["References"] == "<1@far.test> <2@far.test>"
    assert told["Auto-Submitted"] == "auto-replied"
    assert told["Message-ID"] == "<m@example.org>"
    assert "Date" in told
    assert message.get_content().replace("\r\n", "\n") == DEFAULT_TEXT


def test_what_is_wanted_is_said() -> None:
    message = built(Wish("Äway", "text", "<p>html</p>"))
    assert str(message["Subject"]) == "Äway"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert built(Wish(text="")).get_content().strip() == ""
    plain, _html = built(Wish(html="<p>One</p><script>x</script><p>Two")).iter_parts()
    assert isinstance(plain, EmailMessage)
    assert plain.get_content().split() == ["One", "Two"]


def test_no_text_of_the_message_ends_a_field() -> None:
    head = (
        b"Subject: =?utf-8?q?a=0D=0ABcc:_x@y.test?=\r\nMessage-ID: <a b>\r\nReferences: <\x01> <"
        + b"x" * 3000
        + b">\r\n"
    )
    message = built(Wish(), head)
    assert message["Bcc"] is None
    assert str(message["Subject"]) == "Auto: a  Bcc: x@y.test"
    assert max(map(len, message.as_bytes().splitlines())) < 998
    assert str(built(Wish(), b"")["Subject"]) == "Automatic answer"
    assert built(Wish(), b"")["In-Reply-To"] is None
