"""The chain of a handshake, as it was shown."""

import ssl
from pathlib import Path

import pytest

from gateway.outbound.peer import chain_of
from tests.authorities import Certified


def handshake(folder: Path, server: Certified) -> ssl.SSLObject:
    """A client's session, without a network; the client trusts nobody."""
    accepting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    accepting.load_cert_chain(*server.write(folder))
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = asking.wrap_bio(down, up, server_hostname="mx.example.test")
    other = accepting.wrap_bio(up, down, server_side=True)
    for _ in range(4):
        for end in (client, other):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    assert client.version()
    return client


def test_all_of_it_is_there(tmp_path: Path) -> None:
    server = Certified.root().authority("Between").server("mx.example.test")
    assert chain_of(handshake(tmp_path, server)) == server.chain


def test_where_python_cannot_tell_the_first_is(tmp_path: Path) -> None:
    server = Certified.root().authority("Between").server("mx.example.test")
    session = handshake(tmp_path, server)

    class Old:
        def getpeercert(self, binary_form: bool) -> object:
            return session.getpeercert(binary_form)

    assert chain_of(Old()) == [server.der]  # type: ignore[arg-type] # as much of it as an old one has


@pytest.mark.parametrize("session", [None])
def test_no_session_has_no_chain(session: None) -> None:
    assert chain_of(session) == []
