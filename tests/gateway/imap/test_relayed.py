"""IMAP behind a relay: the header in front of TLS, and the client's address in the log and in the limit."""

import asyncio
import socket
import ssl
from pathlib import Path

from cluster.certificates import server_context
from gateway.imap.server import ImapServer
from gateway.proxy import relays
from tests.unit.gateway.imap.world import World
from tests.unit.mail.proxy.test_header import V4, v2


async def test_the_header_comes_before_tls(certificate: Path) -> None:
    async with World(connections_per_ip_max=1, mechanisms=("SCRAM-SHA-256-PLUS", "PLAIN")) as world:
        server = ImapServer(world.services, server_context(certificate, certificate))
        sock = socket.create_server(("127.0.0.1", 0))
        sock.setblocking(False)
        port = sock.getsockname()[1]
        await server.listen(sock, implicit_tls=True, behind=relays(["127.0.0.1"]))
        trust = ssl.create_default_context(cafile=certificate)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(v2(V4))
        await writer.start_tls(trust, server_hostname="127.0.0.1")
        assert b"AUTH=SCRAM-SHA-256-PLUS" in await reader.readline()
        (connection,) = server._connections
        assert connection.ip == "192.0.2.7"
        second, again = await asyncio.open_connection("127.0.0.1", port)
        again.write(v2(V4))
        await again.start_tls(trust, server_hostname="127.0.0.1")
        assert (await second.readline()).startswith(b"* BYE [LIMIT] Too many connections from your address")
        for one in (writer, again):
            one.close()
        await server.close()
