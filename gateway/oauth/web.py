"""OAuth 2 over whatever carries HTTP: a request taken apart, and a handler for each path and method.

The law: a body is read only where there is one to be read, up to BODY_BYTES_MAX; what is no form is none.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol
from urllib.parse import parse_qs

from gateway.oauth import html
from gateway.oauth.parts import BODY_BYTES_MAX, FIELDS_MAX, Asked, OauthError, Reply, Services
from gateway.oauth.routes import Route, answer, routes
from gateway.oauth.tokens import FORM

HEADERS: Final = ("authorization", "content-type", "cookie")  # that anything here looks at


class Carried(Protocol):
    """gateway.web.exchange.Exchange."""

    @property
    def method(self) -> str:
        """GET, HEAD or POST."""
        ...

    @property
    def secure(self) -> bool:
        """Whether nobody can read along."""
        ...

    @property
    def ip(self) -> str:
        """The client's address."""
        ...

    @property
    def query(self) -> Mapping[str, Sequence[str]]:
        """The query's fields."""
        ...

    @property
    def content_type(self) -> str:
        """Of the body, without parameters, in small letters."""
        ...

    def header(self, name: str) -> str:
        """A header's value; empty where there is none."""
        ...

    async def body(self, limit: int) -> bytes:
        """All of it."""
        ...


class Handling(NamedTuple):
    """A path, the method that it is asked with, whether scripts of other origins may, and what answers."""

    path: str
    method: str
    cors: bool
    handler: Callable[[Carried], Awaitable[Reply]]


def handlings(services: Services, resources: tuple[str, ...] = ()) -> Iterator[Handling]:
    """All that a server with an issuer serves. `resources`: as `routes` has them."""
    for route in routes(resources):
        yield Handling(route.path, route.method, not route.is_page, _handler(services, route))


def _handler(services: Services, route: Route) -> Callable[[Carried], Awaitable[Reply]]:
    async def handle(carried: Carried) -> Reply:
        if not carried.secure:
            return Reply(403, b"This needs TLS\n", "text/plain; charset=utf-8")
        try:
            asked = await _asked(carried, route)
        except ValueError:  # not UTF-8, or more fields than any form of ours has
            if route.is_page:
                return html.page("This form cannot be read", "", status=400, host=services.host)
            return OauthError("invalid_request", "the body cannot be read").reply()
        return await answer(services, route, asked)

    return handle


async def _asked(carried: Carried, route: Route) -> Asked:
    """Raises ValueError, and what reading a body does."""
    headers = {name: value for name in HEADERS if (value := carried.header(name))}
    asked = Asked(route.method, route.path, carried.query, headers=headers, ip=carried.ip)
    if route.method != "POST":
        return asked
    body = await carried.body(BODY_BYTES_MAX)
    if carried.content_type != FORM:
        return asked._replace(body=body)
    form = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict")
    return asked._replace(form=form)
