"""What our users send to users of other servers."""

import pytest

from tests.peers import texts
from tests.peers.conftest import Neighbourhood, everything, of
from tests.peers.exim import Exim
from tests.peers.letters import awaited, submission, told, typed
from tests.peers.opensmtpd import OpenSmtpd
from tests.peers.peer import Peer
from tests.peers.postfix import Postfix
from tests.peopled import Peopled


@pytest.fixture(scope="module")
def login(neighbourhood: Neighbourhood) -> str:
    """One user sends all: there are more tests than accounts."""
    return neighbourhood.ours.account()


def as_maildir(raw: bytes) -> bytes:
    """With the line ends that a Maildir has."""
    return raw.replace(b"\r\n", b"\n")


@pytest.mark.parametrize("by_data", [False, True])
@pytest.mark.parametrize(("peer", "name"), everything(), indirect=["peer"])
def test_a_message_arrives_as_it_was_sent(peer: Peer, ours: Peopled, login: str, name: str, *, by_data: bool) -> None:
    text, to = texts.ALL[name], peer.address(by_data=by_data)
    mark, raw = text.letter(login, to)
    with submission(ours, login) as smtp:
        smtp.sendmail(login, [to], raw, mail_options=[*text.options])
    stored = peer.received(mark)
    assert stored.endswith(as_maildir(raw))
    assert b"from mx.example.test " in stored or b"helo=mx.example.test" in stored
    theirs = stored.partition(b"Received:")[2].partition(b"Received:")[0]  # the first such field is the peer's
    assert (b"smtps" in theirs.lower()) == peer.has_tls, theirs


@pytest.mark.parametrize("peer", [of(OpenSmtpd)], indirect=True)
def test_a_header_in_utf_8_comes_back_from_who_has_no_smtputf8(peer: Peer, ours: Peopled, login: str) -> None:
    text = texts.ALL["UTF-8 header"]
    mark, raw = text.letter(login, peer.address())
    with submission(ours, login) as smtp:
        smtp.sendmail(login, [peer.address()], raw, mail_options=[*text.options])
    (ann,) = told(awaited(ours, login, mark))[1]
    assert (ann["Action"], ann["Status"]) == ("failed", "5.6.7")


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
    assert peer.unknown_words in " ".join(zoe["Diagnostic-Code"].split())
    assert raw in report  # RET=FULL: all of it came back


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


@pytest.mark.parametrize("peer", [of(Postfix), of(Exim)], indirect=True)
def test_where_reports_end_is_told_by_us(peer: Peer, ours: Peopled, login: str) -> None:
    """To a server without DSN: relayed (RFC 3461 5.2.2)."""
    to = peer.address(by_data=True)
    mark, raw = texts.ALL["plain"].letter(login, to)
    with submission(ours, login) as smtp:
        smtp.sendmail(login, [to], raw, mail_options=["RET=HDRS"], rcpt_options=["NOTIFY=SUCCESS"])
    assert peer.received(mark).endswith(as_maildir(raw))
    about, (ann,) = told(awaited(ours, login, b"Action:", mark))
    assert (ann["Action"], typed(ann["Final-Recipient"])) == ("relayed", to)
    assert typed(about["Reporting-MTA"]) == "mx.example.test"
