"""Who may ask the HTTP API: from which networks, as whom, and whether for changes.

The law: where somebody comes from is looked at before what he says; wrong passwords are counted as everywhere
(gateway/web/credentials.py); nothing is changed for a page of another origin, whatever a browser adds to its requests.
"""

from typing import Final, Protocol

from cluster.config import Secret
from cluster.errors import Fault, NotFound
from gateway.networks import networks, within
from gateway.web.credentials import Credentials
from gateway.web.exchange import Exchange
from ops.admin.access import TOKEN, is_token
from ops.admin.http.problems import Problem
from ops.admin.settings import ApiSettings

SCOPE: Final = "admin"  # what a token must be good for; the passwords of programs never are
SAME: Final = ("", "same-origin", "none")  # Sec-Fetch-Site of a request that no other site made


class Administrator(Protocol):
    """An account, as far as it matters."""

    @property
    def administrator(self) -> bool:
        """Whether it may."""
        ...


class Accounts(Protocol):
    """Who is an administrator."""

    async def get_account(self, login: str) -> Administrator:
        """The account. Raises NotFound, Unavailable."""
        ...


class Entrance:
    """Of one gateway."""

    def __init__(self, settings: ApiSettings, token: Secret, credentials: Credentials, accounts: Accounts) -> None:
        """Raises Misconfigured."""
        self._writes = settings.writes
        self._networks = networks(settings.networks)
        self._token = token
        self._credentials = credentials
        self._accounts = accounts

    def near(self, exchange: Exchange) -> None:
        """Whether it is one of our networks. Raises Problem."""
        if not within(exchange.ip, self._networks):
            raise Problem(403, "This network may not use the API: see [api] networks.", fault=Fault.POLICY)

    async def who(self, exchange: Exchange) -> str:
        """Who asks, for the record of changes. Raises Problem, HttpError, TooManyFailures, Unavailable."""
        self.near(exchange)
        if exchange.secure and is_token(self._token, exchange.header("authorization")):
            return TOKEN
        login = (await self._credentials.principal(exchange, SCOPE)).login
        try:
            administrator = (await self._accounts.get_account(login)).administrator
        except NotFound:  # removed since, or of another directory
            administrator = False
        if not administrator:
            exchange.services.log.warning("api.denied", conn=exchange.id, login=login, ip=exchange.ip)
            says = f"{login} is no administrator; `rookery account change {login} --administrator` makes one."
            raise Problem(403, says, fault=Fault.POLICY)
        return f"account:{login}"

    def may_write(self, exchange: Exchange) -> None:
        """Whether changes are taken. Raises Problem."""
        if not self._writes:
            raise Problem(403, "The API takes no changes here: set [api] writes = true for that.", fault=Fault.POLICY)
        origin, site = exchange.header("origin"), exchange.header("sec-fetch-site")
        if site not in SAME or (origin and origin.partition("://")[2].lower() != exchange.authority):
            raise Problem(403, "Pages of other sites may not use the API.", fault=Fault.POLICY)
