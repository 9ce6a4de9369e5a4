"""What somebody has logged in with, by a name, so that it can be asked later whether that would let them in still.

The law: a name opens nothing and tells nothing of a secret. That of a password is another with each that is set; of a
program that was let in it is that of the grant, which its tokens come and go under. Of a token of another server no
more is known than the program that it was given to.
"""

from hashlib import blake2b
from typing import Final

from actors.directory.passwords import Credentials
from actors.directory.proofs import Proofs

_PASSWORD: Final = "password:"  # noqa: S105 (it is none)
_APP_PASSWORD: Final = "app:"  # noqa: S105
_GRANT: Final = "grant:"
_ISSUED: Final = "issued:"
_DIGEST_BYTES: Final = 12


def by_password(credentials: Credentials) -> str:
    """The account's own."""
    return _PASSWORD + credentials.stamp.hex()


def by_app_password(ident: bytes) -> str:
    """One for a program."""
    return _APP_PASSWORD + ident.hex()


def by_grant(ident: bytes) -> str:
    """A token of ours."""
    return _GRANT + ident.hex()


def by_issued(program: str) -> str:
    """A token of another server."""
    return _ISSUED + blake2b(program.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def is_issued(credential: str) -> bool:
    """Whether it is one of another server."""
    return credential.startswith(_ISSUED)


def grant_of(credential: str) -> bytes | None:
    """The grant that it is of, if it is of one."""
    return bytes.fromhex(credential.removeprefix(_GRANT)) if credential.startswith(_GRANT) else None


def proves(credential: str, credentials: Credentials, proofs: Proofs) -> bool:
    """Whether a password or app password is one of those that an account has by now."""
    if credential.startswith(_PASSWORD):
        return credential == by_password(credentials) and not proofs.second_factor
    return any(credential == by_app_password(one.id) for one in proofs.app_passwords)
