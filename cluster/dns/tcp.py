"""One question over TCP (RFC 7766): for answers that do not fit a datagram.

The law: a server can hold a question for its time, and no more than one message of 64 kB.
"""

import asyncio
import struct

from cluster.dns.codec import is_answer, is_truncated, query
from cluster.dns.settings import Server


async def ask(server: Server, ident: int, question: bytes, *, dnssec: bool, timeout_s: float) -> bytes:
    """The bytes of the answer. Raises OSError, EOFError, TimeoutError, ValueError (no answer to this question)."""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(server.host, server.port)
            message = query(ident, question, dnssec=dnssec)
            writer.write(struct.pack("!H", len(message)) + message)
            (size,) = struct.unpack("!H", await reader.readexactly(2))
            data = await reader.readexactly(size)
    finally:
        if writer is not None:
            writer.transport.abort()
    if not is_answer(data, question) or data[:2] != message[:2] or is_truncated(data):
        raise ValueError("no answer to what was asked")
    return data
