"""Who calls the admin service: proved by the socket, by a certificate, or by a token.

The law: no call is carried out for somebody unknown; tokens are compared in constant time; of a certificate only those
of operators count, so that a stolen node's certificate is none.
"""

import hmac
import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from cluster.authority import ADMIN
from cluster.config import Secret
from cluster.errors import Fault, Misconfigured, Refused

TOKEN_CHARACTERS_MIN: Final = 32
OPEN_CALLS: Final = frozenset({"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"})  # tell nothing secret


TOKEN: Final = "token"  # noqa: S105 (who showed it, in the audit log)


def is_token(token: Secret, authorization: str) -> bool:
    """Whether a header shows the token, where there is one."""
    scheme, _, shown = authorization.partition(" ")
    if len(token.reveal()) < TOKEN_CHARACTERS_MIN or scheme.lower() != "bearer":  # RFC 9110 11.1: in any case
        return False
    return hmac.compare_digest(shown.lstrip(" ").encode(), token.reveal().encode())


class Denied(Refused):
    """Nobody known."""

    fault = Fault.PEER


class Access(Protocol):
    """Says who calls."""

    def who(self, context: Any) -> str:
        """Who calls, for the audit log. Raises Denied."""
        ...


class Local:
    """Whoever may open the socket: its directory is for the server's user alone."""

    def who(self, context: Any) -> str:  # noqa: ARG002 (Access's signature)
        """The server's own user."""
        return f"local:{os.getuid()}"


class Network:
    """An operator's certificate, or the token."""

    def __init__(self, token: Secret, *, certificates: bool) -> None:
        """`certificates`: the transport asks for them and has verified them. Raises Misconfigured."""
        if not token and not certificates:
            raise Misconfigured(
                "The admin service on the network needs [admin] authority, for operators' certificates, or a token."
            )
        if token and len(token.reveal()) < TOKEN_CHARACTERS_MIN:
            raise Misconfigured(
                f"The admin token needs at least {TOKEN_CHARACTERS_MIN} characters: `openssl rand -hex 32` makes one."
            )
        self._token = token

    def who(self, context: Any) -> str:
        """By certificate, else by token."""
        names: Mapping[str, Sequence[bytes]] = context.auth_context()
        if ADMIN.encode() in names.get("x509_subject_alternative_name", ()):
            common = names.get("x509_common_name", (b"operator",))[0].decode("utf-8", "replace")
            return f"certificate:{common}"
        shown = dict(context.invocation_metadata() or ()).get("authorization", "")
        if is_token(self._token, str(shown)):
            return TOKEN
        raise Denied("The admin service needs an operator's certificate or the token (--certificate, ROOKERY_TOKEN).")
