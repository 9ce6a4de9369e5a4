"""What the pages and endpoints of OAuth 2 stand on, and what is asked and answered, whatever carries HTTP.

The law: a reply says by itself that it is not to be kept, and what a browser may do with it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from actors.directory.authorizations import Authorizations
from actors.directory.client import Proven
from actors.directory.proof_editor import Factor, Made
from actors.directory.proofs import AppPassword
from actors.directory.types import Principal
from cluster.clock import Clock, Dice
from gateway.logins import Logins, Tallying

BODY_BYTES_MAX: Final = 16 * 1024  # of a form or a registration
FIELDS_MAX: Final = 60
Headers = tuple[tuple[str, str], ...]
JSON: Final = "application/json"
HTML: Final = "text/html; charset=utf-8"
UNKEPT: Final[Headers] = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))  # RFC 6749 5.1


class Asked(NamedTuple):
    """A request. `query` and `form`: every value of every field. `headers`: names in lower case. `body`: of what is no
    form."""

    method: str
    path: str
    query: Mapping[str, Sequence[str]] = {}
    form: Mapping[str, Sequence[str]] = {}
    headers: Mapping[str, str] = {}
    ip: str = ""
    body: bytes = b""

    def field(self, name: str) -> str:
        """What a form has in a field; empty where it is not there, or not once."""
        values = self.form.get(name, ())
        return values[0] if len(values) == 1 else ""

    def cookie(self, name: str) -> str:
        """A cookie's value; empty where there is none."""
        for pair in self.headers.get("cookie", "").split(";"):
            key, _, value = pair.strip().partition("=")
            if key == name:
                return value
        return ""


class Reply(NamedTuple):
    """A response."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: Headers = ()


Handler = Callable[[Asked], Awaitable[Reply]]


class Directory(Protocol):
    """actors.directory.client.DirectoryClient."""

    @property
    def authorizations(self) -> Authorizations:
        """What programs were let do."""
        ...

    async def prove(self, login: str, password: str) -> Proven | None:
        """Whose name and password these are."""
        ...

    async def still(self, login: str, stamp: bytes) -> Proven | None:
        """The same for who has proven it before; None where another password was set since."""
        ...

    async def take_code(self, account: int, code: str) -> bool:
        """Whether a code of the second factor is right; it is used then."""
        ...

    async def holder(self, number: int) -> Principal | None:
        """Who has an account with this number; None where nobody may log in to it."""
        ...

    async def add_app_password(self, login: str, label: str, services: Sequence[str] = ...) -> Made:
        """A new password for one program."""
        ...

    async def list_app_passwords(self, login: str) -> list[AppPassword]:
        """All of an account."""
        ...

    async def remove_app_password(self, login: str, which: str) -> AppPassword:
        """Revoke one."""
        ...

    def new_secret(self) -> bytes:
        """For an authenticator app."""
        ...

    async def add_second_factor(self, login: str, secret: bytes, code: str) -> list[str]:
        """Ask for codes from now on; the recovery codes."""
        ...

    async def remove_second_factor(self, login: str) -> None:
        """Ask for none any more."""
        ...

    async def second_factor(self, login: str) -> Factor | None:
        """What may be told of it."""
        ...


class Log(Protocol):
    """A structlog logger, or one that behaves like it."""

    def info(self, event: str, **fields: object) -> object:
        """What happened."""
        ...

    def warning(self, event: str, **fields: object) -> object:
        """What somebody should look at."""
        ...


class Services(NamedTuple):
    """What every request shares. `secret`: the server's own, the same on every node and over restarts. `pause_s`:
    before the answer to a first failed login. `tallies`: the cluster's counts; None: nothing is counted."""

    directory: Directory
    logins: Logins
    clock: Clock
    dice: Dice
    log: Log
    secret: bytes
    pause_s: float = 1.0
    tallies: Tallying | None = None

    @property
    def issuer(self) -> str:
        """Where browsers reach this server."""
        return self.directory.authorizations.settings.issuer

    @property
    def host(self) -> str:
        """The same as people read it."""
        return self.issuer.removeprefix("https://")


class OauthError(Exception):
    """What a program asked for cannot be (RFC 6749 5.2 and 4.1.2.1). `text`: for its developer."""

    def __init__(self, code: str, text: str = "", status: int = 400, headers: Headers = ()) -> None:
        super().__init__(text or code)
        self.code = code
        self.text = text
        self.status = status
        self.headers = headers

    def reply(self) -> Reply:
        """As JSON."""
        told = {"error": self.code} | ({"error_description": self.text} if self.text else {})
        return as_json(told, self.status, UNKEPT + self.headers)


def as_json(value: Any, status: int = 200, headers: Headers = UNKEPT) -> Reply:
    """An object as a reply."""
    return Reply(status, msgspec.json.encode(value), JSON, headers)


def once(fields: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The fields, each of which may be there once (RFC 6749 3.1, 3.2), those without a value left out; of `resource`
    all, with spaces between (RFC 8707 2). Raises OauthError."""
    if len(fields) > FIELDS_MAX:
        raise OauthError("invalid_request", "too many parameters")
    for name, values in fields.items():
        if len(values) > 1 and name != "resource":
            raise OauthError("invalid_request", "a parameter is there more than once")
    return {name: said for name, values in fields.items() if (said := " ".join(values))}
