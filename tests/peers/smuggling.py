"""Ends of mail data that only some servers take for one, and who looks whether a second message came of them."""

import smtplib
import time
from collections.abc import Mapping
from typing import Final

from tests.peers import texts
from tests.peers.letters import inbox, submission
from tests.peers.peer import LOOK_S, WAIT_S_MAX, Peer
from tests.peopled import Peopled

# By the names that people give them. CRLF . CRLF is the one that is one: within BDAT it is text (RFC 3030 2).
ENDS: Final[Mapping[str, bytes]] = {
    "LF . LF": b"\n.\n",
    "LF . CRLF": b"\n.\r\n",
    "LF . CR": b"\n.\r",
    "CR . CR": b"\r.\r",
    "CR . CRLF": b"\r.\r\n",
    "CR . LF": b"\r.\n",
    "CRLF . LF": b"\r\n.\n",
    "CRLF . CR": b"\r\n.\r",
    "CRLF . CR CRLF": b"\r\n.\r\r\n",
    "CR CRLF . CRLF": b"\r\r\n.\r\n",
    "LF CR . CRLF": b"\n\r.\r\n",
    "CRLF NUL . CRLF": b"\r\n\0.\r\n",
    "CRLF . NUL CRLF": b"\r\n.\0\r\n",
    "CRLF . space CRLF": b"\r\n. \r\n",
    "CRLF . CRLF": b"\r\n.\r\n",
}


def goes_out_once(ours: Peopled, login: str, peer: Peer, ends: Mapping[str, bytes], *, by_data: bool) -> None:
    """A user of ours sends each of them to ann: she has one message of it. Raises AssertionError."""
    to = peer.address(by_data=by_data)
    with submission(ours, login) as smtp:
        marks = {name: _send(smtp, login, to, end) for name, end in ends.items()}
        last, raw = texts.ALL["plain"].letter(login, to)
        smtp.sendmail(login, [to], raw)
    peer.received(last)
    for name, mark in marks.items():
        peer.received(mark)  # one message that holds it
        found = [text for text in peer.stored() if _inner(mark) in text]
        assert len(found) == 1, name
        assert mark in found[0], f"{name}: a second message came of it: {found[0]!r}"


def comes_in_once(ours: Peopled, login: str, peer: Peer, ends: Mapping[str, bytes]) -> None:
    """A user of the peer sends each of them to ours, who has one message of it, or the peer's user has it back. Raises
    AssertionError."""
    with peer.client() as smtp:
        marks = {name: _send(smtp, peer.address(), login, end) for name, end in ends.items()}
    deadline = time.monotonic() + WAIT_S_MAX
    while left := [name for name, mark in marks.items() if not _holding(mark, inbox(ours, login), peer.stored())]:
        assert time.monotonic() < deadline, f"{left} neither came nor came back: {peer.world.told()}"
        time.sleep(LOOK_S)
    here, back = inbox(ours, login), peer.stored()
    for name, mark in marks.items():
        came = _holding(_inner(mark), here)
        assert len(came) <= 1, name
        assert all(mark in text for text in came), f"{name}: a second message came of it: {came}"
        assert came or _holding(mark, back), name


def _holding(mark: bytes, *boxes: list[bytes]) -> list[bytes]:
    return [text for box in boxes for text in box if mark in text]


def _inner(mark: bytes) -> bytes:
    return b"inner " + mark[::-1]


def _send(smtp: smtplib.SMTP, sender: str, recipient: str, end: bytes) -> bytes:
    """A message with an end in it, and what would be a second message behind that, in one chunk; its mark."""
    mark, raw = texts.ALL["plain"].letter(sender, recipient)
    again = f"MAIL FROM:<{sender}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\nFrom: <{sender}>\r\nSubject: ".encode()
    raw += b"before" + end + again + _inner(mark) + b"\r\n\r\nsmuggled\r\n.\r\nQUIT\r\n"
    assert smtp.mail(sender)[0] == 250
    assert smtp.rcpt(recipient)[0] == 250
    smtp.send(b"BDAT %d LAST\r\n%b" % (len(raw), raw))
    code, said = smtp.getreply()
    assert code == 250, (end, said)
    return mark
