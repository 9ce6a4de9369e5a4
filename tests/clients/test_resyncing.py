"""mutt and neomutt with a cache of headers, CONDSTORE and QRESYNC: after each round they know just what is there.

What such a client believes is asked of itself: it files copies of what it takes for flagged, read or there at all.
"""

import imaplib
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.muttlike import Muttlike
from tests.peopled import Peopled, message

RESYNCING = "set imap_condstore = yes\nset imap_qresync = yes\n"
# ~A is all, ~F what is flagged, ~O and ~N what is not read. What is chosen is copied with one command.
BELIEFS = {"all": "~A", "flagged": "~F", "unread": "(~N|~O)"}


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.part(name)) for name in ("mutt", "neomutt")])
def client(
    request: pytest.FixtureRequest, program: Callable[[str], Path], tmp_path: Path, server: Peopled, login: str
) -> Muttlike:
    """One that keeps what it knows."""
    return Muttlike(program(request.param), tmp_path, server, login, "imaps", more=RESYNCING)


def _believed(client: Muttlike, server: Peopled, login: str) -> tuple[dict[str, list[str]], str]:
    """What the client takes for there, flagged and unread; and what it said to the server."""
    with server.imap(login) as imap:
        for name in BELIEFS:
            imap.create(name)
    keys = "".join(
        f"<untag-pattern>~A<enter><tag-pattern>{pattern}<enter><tag-prefix-cond><copy-message>={name}<enter><end-cond>"
        for name, pattern in BELIEFS.items()
    )
    said = client.press(keys)
    with server.imap(login) as imap:
        found = {name: sorted(_subjects(imap, name)) for name in BELIEFS}
        for name in BELIEFS:
            imap.delete(name)
    return found, said


def _truth(server: Peopled, login: str) -> dict[str, list[str]]:
    with server.imap(login) as imap:
        return {
            name: sorted(_subjects(imap, "INBOX", criterion))
            for name, criterion in (("all", "ALL"), ("flagged", "FLAGGED"), ("unread", "UNSEEN"))
        }


def _subjects(imap: imaplib.IMAP4, mailbox: str, criterion: str = "ALL") -> Iterator[str]:
    imap.select(mailbox, readonly=True)
    for number in imap.search(None, criterion)[1][0].split():
        (row, *_) = imap.fetch(number.decode(), "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
        assert isinstance(row, tuple)
        yield row[1].decode().partition(":")[2].strip()


def test_it_knows_what_changed_while_it_was_away(server: Peopled, login: str, client: Muttlike) -> None:
    for number in range(8):
        server.deliver(message(f"letter {number}"), login)
    assert _believed(client, server, login)[0] == _truth(server, login)
    for turn in range(3):
        with server.imap(login) as imap:
            imap.select()
            imap.store("1:2", "+FLAGS", r"(\Flagged \Seen)" if turn else r"(\Flagged)")
            imap.store("3", "-FLAGS", r"(\Flagged)")
            imap.store("4,6", "+FLAGS", r"(\Deleted)")
            imap.expunge()
            offered = "QRESYNC" in imap.capabilities
        for number in range(2):
            server.deliver(message(f"letter {turn}.{number}"), login)
        believed, said = _believed(client, server, login)
        assert believed == _truth(server, login), said[-5000:]
        assert "SELECT" in said
        assert (re.search(r"SELECT \"?INBOX\"? \(QRESYNC", said) is not None) is offered, said[-5000:]


def test_what_it_does_itself_is_done(server: Peopled, login: str, client: Muttlike) -> None:
    for number in range(6):
        server.deliver(message(f"letter {number}"), login)
    client.press("<first-entry><flag-message>2<enter><delete-message>3<enter><flag-message>")
    assert _truth(server, login)["flagged"] == ["letter 0", "letter 2"]
    with server.imap(login) as imap:
        imap.select()
        imap.store("1", "-FLAGS", r"(\Flagged)")
    client.press("<last-entry><delete-message>")
    believed, _said = _believed(client, server, login)
    assert believed == _truth(server, login)
    assert believed["all"] == [f"letter {number}" for number in (0, 2, 3, 4)]
    assert believed["flagged"] == ["letter 2"]
