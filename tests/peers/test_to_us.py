"""What users of other servers send to ours, through their servers."""

import re

import pytest

from tests.peers import texts
from tests.peers.conftest import everything, of
from tests.peers.exim import Exim
from tests.peers.letters import awaited, told, typed
from tests.peers.peer import Peer
from tests.peers.postfix import Postfix
from tests.peers.smuggling import ENDS, comes_in_once
from tests.peopled import Peopled
from tests.running import DOMAIN


@pytest.mark.parametrize(("peer", "name"), everything(), indirect=["peer"])
def test_a_message_arrives_as_it_was_sent(peer: Peer, ours: Peopled, login: str, name: str) -> None:
    text = texts.ALL[name]
    mark, raw = text.letter(peer.address(), login)
    with peer.client() as smtp:
        smtp.sendmail(peer.address(), [login], raw, mail_options=[*text.options])
    stored = awaited(ours, login, mark)
    assert stored.endswith(raw)
    assert re.search(rb"Received: from mx.%b " % peer.domain.encode(), stored)
    assert b"with ESMTPS" in stored or b"with UTF8SMTPS" in stored


@pytest.mark.parametrize("peer", [of(Exim)], indirect=True)
def test_exim_sends_in_chunks(peer: Peer, ours: Peopled, login: str) -> None:
    """K in Exim's log: CHUNKING was used. The others never send so."""
    mark, raw = texts.ALL["dots"].letter(peer.address(), login)
    with peer.client() as smtp:
        smtp.sendmail(peer.address(), [login], raw)
    awaited(ours, login, mark)
    log = peer.world.log / "exim/main"
    (line,) = peer.awaited(lambda: re.findall(rb"=> %b .*" % login.encode(), log.read_bytes()), "line of the log")
    assert b" K C=" in line


def test_their_server_tells_who_is_not_here(peer: Peer, ours: Peopled) -> None:
    mark, raw = texts.ALL["plain"].letter(peer.address(), f"nobody@{DOMAIN}")
    with peer.client() as smtp:
        smtp.sendmail(peer.address(), [f"nobody@{DOMAIN}"], raw)
    report = peer.received(mark)
    assert b"5.1.1" in report
    assert f"nobody@{DOMAIN}".encode() in report
    assert b"No such user here" in report


def test_success_is_reported_where_it_was_asked_for(peer: Peer, ours: Peopled, login: str) -> None:
    """The peer hands NOTIFY on, and the report is ours (RFC 3461 5.2)."""
    mark, raw = texts.ALL["plain"].letter(peer.address(), login)
    with peer.client() as smtp:
        smtp.sendmail(
            peer.address(),
            [login],
            raw,
            mail_options=["RET=HDRS", "ENVID=of-a-test"],
            rcpt_options=["NOTIFY=SUCCESS", f"ORCPT=rfc822;{login}"],
        )
    awaited(ours, login, mark)
    about, (one,) = told(peer.received(b"Reporting-MTA: dns; mx.example.test"))
    assert one["Action"] == "delivered"
    assert typed(one["Final-Recipient"]) == login
    assert about["Original-Envelope-Id"] == "of-a-test"


@pytest.mark.parametrize("peer", [of(Postfix), of(Exim)], indirect=True)
def test_what_would_be_two_messages_elsewhere_is_one_or_comes_back(peer: Peer, ours: Peopled, login: str) -> None:
    comes_in_once(ours, login, peer, ENDS)
