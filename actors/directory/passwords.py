"""Passwords: what is kept of them, and whether one is right.

The law: a password is never kept, logged or put into an error; checking one for nobody costs what checking one costs.
All of it is slow on purpose, so `verifier.py` runs it in threads.
"""

import base64
import hashlib
from typing import Final

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from cluster.errors import Corrupt, Refused
from mail.sasl import ScramKeys, derive_scram, saslprep

# OWASP's smallest Argon2id profile: 18 ms here, where RFC 9106's low-memory one takes 138 ms and 64 MiB for each of
# the log-ins that run at the same time.
_TIME_COST: Final = 2
_MEMORY_KIBIBYTES: Final = 19 * 1024
_PARALLELISM: Final = 1
_DIGEST_BYTES: Final = 32
SALT_BYTES: Final = 16  # RFC 9106 §3.1 recommends 16
# RFC 7677 §4 names it; the client pays for it at each log-in. It is also what `mail.sasl.begin` shows for unknown
# names: the two must agree, or they would tell who exists.
SCRAM_ITERATIONS: Final = 15_000
STAMP_BYTES: Final = 16
PASSWORD_BYTES_MAX: Final = 1024  # far above what anyone types; bounds the work of preparing it

_HASHER: Final = PasswordHasher(_TIME_COST, _MEMORY_KIBIBYTES, _PARALLELISM, _DIGEST_BYTES, SALT_BYTES)


class Credentials(msgspec.Struct, frozen=True):
    """What is stored of a password."""

    argon2: str  # in the PHC string format
    scram: ScramKeys

    def __repr__(self) -> str:
        return "Credentials(…)"

    @property
    def stamp(self) -> bytes:
        """Another with each password that is set; tells nothing of it."""
        return hashlib.sha256(b"stamp\0" + self.argon2.encode()).digest()[:STAMP_BYTES]


def prepare(password: str) -> str:
    """A password to be set, in its one spelling. Raises Refused with the reason."""
    try:
        return _prepared(password, stored=True)
    except ValueError as error:
        raise Refused(f"The password cannot be used: {error}.") from None


def derive(prepared: str, argon2_salt: bytes, scram_salt: bytes) -> Credentials:
    """What to store for a prepared password. About 30 ms. Salts: SALT_BYTES random bytes each."""
    argon2 = _HASHER.hash(prepared, salt=argon2_salt)
    return Credentials(argon2, derive_scram(prepared, scram_salt, SCRAM_ITERATIONS))


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
