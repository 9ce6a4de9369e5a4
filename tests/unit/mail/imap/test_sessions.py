"""Commands after which what follows means something else."""

from mail.imap.commands import Compress, Unauthenticate
from mail.imap.events import Command
from tests.unit.mail.imap.driver import parsed


def test_compress() -> None:
    assert parsed(b"a compress deflate\r\n") == [Command(b"a", Compress("DEFLATE"))]


def test_unauthenticate() -> None:
    assert parsed(b"a unauthenticate\r\n") == [Command(b"a", Unauthenticate())]
