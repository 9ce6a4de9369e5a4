"""Every POP3 command of Python's poplib, over TLS from the first byte and after STLS."""

import base64
import poplib

import pytest

from tests.peopled import HOST, Peopled, message
from tests.running import PASSWORD

RAW = message("to fetch", "one\r\n.two\r\n..\r\n\r\nfive\r\n")


def test_poplib_speaks_every_command(server: Peopled, login: str) -> None:
    for _ in range(3):
        server.deliver(RAW, login)
    pop = poplib.POP3_SSL(HOST, server.ports["pop3s"], context=server.trust)
    assert pop.getwelcome() == b"+OK Rookery ready"
    assert pop.capa().keys() >= {"TOP", "UIDL", "USER", "SASL", "UTF8", "PIPELINING", "EXPIRE"}
    assert pop.utf8().startswith(b"+OK")
    assert pop.user(login).startswith(b"+OK")
    assert pop.pass_(PASSWORD).startswith(b"+OK 3 messages")
    count, total = pop.stat()
    _, listed, _ = pop.list()
    sizes = [int(line.split()[1]) for line in listed]
    assert (count, total) == (3, sum(sizes))
    second: object = pop.list(2)
    assert second == b"+OK 2 %d" % sizes[1]
    unique = [line.split()[1] for line in pop.uidl()[1]]
    assert len(set(unique)) == 3
    assert pop.uidl(3) == b"+OK 3 " + unique[2]
    _, lines, octets = pop.retr(1)
    assert octets == sizes[0]
    assert b"".join(line + b"\r\n" for line in lines).endswith(RAW)
    top = pop.top(1, 2)[1]
    assert top[-3:] == [b"", b"one", b".two"]
    assert top == lines[: len(top)]
    assert pop.noop().startswith(b"+OK")
    assert pop.dele(1).startswith(b"+OK")
    assert pop.rset().startswith(b"+OK 3 messages")
    assert pop.dele(2).startswith(b"+OK")
    with pytest.raises(poplib.error_proto, match="marked as deleted"):
        pop.retr(2)
    assert pop.quit().startswith(b"+OK")

    again = poplib.POP3_SSL(HOST, server.ports["pop3s"], context=server.trust)
    again.user(login)
    again.pass_(PASSWORD)
    assert [line.split()[1] for line in again.uidl()[1]] == [unique[0], unique[2]]
    again.quit()


def test_poplib_through_stls(server: Peopled, login: str) -> None:
    pop = poplib.POP3(HOST, server.ports["pop3"])
    assert "STLS" in pop.capa()
    assert "USER" not in pop.capa()
    with pytest.raises(poplib.error_proto, match="AUTH"):
        pop.user(login)
    assert pop.stls(server.trust).startswith(b"+OK")
    assert "STLS" not in pop.capa()
    with pytest.raises(poplib.error_proto, match=r"\[AUTH\]"):
        pop._shortcmd("AUTH PLAIN " + base64.b64encode(f"\0{login}\0wrong".encode()).decode())  # type: ignore[attr-defined]
    pop.user(login)
    assert pop.pass_(PASSWORD) == b"+OK 0 messages (0 octets)"
    assert pop.stat() == (0, 0)
    assert pop.list()[1] == []
    pop.quit()
