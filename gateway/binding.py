"""What a TLS connection can be bound by (RFC 5929), for SCRAM-SHA-256-PLUS.

tls-server-end-point is of the certificate, tls-unique of the connection and of TLS 1.2 only. tls-exporter (RFC 9266),
which TLS 1.3 has instead, cannot be had from Python's ssl; a client that insists on it is refused, and told so.
"""

import asyncio
import ssl

from cluster.certificates import ServerContext
from mail.sasl import Binding


def bindings(transport: asyncio.BaseTransport, context: ssl.SSLContext | None) -> tuple[Binding, ...]:
    """The bindings of a connection whose handshake is done, with the server's context; none without TLS."""
    tls = transport.get_extra_info("ssl_object")
    if tls is None or not can_bind(context):
        return ()
    assert isinstance(context, ServerContext)
    found = [Binding("tls-server-end-point", context.end_point)]
    unique = tls.get_channel_binding("tls-unique") if tls.version() == "TLSv1.2" else None
    if unique:
        found.append(Binding("tls-unique", unique))
    return tuple(found)


def can_bind(context: ssl.SSLContext | None) -> bool:
    """Whether connections with this context have a binding."""
    return isinstance(context, ServerContext) and bool(context.end_point)
