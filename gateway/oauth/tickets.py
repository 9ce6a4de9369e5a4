"""What a page knows of what came before it: sealed, and carried by the page itself.

The law: nothing is kept between two requests of a browser, and no cookie logs anybody in. A ticket is good for
TICKET_S, which no further page makes longer for who has signed in, for its purpose, and with the cookie of the browser
that it was made for: a form that another site sends has either no ticket or no cookie (RFC 9700 4.7, 4.15).
"""

import base64
import binascii
import hashlib
import hmac
from typing import Final

import msgspec

from gateway.oauth.parts import Asked, Headers, Services

COOKIE: Final = "__Host-rookery-form"  # RFC 6265bis 4.1.3.2: of this host alone, and only by TLS
COOKIE_BYTES: Final = 18
TICKET_S: Final = 1800
TICKET_CHARS_MAX: Final = 12_000
_SEAL_BYTES: Final = 32


class Ticket(msgspec.Struct, frozen=True, omit_defaults=True):
    """`purpose`: of which page. `account`: who has given the right password; 0: nobody yet. `stamp`: of that password.
    `needs_code`: that alone is not enough; `coded`: a code was right too. The rest is what a program or a device asked
    for."""

    purpose: str
    until_ms: int = 0
    browser: bytes = b""
    account: int = 0
    login: str = ""
    stamp: bytes = b""
    needs_code: bool = False
    coded: bool = False
    client_id: str = ""
    client_name: str = ""
    redirect_uri: str = ""
    state: str = ""
    challenge: str = ""
    scopes: tuple[str, ...] = ()
    offline: bool = False
    user_code: str = ""


class Browser:
    """One that asks, known by its cookie; it gets one where it has none."""

    def __init__(self, services: Services, asked: Asked) -> None:
        self._services = services
        had = asked.cookie(COOKIE)
        self._is_new = len(had) != COOKIE_BYTES * 4 // 3 or not had.isascii()
        if self._is_new:
            had = base64.urlsafe_b64encode(services.dice.randbytes(COOKIE_BYTES)).decode()
        self._cookie = had

    @property
    def headers(self) -> Headers:
        """What gives it its cookie."""
        if not self._is_new:
            return ()
        return (("Set-Cookie", f"{COOKIE}={self._cookie}; Path=/; Secure; HttpOnly; SameSite=Lax"),)

    def seal(self, ticket: Ticket) -> str:
        """The ticket as a text, good for TICKET_S from when somebody signed in, or else from now on."""
        until_ms = self._services.clock.now_ms() + TICKET_S * 1000
        if ticket.account and ticket.until_ms:
            until_ms = ticket.until_ms
        body = msgspec.msgpack.encode(msgspec.structs.replace(ticket, until_ms=until_ms, browser=self._digest()))
        return base64.urlsafe_b64encode(self._seal(body) + body).decode()

    def open(self, text: str, purpose: str) -> Ticket | None:
        """The ticket in a text; None where it is none, of another page or browser, or too old."""
        if not text or len(text) > TICKET_CHARS_MAX or not text.isascii() or self._is_new:
            return None
        try:
            raw = base64.b64decode(text, altchars=b"-_", validate=True)
        except binascii.Error:
            return None
        if not hmac.compare_digest(raw[:_SEAL_BYTES], self._seal(raw[_SEAL_BYTES:])):
            return None
        ticket = msgspec.msgpack.decode(raw[_SEAL_BYTES:], type=Ticket)
        if ticket.purpose != purpose or ticket.until_ms <= self._services.clock.now_ms():
            return None
        return ticket if hmac.compare_digest(ticket.browser, self._digest()) else None

    def _seal(self, body: bytes) -> bytes:
        return hmac.digest(self._services.secret, b"oauth ticket\0" + body, "sha256")

    def _digest(self) -> bytes:
        return hashlib.sha256(self._cookie.encode()).digest()[:16]
