"""Which path is answered by what, and in what form its troubles are told.

The law: whatever happens in a handler, a program hears JSON and a person a page, neither with more than helps them.
"""

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from cluster.errors import Trouble
from gateway.oauth import account, authorize, device, html, metadata, tokens, words
from gateway.oauth.parts import UNKEPT, Asked, OauthError, Reply, Services, as_json

Endpoint = Callable[[Services, Asked], Awaitable[Reply]]


class Route(NamedTuple):
    """`is_page`: for people; the others are for programs, also for scripts of other origins."""

    path: str
    method: str
    endpoint: Endpoint
    is_page: bool = False


ROUTES: Final = (
    Route(metadata.SERVER, "GET", metadata.server),
    Route(metadata.RESOURCE, "GET", metadata.resource),
    Route(metadata.REGISTER, "POST", metadata.register),
    Route(authorize.PATH, "GET", authorize.shown, is_page=True),
    Route(authorize.PATH, "POST", authorize.sent, is_page=True),
    Route(tokens.PATH, "POST", tokens.token),
    Route(tokens.REVOKE, "POST", tokens.revoke),
    Route(tokens.INTROSPECT, "POST", tokens.introspect),
    Route(device.ENDPOINT, "POST", device.begin),
    Route(device.PAGE, "GET", device.shown, is_page=True),
    Route(device.PAGE, "POST", device.sent, is_page=True),
    Route(metadata.ACCOUNT, "GET", account.shown, is_page=True),
    Route(metadata.ACCOUNT, "POST", account.sent, is_page=True),
)


def routes(resources: tuple[str, ...] = ()) -> tuple[Route, ...]:
    """All. `resources`: paths of what tokens are for, each of which says so itself (RFC 9728 3.1)."""
    return ROUTES + tuple(Route(metadata.RESOURCE + path, "GET", metadata.resource) for path in resources)


async def answer(services: Services, route: Route, asked: Asked) -> Reply:
    """What a route answers. Raises nothing that is expected."""
    try:
        return await route.endpoint(services, asked)
    except OauthError as error:
        return error.reply()
    except Trouble as trouble:
        services.log.warning("oauth.trouble", path=route.path, why=trouble.log)
        if route.is_page:
            return html.page("Please try again later", "", error=words.LATER, status=503, host=services.host)
        return as_json({"error": "temporarily_unavailable"}, 503, (*UNKEPT, ("Retry-After", "5")))
