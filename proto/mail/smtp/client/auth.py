"""Proving to a server who we are: SASL, client side (RFC 4422, RFC 4954 4), for relay hosts.

The law: a mechanism answers a challenge or gives up; a password is never logged or shown. A server that cannot
prove that it knows the password (SCRAM) has not been logged in to.
"""

import binascii
import hashlib
import hmac
import re
from collections.abc import Generator
from typing import Final, TypeAlias

import msgspec

from mail.sasl import NotPrintable, saslprep

ITERATIONS_MAX: Final = 200_000  # of PBKDF2; 40 ms. A server could ask for hours
ITERATIONS_MIN: Final = 4096  # RFC 7677 4
CHALLENGE_BYTES_MAX: Final = 4096
# server-first-message of RFC 5802 7
_SERVER_FIRST: Final = re.compile(rb"r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=([1-9][0-9]{0,6})(?:,[A-Za-z]=[^,]*)*")
CLEAR: Final = frozenset({"PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"})
"""Those that send the secret itself."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Who we are to a relay host. With a `token` (OAuth 2.0) the password is not used."""

    user: str
    password: str = ""
    token: str = ""
    mechanism: str = ""
    """The only one to use; empty: the strongest that is offered."""

    def __repr__(self) -> str:
        return f"Credentials({self.user!r}, ...)"


Exchange: TypeAlias = Generator[bytes, bytes, None]
"""Yields responses, the first of them the initial one; is sent challenges. Raises GaveUp."""


class GaveUp(Exception):
    """The exchange cannot be gone on with."""


def choose(credentials: Credentials, offered: tuple[str, ...]) -> str:
    """The mechanism to use; empty when there is none."""
    usable = ("OAUTHBEARER", "XOAUTH2") if credentials.token else ("SCRAM-SHA-256", "PLAIN", "LOGIN")
    wanted = (credentials.mechanism.upper(),) if credentials.mechanism else usable
    return next((name for name in wanted if name in usable and name in offered), "")


def begin(mechanism: str, credentials: Credentials, *, nonce: str, host: str, port: int) -> Exchange:
    """An exchange. `nonce`: fresh, printable, without a comma. Raises KeyError for a mechanism that is none of ours."""
    if mechanism == "OAUTHBEARER":
        return _oauthbearer(credentials, host, port)
    return {"PLAIN": _plain, "LOGIN": _login, "XOAUTH2": _xoauth2, "SCRAM-SHA-256": _scram}[mechanism](
        credentials, nonce
    )


def _plain(credentials: Credentials, _nonce: str) -> Exchange:
    yield b"\0" + credentials.user.encode() + b"\0" + credentials.password.encode()  # RFC 4616 2


def _login(credentials: Credentials, _nonce: str) -> Exchange:
    """Asked for twice, whatever the words. Its begin is empty: some servers know no initial response to it."""
    yield b""
    yield credentials.user.encode()
    yield credentials.password.encode()


def _xoauth2(credentials: Credentials, _nonce: str) -> Exchange:
    yield f"user={credentials.user}\x01auth=Bearer {credentials.token}\x01\x01".encode()
    yield b""  # the challenge is the reason of a failure


def _oauthbearer(credentials: Credentials, host: str, port: int) -> Exchange:
    """RFC 7628 3.1."""
    user = credentials.user.replace("=", "=3D").replace(",", "=2C")
    yield f"n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {credentials.token}\x01\x01".encode()
    yield b"\x01"  # RFC 7628 3.2.3


def _scram(credentials: Credentials, nonce: str) -> Exchange:
    """SCRAM-SHA-256 (RFC 5802 3, RFC 7677)."""
    try:
        user, password = saslprep(credentials.user), saslprep(credentials.password, stored=True)
    except NotPrintable:
        raise GaveUp("name or password cannot be sent") from None
    name = user.replace("=", "=3D").replace(",", "=2C")
    first = f"n={name},r={nonce}".encode()
    server_first = yield b"n,," + first
    found = _SERVER_FIRST.fullmatch(server_first)
    if found is None or not found[1].startswith(nonce.encode()) or len(found[1]) <= len(nonce):
        raise GaveUp("the server's first message cannot be read")
    iterations = int(found[3])
    if not ITERATIONS_MIN <= iterations <= ITERATIONS_MAX:
        raise GaveUp(f"the server asks for {iterations} iterations")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), _from_base64(found[2]), iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    without_proof = b"c=biws,r=" + found[1]
    whole = b",".join((first, server_first, without_proof))
    signature = hmac.digest(hashlib.sha256(client_key).digest(), whole, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    server_final = yield without_proof + b",p=" + binascii.b2a_base64(proof, newline=False)
    wanted = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), whole, "sha256")
    if not hmac.compare_digest(server_final, b"v=" + binascii.b2a_base64(wanted, newline=False)):
        raise GaveUp("the server does not know the password")
    yield b""


def _from_base64(data: bytes) -> bytes:
    try:
        return binascii.a2b_base64(data, strict_mode=True)
    except binascii.Error:
        raise GaveUp("the server's salt cannot be read") from None
