"""mutt reads, copies, saves, deletes and sends."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.muttlike import Muttlike
from tests.peopled import Peopled, message

pytestmark = pytest.mark.part("mutt")


@pytest.fixture
def begin(program: Callable[[str], Path], tmp_path: Path, server: Peopled, login: str) -> Callable[[str], Muttlike]:
    """mutt for this test's account, with `imap` (STARTTLS) or `imaps`."""
    return lambda scheme: Muttlike(program("mutt"), tmp_path, server, login, scheme)


@pytest.mark.parametrize("scheme", ["imap", "imaps"])
def test_a_mailbox_is_read_filed_and_emptied(
    server: Peopled, login: str, begin: Callable[[str], Muttlike], scheme: str
) -> None:
    for number in range(1, 5):
        server.deliver(message(f"letter {number}"), login)
    begin(scheme).press(
        "<first-entry><display-message><exit>"  # 1 is read
        "2<enter><copy-message>=Archive<enter>"
        "3<enter><save-message>=kept/here<enter>"
        "4<enter><delete-message>"
    )
    with server.imap(login) as imap:
        imap.select()
        assert imap.search(None, "ALL")[1] == [b"1 2"]
        assert imap.search(None, "SEEN")[1] == [b"1"]
        for box, subject in (("Archive", b"letter 2"), ("kept/here", b"letter 3")):
            assert imap.select(box) == ("OK", [b"1"])
            fetched = imap.fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1][0]
            assert isinstance(fetched, tuple)
            assert subject in fetched[1]


def test_a_message_is_sent_and_filed(server: Peopled, login: str, begin: Callable[[str], Muttlike]) -> None:
    begin("imaps").send("From mutt", "Grüße\n.\nfrom a dot\n", login)
    with server.imap(login) as imap:
        for box in ("INBOX", "Sent"):
            assert imap.select(box) == ("OK", [b"1"])
            assert imap.search("UTF-8", "SUBJECT", '"From mutt"', "BODY", '"from a dot"')[1] == [b"1"]
