"""The gateways of one process, put together over a Core: the same in `alone` and in a cluster.

The law: ports are bound before root is given up and before any data is opened; a gateway that closes finishes what it
promised, all of them at once, so that a sender who takes its time keeps nobody waiting.
"""

import asyncio
import datetime as dt
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import structlog

from actors.throttle.client import ThrottleClient
from cluster.certificates import self_signed, server_context
from cluster.clock import Dice
from cluster.errors import Misconfigured
from cluster.hosting.sockets import listen
from cluster.meta.store import Store, Transaction
from cluster.observe.metrics import serve_metrics
from gateway.access.server import Server as AccessServer
from gateway.imap.metrics import Metrics as ImapMetrics
from gateway.imap.parts import Services as ImapServices
from gateway.imap.server import ImapServer
from gateway.jmap.parts import Sending
from gateway.logins import CountedLogins, Logins
from gateway.pop3.metrics import Metrics as Pop3Metrics
from gateway.pop3.parts import Services as Pop3Services
from gateway.pop3.server import Pop3Server
from gateway.proxy import relays
from gateway.smtp.metrics import Metrics as SmtpMetrics
from gateway.smtp.server import SmtpServer
from gateway.smtp.submitting import Submissions
from mail.smtp.states import Role
from ops.admin.server import AdminServer
from ops.admin.signing import Shown
from ops.core import Core
from ops.intake import world
from ops.pushing import Pushing
from ops.reporting import reporting
from ops.rules import Ruling
from ops.settings import Listener, Settings
from ops.web import web_server

TLS_FOLDER: Final = "tls"  # of the data directory, where a certificate is made when none is given
CERTIFICATE: Final = "certificate.pem"
SASL_SECRET: Final = b"s/sasl"  # hides which logins exist; the same over restarts
SASL_SECRET_BYTES: Final = 32

Bound = tuple[Listener, socket.socket]


def bind(listeners: Sequence[Listener], *, shared: bool = False) -> list[Bound]:
    """Every port, or none; `shared` with other gateways on this machine. Raises Misconfigured."""
    if not listeners:
        raise Misconfigured("There is nothing to listen on: give at least one [[listen]].")
    bound: list[Bound] = []
    try:
        for listener in listeners:
            bound.append((listener, listen(listener.host, listener.port, reuse_port=shared)))  # noqa: PERF401 - what is bound is closed
    except Misconfigured:
        for _listener, sock in bound:
            sock.close()
        raise
    return bound


def given_certificate(settings: Settings) -> ssl.SSLContext | None:
    if not settings.tls.certificate:
        return None
    return server_context(Path(settings.tls.certificate), Path(settings.tls.key or settings.tls.certificate))


def shown(settings: Settings) -> Shown:
    """What the server tells others of itself."""
    own = Path(settings.data) / TLS_FOLDER / CERTIFICATE
    given = Path(settings.tls.certificate) if settings.tls.certificate else own
    jmap_port = next((listener.port for listener in settings.listen if listener.protocol == "https"), 0)
    policy = settings.mta_sts.policy(settings.hostname) if jmap_port else None
    routes = frozenset(route.name for route in settings.outbound.route)
    pop3 = any(listener.protocol == "pop3" for listener in settings.listen)
    return Shown(settings.hostname, given, policy, routes, pop3=pop3, jmap_port=jmap_port)


async def serve_gateways(
    stack: AsyncExitStack,
    core: Core,
    settings: Settings,
    bound: Sequence[Bound],
    tls: ssl.SSLContext | None,
    rules: Ruling,
    push: Pushing,
    admin: AdminServer,
) -> None:
    """Serve on every bound port until the stack closes. `tls`: the given certificate; else one is made if needed.
    `admin`: its service is served over HTTPS too, where that is set. Raises Misconfigured."""
    if tls is None and any(listener.tls != "none" or listener.protocol == "https" for listener in settings.listen):
        tls = server_context(
            *self_signed(Path(settings.data) / TLS_FOLDER, [settings.hostname], dt.datetime.now(dt.UTC))
        )
    secret = await _secret(core.store, core.dice)
    logins = _logins(core, settings)
    readers = _readers(core, settings, secret, logins, tls)
    intake = world(core, settings, rules, secret, reporting(stack, core, settings).hearing, logins=logins)
    smtp = SmtpServer(intake, SmtpMetrics(core.registry), tls=tls)
    sending = Sending(Submissions(intake, "JMAP"), core.queue)
    web = web_server(core, settings, tls, secret, logins, push, sending, admin)
    closings = [reader.close for reader in readers.values()]
    stack.push_async_callback(_together, *closings, smtp.close, web.close)
    for listener, sock in bound:
        if listener.protocol == "https":
            behind = relays(listener.proxy_from, listener.proxy_others)
            plain = settings.web.plaintext and behind is not None and _is_plain(listener)
            await web.listen(sock, behind=behind, plain=plain)
        else:
            await _serve(stack, listener, sock, readers, smtp, core)


def _readers(
    core: Core, settings: Settings, secret: bytes, logins: Logins, tls: ssl.SSLContext | None
) -> dict[str, AccessServer]:
    """What mail is read with, by protocol."""
    shared = (core.clock, core.dice, structlog.get_logger(), secret, logins)
    mail, directory, registry = core.mailboxes, core.directory, core.registry
    return {
        "imap": ImapServer(
            ImapServices(
                mail, directory, settings.imap, ImapMetrics(registry), *shared, settings.hostname, core.search
            ),
            tls,
        ),
        "pop3": Pop3Server(Pop3Services(mail, directory, settings.pop3, Pop3Metrics(registry), *shared), tls),
    }


def _is_plain(listener: Listener) -> bool:
    """Whether its relay alone may connect, and has the TLS."""
    return listener.tls == "none" and listener.proxy_others == "refuse"


def _counts(core: Core, settings: Settings) -> ThrottleClient:
    """The cluster's."""
    return ThrottleClient(core.calling, settings.throttling.lease_s)


def _logins(core: Core, settings: Settings) -> CountedLogins:
    """Raises Misconfigured."""
    domain = settings.directory.default_domain
    return CountedLogins(
        settings.logins, _counts(core, settings), core.clock, core.dice, core.registry, default_domain=domain
    )


async def _serve(
    stack: AsyncExitStack,
    listener: Listener,
    sock: socket.socket,
    readers: Mapping[str, AccessServer],
    smtp: SmtpServer,
    core: Core,
) -> None:
    if listener.protocol == "http":
        server = await serve_metrics(core.registry, sock, ready=core.alive)
        stack.push_async_callback(server.close)
        return
    behind = relays(listener.proxy_from, listener.proxy_others)
    if reader := readers.get(listener.protocol):
        await reader.listen(sock, implicit_tls=listener.tls == "implicit", behind=behind)
    else:
        await smtp.listen(sock, Role(listener.protocol), listener.tls, behind=behind)


async def _together(*closings: Callable[[], Awaitable[None]]) -> None:
    """A sender that takes its time must not keep readers from being told that we stop."""
    await asyncio.gather(*(close() for close in closings))


async def _secret(store: Store, dice: Dice) -> bytes:
    """The server's SASL secret, made once."""

    async def body(transaction: Transaction) -> bytes:
        secret = await transaction.get(SASL_SECRET)
        if secret is None:
            secret = dice.randbytes(SASL_SECRET_BYTES)
            transaction.set(SASL_SECRET, secret)
        return secret

    return await store.transact(body)
