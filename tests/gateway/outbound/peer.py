"""Servers on loopback for the tests of outgoing mail: one that behaves, with what it offers and refuses set by the
test, and one that says what it likes."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Peer:
    """`answers`: replies by the beginning of a command, in place of the usual; END is that to a message."""

    def __init__(
        self,
        *offers: str,
        answers: dict[str, str] | None = None,
        greeting: str = "220 peer.example ready",
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        lmtp: bool = False,
        hang_up_after: int = 0,
    ) -> None:
        self.offers = list(offers)
        self.answers = answers or {}
        self.greeting = greeting
        self.messages: list[tuple[str, tuple[str, ...], bytes]] = []
        self.commands: list[str] = []
        self.connections = 0
        self.clients: list[str] = []
        self.port = 0
        self._tls = tls
        self._implicit = implicit
        self._lmtp = lmtp
        self._hang_up_after = hang_up_after  # messages, then the connection is closed without a word
        self._writers: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    async def start(self, handler: Handler | None = None, path: str = "") -> None:
        """Listen, on a path or on loopback."""
        handle = handler or self._serve
        context = self._tls if self._implicit else None
        if path:
            self._server = await asyncio.start_unix_server(handle, path)
            return
        self._server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context, limit=1 << 22)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close all."""
        assert self._server is not None
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        peername = writer.get_extra_info("peername")
        self.clients += [peername[0]] if peername else []
        self._writers.append(writer)
        try:
            await self._talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secure, sender, taken, count = self._implicit, "", [""], 0
        writer.write(self.greeting.encode() + b"\r\n")
        while line := (await reader.readline()).decode("utf-8", "replace").rstrip("\r\n"):
            self.commands.append(line)
            verb = line.split(":")[0].split(" ")[0].upper()
            special = next((reply for begin, reply in self.answers.items() if line.startswith(begin)), None)
            if verb == "BDAT":
                body = await reader.readexactly(int(line.split()[1]))
                count += self._end(writer, sender, taken, body)
            elif special is not None:
                writer.write(special.encode() + b"\r\n")
                if special.startswith("421"):
                    return
            elif verb in ("EHLO", "LHLO"):
                offers = self.offers + (["STARTTLS"] if self._tls and not secure else [])
                lines = ["peer.example", *offers]
                writer.write("".join(f"250{'-' if one is not lines[-1] else ' '}{one}\r\n" for one in lines).encode())
            elif verb == "STARTTLS":
                assert self._tls is not None
                writer.write(b"220 go\r\n")
                await writer.drain()
                await writer.start_tls(self._tls)
                secure = True
            elif verb == "MAIL":
                sender, taken = line, []
                writer.write(b"250 2.1.0 Ok\r\n")
            elif verb == "RCPT":
                taken.append(line)
                writer.write(b"250 2.1.5 Ok\r\n")
            elif verb == "DATA" and taken:
                writer.write(b"354 go\r\n")
                body = await reader.readuntil(b"\r\n.\r\n")
                count += self._end(writer, sender, taken, body[:-3].replace(b"\r\n..", b"\r\n."))
            else:
                writer.write({"QUIT": b"221 bye\r\n", "DATA": b"503 no\r\n"}.get(verb, b"250 Ok\r\n"))
                if verb == "QUIT":
                    return
            if self._hang_up_after and count >= self._hang_up_after:
                await writer.drain()
                return

    def _end(self, writer: asyncio.StreamWriter, sender: str, taken: list[str], body: bytes) -> int:
        if not taken:
            writer.write(b"503 5.5.1 nobody\r\n")
            return 0
        reply = self.answers.get("END", "250 2.0.0 taken")
        for _ in taken if self._lmtp else taken[:1]:
            writer.write(reply.encode() + b"\r\n")
        if reply.startswith("2"):
            self.messages.append((sender, tuple(taken), body))
        return 1
