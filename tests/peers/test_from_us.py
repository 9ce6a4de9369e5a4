"""What our users send to users of other servers."""

import contextlib
import smtplib
from collections.abc import Iterator

import pytest

from tests.peers import texts
from tests.peers.letters import awaited, told, typed
from tests.peers.peer import CLIENT, Peer
from tests.peopled import HOST, Peopled
from tests.running import PASSWORD


@contextlib.contextmanager
def submission(ours: Peopled, login: str) -> Iterator[smtplib.SMTP]:
    """A session of a user of ours."""
    with smtplib.SMTP_SSL(HOST, ours.ports["submissions"], CLIENT, context=ours.trust) as smtp:
        smtp.login(login, PASSWORD)
        yield smtp


def as_maildir(raw: bytes) -> bytes:
    """With the line ends that a Maildir has."""
    return raw.replace(b"\r\n", b"\n")


@pytest.mark.parametrize("name", texts.ALL)
def test_a_message_arrives_as_it_was_sent(peer: Peer, ours: Peopled, login: str, name: str) -> None:
    text = texts.ALL[name]
    if text.options.keys() & {"SMTPUTF8"} and not peer.can.smtputf8:
        pytest.skip(f"{peer.name} has no SMTPUTF8: the next test")
    mark, raw = text.letter(login, peer.address())
    with submission(ours, login) as smtp:
        smtp.sendmail(login, [peer.address()], raw, mail_options=[*text.options])
    stored = peer.received(mark)
    assert stored.endswith(as_maildir(raw))
    assert b"from mx.example.test " in stored or b"helo=mx.example.test" in stored
    theirs = stored.partition(b"Received:")[2].partition(b"Received:")[0]  # the first such field is the peer's
    assert (b"smtps" in theirs.lower()) == peer.has_tls, theirs


def test_who_is_not_there_comes_back_with_their_words(peer: Peer, ours: Peopled, login: str) -> None:
    mark, raw = texts.ALL["plain"].letter(login, peer.address("zoe"))
    with submission(ours, login) as smtp:
        smtp.sendmail(login, [peer.address("zoe")], raw, mail_options=["RET=FULL", "ENVID=of-a-test"])
    report = awaited(ours, login, mark)
    about, (zoe,) = told(report)
    assert about["Original-Envelope-Id"] == "of-a-test"
    assert typed(about["Reporting-MTA"]) == "mx.example.test"
    assert zoe["Action"] == "failed"
    assert typed(zoe["Final-Recipient"]) == peer.address("zoe")
    assert peer.unknown_words in zoe["Diagnostic-Code"]
    assert report.endswith(b"\r\n") and raw in report  # RET=FULL: all of it came back


def test_one_of_two_is_not_there(peer: Peer, ours: Peopled, login: str) -> None:
    mark, raw = texts.ALL["plain"].letter(login, peer.address())
    with submission(ours, login) as smtp:
        smtp.sendmail(login, [peer.address("ann"), peer.address("zoe"), peer.address("ben")], raw)
    assert peer.received(mark, "ann").endswith(as_maildir(raw))
    assert peer.received(mark, "ben").endswith(as_maildir(raw))
    (zoe,) = told(awaited(ours, login, mark))[1]
    assert (zoe["Action"], typed(zoe["Final-Recipient"])) == ("failed", peer.address("zoe"))


def test_success_is_told_by_the_peer(peer: Peer, ours: Peopled, login: str) -> None:
    """We hand NOTIFY, ORCPT and ENVID on, and make no report of our own (RFC 3461 5.2.1)."""
    mark, raw = texts.ALL["plain"].letter(login, peer.address())
    with submission(ours, login) as smtp:
        smtp.sendmail(
            login,
            [peer.address()],
            raw,
            mail_options=["RET=HDRS", "ENVID=of-a-test"],
            rcpt_options=["NOTIFY=SUCCESS", f"ORCPT=rfc822;{peer.address()}"],
        )
    peer.received(mark)
    about, (ann,) = told(awaited(ours, login, b"Action:", mark))
    assert ann["Action"] == "delivered"
    assert typed(about["Reporting-MTA"]) == f"mx.{peer.domain}"
    if peer.name != "opensmtpd":  # which leaves it out
        assert about["Original-Envelope-Id"] == "of-a-test"
