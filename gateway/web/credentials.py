"""Whose a request is: a name with a password (Basic, RFC 7617) or an access token (Bearer, RFC 6750).

The law: no password is looked at on a connection that others can read, or that a browser may have added by itself to
what a page of another site does. A wrong one is counted for the whole cluster and answered late, and always alike
(gateway/logins.py). A client that has logged in is only not counted again with each request: that its password is still
right, the directory says each time, from what it remembers itself, so that a changed password or a closed account ends
it. What is remembered here is keyed digests, for a short while, and few.

A wrong token is answered at once and not counted: nobody guesses one, and every token is wrong one day, when its client
must only be told so to fetch another.
"""

import base64
import binascii
import hashlib
from collections import OrderedDict
from typing import Final, NamedTuple, Protocol

from cluster.clock import Clock, Dice
from gateway import login
from gateway.login import Directory, Principal
from gateway.logins import Logins, TooManyFailures
from gateway.networks import client_network
from gateway.web.answers import Headers, HttpError
from gateway.web.exchange import Exchange

REALM: Final = "Rookery"
REMEMBERED_MAX: Final = 10_000  # digests with a time: about 2 MB
HEADER_CHARS_MAX: Final = 8192
KEY_BYTES: Final = 32


class WrongScope(Exception):
    """The token is valid, but not good for this."""


class Bearer(Protocol):
    """Whose an access token is."""

    async def principal(self, token: str, scope: str) -> Principal | None:
        """Its owner; None where it is not valid. Raises WrongScope where it is not good for `scope`, Unavailable."""
        ...


class Tokens(Protocol):
    """actors.directory.client.DirectoryClient."""

    @property
    def takes_tokens(self) -> bool:
        """Whether anybody is known who can say whose a token is."""
        ...

    async def token(self, login: str, token: str, service: str = "") -> Principal | None:
        """Whose token for this service this is."""
        ...

    async def is_token(self, token: str) -> bool:
        """Whether it is a valid one of this server's own, whatever it is good for."""
        ...


class Introspected:
    """Tokens of ours, and of the authorisation server that the directory asks ([directory.oauth])."""

    def __init__(self, directory: Tokens) -> None:
        self._directory = directory

    async def principal(self, token: str, scope: str) -> Principal | None:
        """Its owner. Raises WrongScope, Unavailable."""
        if not self._directory.takes_tokens:
            return None
        found = await self._directory.token("", token, scope)
        if found is None and await self._directory.is_token(token):
            raise WrongScope
        return found


class _Pair(NamedTuple):
    """What Basic says."""

    name: str
    password: str


class Credentials:
    """Those of all requests of a process. `challenge`: more parameters of the Bearer challenge, `, name="value"`."""

    def __init__(
        self, directory: Directory, logins: Logins, bearer: Bearer, clock: Clock, dice: Dice, *, challenge: str = ""
    ) -> None:
        self._directory = directory
        self._logins = logins
        self._bearer = bearer
        self._clock = clock
        self._key = dice.randbytes(KEY_BYTES)
        self._challenge = challenge
        self._known: OrderedDict[bytes, float] = OrderedDict()  # digest -> until when, oldest first

    async def principal(self, exchange: Exchange, scope: str = "") -> Principal:
        """Who asks; a token must be good for `scope`. Raises HttpError (401, 403), TooManyFailures, Unavailable."""
        said = exchange.header("authorization")
        if not said:
            raise self._unauthorized(exchange, scope)
        if not exchange.secure:
            raise HttpError(403, "This needs TLS")
        scheme, _, rest = said.partition(" ")
        scheme, rest = scheme.lower(), rest.strip(" ")
        if len(rest) > HEADER_CHARS_MAX:
            raise self._unauthorized(exchange, scope, "invalid_request")
        pair = _pair(rest) if scheme == "basic" and exchange.services.settings.basic else None
        if pair is not None and added_by_a_browser(exchange):
            raise HttpError(403, "A page of another site cannot use a password that the browser remembers")
        if scheme == "bearer":
            found, error = await self._by_token(exchange, rest, scope), "invalid_token"
        elif pair is not None:
            found, error = await self._basic(exchange, pair, rest, scope), ""
        else:
            raise self._unauthorized(exchange, scope, "invalid_request")
        if found is None:
            exchange.services.metrics.logins.labels("failed").inc()
            name = pair.name[:100] if pair is not None else ""
            exchange.services.log.info("web.login_failed", conn=exchange.id, login=name, ip=exchange.ip, how=scheme)
            raise self._unauthorized(exchange, scope, error)
        return found

    async def _by_token(self, exchange: Exchange, token: str, scope: str) -> Principal | None:
        try:
            return await self._bearer.principal(token, scope)
        except WrongScope:  # RFC 6750 3.1: to log in again with it is of no use
            exchange.services.metrics.logins.labels("failed").inc()
            way = f'Bearer realm="{REALM}", scope="{scope}", error="insufficient_scope"{self._challenge}'
            raise HttpError(403, headers=(("WWW-Authenticate", way),)) from None

    async def _basic(self, exchange: Exchange, pair: _Pair, text: str, service: str) -> Principal | None:
        digest = self._digest(exchange.ip, text)
        if self._known.get(digest, 0.0) > self._clock.monotonic():
            if found := await self._directory.verify(*pair, service):
                return found
            self._known.pop(digest, None)  # and it counts as any wrong one
        services = exchange.services
        attempt, pause_s = self._logins.attempt(exchange.ip), services.settings.login_failure_delay_s
        try:
            found = await login.verify(self._directory, attempt, *pair, service=service, pause_s=pause_s)
        except TooManyFailures as refusal:
            services.metrics.logins.labels("held off").inc()
            services.log.info("web.login_held_off", conn=exchange.id, ip=exchange.ip, why=refusal.log)
            raise
        if found is not None:
            services.metrics.logins.labels("ok").inc()
            services.log.info("web.login", conn=exchange.id, login=found.login, how="basic")
            self._remember(digest, services.settings.basic_remembered_s)
        return found

    def _remember(self, digest: bytes, seconds: float) -> None:
        self._known[digest] = self._clock.monotonic() + seconds
        self._known.move_to_end(digest)
        if len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)

    def _digest(self, ip: str, text: str) -> bytes:
        network = (client_network(ip) or ip).encode()
        return hashlib.blake2b(network + b"\0" + text.encode(), digest_size=16, key=self._key).digest()

    def _unauthorized(self, exchange: Exchange, scope: str, error: str = "") -> HttpError:
        """401 with the ways to log in (RFC 9110 §11.6.1); an error is told to who tried (RFC 6750 §3.1)."""
        bearer = f'Bearer realm="{REALM}"'
        if scope:
            bearer += f', scope="{scope}"'
        if error:
            bearer += f', error="{error}"'
        ways: Headers = (("WWW-Authenticate", bearer + self._challenge),)
        if exchange.services.settings.basic:
            ways += (("WWW-Authenticate", f'Basic realm="{REALM}", charset="UTF-8"'),)
        return HttpError(401, headers=ways)


def added_by_a_browser(exchange: Exchange) -> bool:
    """Whether a password may have been added by a browser that remembers it, for a page of another site. What is no
    WebSocket a script of such a page can only begin: what is answered it cannot read."""
    if exchange.header("sec-fetch-site") == "cross-site" and exchange.header("sec-fetch-mode") in (
        "no-cors",
        "navigate",
    ):
        return True
    origin = exchange.header("origin").lower()
    if not exchange.is_websocket or not origin:  # no script can give a WebSocket a header
        return False
    own = f"{'https' if exchange.secure else 'http'}://{exchange.authority}"
    return origin not in (own, own.removesuffix(":443"), *map(str.lower, exchange.services.settings.origins))


def _pair(text: str) -> _Pair | None:
    """A name and a password; None where it is none (RFC 7617 §2)."""
    try:
        name, colon, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return _Pair(name, password) if colon and name and password else None
