"""The commands, and what cannot be one."""

import pytest

from mail.smtp.client.capabilities import Capabilities
from mail.smtp.client.envelope import BadAddress, Sender, Target, mail_command, rcpt_command, to_ascii, xtext

ALL = Capabilities(
    extended=True, size=True, eightbit=True, smtputf8=True, dsn=True, requiretls=True, priority=True, deliver_by=True
)


@pytest.mark.parametrize(
    ("address", "fine"),
    [
        ("a@b.c", True),
        ("", True),
        ('"a b"@c.d', True),
        ('"a>b"@c.d', True),
        ("ü@bücher.example", True),
        ("a b@c.d", False),
        ("a>b@c.d", False),
        ("a@b\r\nRSET", False),
        ('"a\r\n"@b.c', False),
        ("a\u2028b@c", False),
        ("a\x00@c", False),
    ],
)
def test_addresses(address: str, fine: bool) -> None:
    if fine:
        assert mail_command(Sender(address=address), ALL, authenticated=False) == f"MAIL FROM:<{address}>\r\n".encode()
        assert rcpt_command(Target(address), ALL, smtputf8=True) == f"RCPT TO:<{address}>\r\n".encode()
    else:
        with pytest.raises(BadAddress):
            mail_command(Sender(address=address), ALL, authenticated=False)
        with pytest.raises(BadAddress):
            rcpt_command(Target(address), ALL, smtputf8=True)


def test_late_is_told_within_its_digits() -> None:
    said = mail_command(Sender(by_s=-(10**12), by_mode="N"), ALL, authenticated=False)
    assert said == b"MAIL FROM:<> BY=-999999999;N\r\n"


@pytest.mark.parametrize(
    ("orcpt", "utf8", "said"),
    [
        ("rfc822;a+b@c", False, "rfc822;a+2Bb@c"),
        ("rfc822;ü@c", False, "utf-8;\\x{FC}@c"),
        ("utf-8;ü\\@c", True, "utf-8;ü\\x{5C}@c"),
        ("utf-8;\u2028@c", True, "utf-8;\\x{2028}@c"),
    ],
)
def test_original_recipients(orcpt: str, utf8: bool, said: str) -> None:
    line = rcpt_command(Target("x@y", orcpt=orcpt), ALL, smtputf8=utf8)
    assert line.decode() == f"RCPT TO:<x@y> ORCPT={said}\r\n"


def test_xtext() -> None:
    assert xtext("a=b c+~") == "a+3Db+20c+2B~"


def test_to_ascii() -> None:
    assert to_ascii("a@b.c") == "a@b.c"
    assert to_ascii("a@bücher.example") == "a@xn--bcher-kva.example"
    for bad in ("ü@b.c", "a@\u2028.c", "a@" + "ü" * 70):
        with pytest.raises(BadAddress):
            to_ascii(bad)
