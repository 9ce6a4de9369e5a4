"""What EHLO offers by rule, over real TLS: as each connection is, and as it becomes."""

import asyncio
import ssl
from pathlib import Path

import pytest

from cluster.certificates import server_context
from cluster.hosting.sockets import listen
from gateway.smtp.server import SmtpServer
from mail.smtp.states import Role
from tests.gateway.smtp.test_server import read_reply
from tests.unit.gateway.smtp.fakes import Fakes
from tests.unit.gateway.smtp.test_offering import BY_RULE, ruled


async def test_rules_know_what_a_connection_has_become(certificate: Path, client_tls: ssl.SSLContext) -> None:
    fakes = ruled(BY_RULE.replace("192.0.2.0/24", "127.0.0.0/8"))
    server = SmtpServer(fakes.world, fakes.metrics, tls=server_context(certificate, certificate))
    sock = listen("127.0.0.1", 0)
    port = sock.getsockname()[1]
    await server.listen(sock, Role.SUBMISSION, "starttls")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def say(line: str) -> str:
        writer.write(line.encode() + b"\r\n")
        return await read_reply(reader)

    await read_reply(reader)
    clear = await say("EHLO old.test")
    assert "SIZE 1000\r\n" in clear
    assert "CHUNKING" not in clear
    assert "DSN" not in clear
    assert (await say("MAIL FROM:<x@y.test>")).startswith("530 5.7.0 ")
    await say("STARTTLS")
    await writer.start_tls(client_tls, server_hostname="127.0.0.1")
    secret = await say("EHLO many.test")
    assert all(f"{word}\r\n" in secret for word in ("AUTH PLAIN", "DSN", "CHUNKING", "LIMITS RCPTMAX=500"))
    assert (await say("AUTH PLAIN AGFsaWNlQGV4YW1wbGUudGVzdABkZW1v")).startswith("235 ")
    assert (await say("MAIL FROM:<alice@example.test> SIZE=2000")).startswith("250 ")
    writer.close()
    await server.close()


def test_rules_without_anybody_to_ask_them_are_a_mistake() -> None:
    fakes = ruled(BY_RULE)
    bare = SmtpServer(Fakes().world, fakes.metrics, tls=None)
    assert bare._offering(Role.SMTP, "none").is_plain
    object.__setattr__(fakes.world, "keepers", None)
    with pytest.raises(ValueError, match="need keepers"):
        SmtpServer(fakes.world, Fakes().metrics, tls=None)._offering(Role.SMTP, "none")
