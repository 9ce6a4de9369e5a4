"""Users of ours: what they send, and what is in their mailboxes, once it is there."""

import contextlib
import email
import smtplib
import time
from collections.abc import Iterator
from email.message import Message

from tests.peers.peer import CLIENT, LOOK_S, WAIT_S_MAX
from tests.peopled import HOST, Peopled
from tests.running import PASSWORD


@contextlib.contextmanager
def submission(ours: Peopled, login: str) -> Iterator[smtplib.SMTP]:
    """A session of a user of ours."""
    with smtplib.SMTP_SSL(HOST, ours.ports["submissions"], CLIENT, context=ours.trust) as smtp:
        smtp.login(login, PASSWORD)
        yield smtp


def inbox(server: Peopled, login: str) -> list[bytes]:
    """Every message of an account, as it was stored."""
    with server.imap(login) as imap:
        if imap.select(readonly=True)[1] == [b"0"]:
            return []
        fetched = imap.fetch("1:*", "(RFC822)")[1]
        return [part[1] for part in fetched if isinstance(part, tuple)]


def awaited(server: Peopled, login: str, mark: bytes, besides: bytes = b"") -> bytes:
    """The one message that holds these bytes, once it is there. Raises AssertionError."""
    deadline = time.monotonic() + WAIT_S_MAX
    while not (found := [raw for raw in inbox(server, login) if mark in raw and besides in raw]):
        assert time.monotonic() < deadline, f"no {mark!r} in {login}: {server.running.output.read_text()[-3000:]}"
        time.sleep(LOOK_S)
    (message,) = found
    return message


def told(report: bytes) -> tuple[Message, list[Message]]:
    """The fields of a report about the message, and those about each recipient (RFC 3464 2.1)."""
    for part in email.message_from_bytes(report).walk():
        if part.get_content_type() == "message/delivery-status":
            about, *recipients = (one for one in part.get_payload() if isinstance(one, Message) and one.keys())
            return about, recipients
    raise AssertionError(f"no report: {report[:2000]!r}")


def typed(value: str) -> str:
    """What a field such as `rfc822; somebody@there` says behind its type."""
    return value.partition(";")[2].strip()
