"""POP3 behind a relay: the header in front of TLS, and the client's address in the log and in the limit."""

import asyncio
import socket
import ssl
from pathlib import Path

from cluster.certificates import server_context
from gateway.pop3.server import Pop3Server
from gateway.proxy import relays
from tests.unit.gateway.pop3.world import World
from tests.unit.mail.proxy.test_header import V4, v2


async def test_the_header_comes_before_tls(world: World, certificate: Path) -> None:
    server = Pop3Server(world.pop3, server_context(certificate, certificate))
    sock = socket.create_server(("127.0.0.1", 0))
    sock.setblocking(False)
    port = sock.getsockname()[1]
    await server.listen(sock, implicit_tls=True, behind=relays(["127.0.0.1"]))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(v2(V4))
    await writer.start_tls(ssl.create_default_context(cafile=certificate), server_hostname="127.0.0.1")
    assert (await reader.readline()).startswith(b"+OK")
    (opened,) = [line for line in world.log.lines if line["event"] == "pop3.open"]
    assert (opened["ip"], opened["tls"]) == ("192.0.2.7", True)
    writer.close()
    await server.close()
