"""What Cyrus is told."""

import re
from pathlib import Path

from ops.bench.cyrus import Cyrus, appended
from ops.bench.peers import Ports
from ops.bench.varied import Mailbox


def test_letters_are_appended_together_with_when_they_came() -> None:
    mailbox = Mailbox(5)
    command = appended(mailbox, [mailbox.letter(1), mailbox.letter(2)])
    assert command.startswith(b'APPEND INBOX "')
    assert len(re.findall(rb'"[0-3]\d-[A-Z][a-z]{2}-20\d\d [\d:]{8} \+0000" {\d+\+}\r\n', command)) == 2
    for letter in (mailbox.letter(1), mailbox.letter(2)):
        raw = mailbox.raw(letter)
        assert b"{%d+}\r\n%b" % (len(raw), raw) in command


def test_everything_of_it_is_in_its_directory(tmp_path: Path) -> None:
    cyrus = Cyrus(tmp_path, Ports(1, 2), 3)
    paths = re.findall(r"(?<=[\s\"])/[^\s\"]+", cyrus.settings + cyrus.services)
    assert len(paths) > 10
    assert all(Path(path).is_relative_to(tmp_path) for path in paths)
    for name, port in (("https", 3), ("imap", 2), ("lmtp", 1)):
        assert re.search(rf'  {name} cmd="[^"]+" listen="127\.0\.0\.1:{port}"', cyrus.services)
