"""Passwords: what is kept of them, and whether one is right.

The law: a password is never kept, logged or put into an error; checking one for nobody costs what checking one costs.
All of it is slow on purpose, so `verifier.py` runs it in threads.
"""

import base64
import hashlib
import hmac
from typing import Final

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from actors.directory.saslprep import saslprep
from actors.directory.types import ScramKeys
from cluster.errors import Corrupt, Refused

# OWASP's smallest Argon2id profile: 18 ms here, where RFC 9106's low-memory one takes 138 ms and 64 MiB for each of
# the log-ins that run at the same time.
_TIME_COST: Final = 2
_MEMORY_KIBIBYTES: Final = 19 * 1024
_PARALLELISM: Final = 1
_DIGEST_BYTES: Final = 32
SALT_BYTES: Final = 16  # RFC 9106 §3.1 recommends 16
SCRAM_ITERATIONS: Final = 10_000  # RFC 7677 §4 asks for 4096 or more; the client pays it at each log-in
PASSWORD_BYTES_MAX: Final = 1024  # far above what anyone types; bounds the work of preparing it

_HASHER: Final = PasswordHasher(_TIME_COST, _MEMORY_KIBIBYTES, _PARALLELISM, _DIGEST_BYTES, SALT_BYTES)


class Credentials(msgspec.Struct, frozen=True):
    """What is stored of a password."""

    argon2: str  # in the PHC string format
    scram: ScramKeys

    def __repr__(self) -> str:
        return "Credentials(…)"


def prepare(password: str) -> str:
    """A password to be set, in its one spelling. Raises Refused with the reason."""
    try:
        prepared = _prepared(password, stored=True)
    except ValueError as error:
        raise Refused(f"The password cannot be used: {error}.") from None
    return prepared


def derive(prepared: str, argon2_salt: bytes, scram_salt: bytes) -> Credentials:
    """What to store for a prepared password. About 25 ms. Salts: SALT_BYTES random bytes each."""
    argon2 = _HASHER.hash(prepared, salt=argon2_salt)
    return Credentials(argon2, scram_keys(prepared, scram_salt, SCRAM_ITERATIONS))


def scram_keys(prepared: str, salt: bytes, iterations: int) -> ScramKeys:
    """The keys of RFC 5802 §3 with SHA-256."""
    salted = hashlib.pbkdf2_hmac("sha256", prepared.encode(), salt, iterations)  # Hi()
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    return ScramKeys(salt, iterations, stored_key, hmac.digest(salted, b"Server Key", "sha256"))


def matches(credentials: Credentials | None, password: str) -> bool:
    """Whether the password is right. About 20 ms, also where there are no credentials. Raises Corrupt."""
    try:
        prepared = _prepared(password, stored=False)
    except ValueError:
        prepared, credentials = "", None
    try:
        _HASHER.verify(credentials.argon2 if credentials else _NOBODY, prepared)
        return credentials is not None
    except VerificationError:
        return False
    except InvalidHashError as error:
        raise Corrupt("A stored password cannot be read; set it again.") from error


def _prepared(password: str, *, stored: bool) -> str:
    if len(password.encode(errors="replace")) > PASSWORD_BYTES_MAX:
        raise ValueError(f"it is longer than {PASSWORD_BYTES_MAX} bytes")
    prepared = saslprep(password, stored=stored)
    if not prepared:
        raise ValueError("it is empty")
    return prepared


def _nobody() -> str:
    """A hash like all others that no password has."""
    salt, digest = (base64.b64encode(bytes(size)).rstrip(b"=").decode() for size in (SALT_BYTES, _DIGEST_BYTES))
    return f"$argon2id$v=19$m={_MEMORY_KIBIBYTES},t={_TIME_COST},p={_PARALLELISM}${salt}${digest}"


_NOBODY: Final = _nobody()
