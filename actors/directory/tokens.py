"""Whose an access token is, asked of the authorisation server by introspection (RFC 7662).

The law: a token is never kept, logged or put into an error; what is remembered is a keyed digest, useless outside this
process, and for no longer than the token is valid. Wrong tokens are never remembered. Redirections are not followed:
the client's secret goes to the endpoint that was named and nowhere else.
"""

import asyncio
import base64
import hashlib
import ipaddress
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, NamedTuple
from urllib.parse import quote_plus, urlsplit

import msgspec
from msgspec import Meta

from cluster.clock import Clock, Dice
from cluster.config.secret import Secret
from cluster.errors import Misconfigured, Unavailable

ANSWER_BYTES_MAX: Final = 64 * 1024  # an answer has a dozen claims
REMEMBERED_MAX: Final = 10_000  # digests with a name and its scopes: about 5 MB
WAITING_MAX: Final = 64  # questions at once; more log-ins are told to try again
SCOPES_MAX: Final = 64  # that are looked at but for the one of the setting
LOGIN_CHARS_MAX: Final = 320  # of the claim that names the login
KEY_BYTES: Final = 32
_NEVER_MS: Final = 1 << 62

Ask = Callable[[str], Awaitable[bytes]]
"""From a token to the body of the endpoint's answer. Raises Unavailable."""


class OauthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who says whose an access token is, for OAUTHBEARER and XOAUTH2."""

    endpoint: Annotated[
        str, Meta(description="The introspection endpoint (RFC 7662), `https://…`; empty: no tokens are taken.")
    ] = ""
    client_id: Annotated[str, Meta(description="The name under which this server asks.")] = ""
    client_secret: Annotated[
        Secret, Meta(description='What belongs to it, as { env = "NAME" } or { file = "PATH" }.')
    ] = Secret()
    login_claim: Annotated[
        str, Meta(description="The member of the answer that names the login.", min_length=1, max_length=100)
    ] = "username"
    audience: Annotated[str, Meta(description="What `aud` must name; empty: it is not looked at.")] = ""
    scope: Annotated[
        str, Meta(description="A scope the token must have, also told to who has none; empty: any.", max_length=200)
    ] = ""
    timeout_s: Annotated[float, Meta(description="How long an answer may take.", gt=0, le=60)] = 5.0
    remembered_s: Annotated[
        float, Meta(description="How long a valid token is known without asking again; 0: never.", ge=0, le=3600)
    ] = 60.0


class Said(NamedTuple):
    """What is said of a valid token: whose it is, the program that it was given to (empty: that is not said), what it
    is good for, and when it ends; 0: never."""

    login: str
    program: str
    scopes: frozenset[str]
    until_ms: int


class Tokens:
    """Asks, and remembers for a while."""

    def __init__(self, settings: OauthSettings, clock: Clock, dice: Dice, ask: Ask | None = None) -> None:
        """Raises Misconfigured. `ask` stands in for the network in tests."""
        _check(settings)
        self._settings = settings
        self._clock = clock
        self._ask = ask or _http(settings)
        self._key = dice.randbytes(KEY_BYTES)
        self._known: OrderedDict[bytes, tuple[Said, int]] = OrderedDict()  # by digest, and until when in ms
        self._waiting = 0

    @property
    def scope(self) -> str:
        """What a token must be good for."""
        return self._settings.scope

    async def said(self, token: str) -> Said | None:
        """Of a valid token; None for any other. Raises Unavailable."""
        digest = hashlib.blake2b(token.encode(errors="surrogatepass"), digest_size=32, key=self._key).digest()
        now_ms = self._clock.now_ms()
        known, until_ms = self._known.get(digest, (None, 0))
        if until_ms > now_ms:
            return known
        found = self._valid(await self._claims(token), now_ms)
        if found is not None:
            self._remember(digest, found, now_ms)
        return found

    async def _claims(self, token: str) -> dict[str, Any]:
        if self._waiting >= WAITING_MAX:
            raise Unavailable("Too many log-ins at this moment; try again in a few seconds.")
        self._waiting += 1
        try:
            answer = await self._ask(token)
        finally:
            self._waiting -= 1
        try:
            return msgspec.json.decode(answer, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _away("its answer is not a JSON object") from None

    def _valid(self, claims: dict[str, Any], now_ms: int) -> Said | None:
        """What they say, when the token is active, of this time, and meant for us (RFC 7662 2.2, 4)."""
        settings = self._settings
        login = claims.get(settings.login_claim)
        if claims.get("active") is not True or not isinstance(login, str) or not 0 < len(login) <= LOGIN_CHARS_MAX:
            return None
        if not _before(claims.get("nbf", 0), now_ms) or _before(claims.get("exp", now_ms // 1000 + 1), now_ms):
            return None
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        if settings.audience and settings.audience not in audiences:
            return None
        scopes = str(claims.get("scope", "")).split()
        if settings.scope and settings.scope not in scopes:
            return None
        ends_s, program = claims.get("exp"), claims.get("client_id")
        ends_ms = int(min(ends_s * 1000, _NEVER_MS)) if isinstance(ends_s, int | float) else 0
        return Said(login, program if isinstance(program, str) else "", frozenset(scopes[:SCOPES_MAX]), ends_ms)

    def _remember(self, digest: bytes, said: Said, now_ms: int) -> None:
        until_ms = now_ms + int(self._settings.remembered_s * 1000)
        self._known[digest] = (said, min(until_ms, said.until_ms or until_ms))
        self._known.move_to_end(digest)
        if len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)


def _before(at_s: object, now_ms: int) -> bool:
    """Whether a NumericDate is now or was; what is none is long ago, so that it never makes a token valid."""
    return not isinstance(at_s, int | float) or at_s * 1000 <= now_ms


def _check(settings: OauthSettings) -> None:
    """A secret and tokens may be sent where nobody else reads them."""
    url = urlsplit(settings.endpoint)
    if url.scheme == "https" and url.hostname:
        return
    if url.scheme == "http" and url.hostname and _is_loopback(url.hostname):
        return
    raise Misconfigured(
        f"directory.oauth.endpoint: {settings.endpoint!r} is neither https://… nor http:// to this machine."
    )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _away(why: str) -> Unavailable:
    text = "Tokens cannot be checked now; try again later."
    return Unavailable(text, log=f"The token introspection endpoint does not serve: {why}.")


def _http(settings: OauthSettings) -> Ask:
    """The question over HTTP (RFC 7662 2.1)."""

    async def ask(token: str) -> bytes:
        import aiohttp  # takes 0.2 s to import, and most servers take no tokens

        headers = {"Accept": "application/json"}
        if settings.client_id:
            headers["Authorization"] = _basic(settings.client_id, settings.client_secret.reveal())
        timeout = aiohttp.ClientTimeout(total=settings.timeout_s)
        form = {"token": token, "token_type_hint": "access_token"}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
                session.post(settings.endpoint, data=form, allow_redirects=False) as answer,
            ):
                if answer.status != 200:
                    raise _away(f"it answers {answer.status}")
                body = await _bounded(answer.content)
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, OSError) as error:
            raise _away(type(error).__name__) from None
        return body

    return ask


def _basic(client_id: str, secret: str) -> str:
    """RFC 6749 2.3.1: both are encoded as in a form first."""
    pair = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


async def _bounded(content: Any) -> bytes:
    body = b""
    while len(body) <= ANSWER_BYTES_MAX:
        piece: bytes = await content.read(ANSWER_BYTES_MAX + 1 - len(body))
        if not piece:
            return body
        body += piece
    raise _away("its answer is too long")
