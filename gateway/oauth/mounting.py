"""OAuth 2 on the web server's routes."""

from collections.abc import Awaitable, Callable

from gateway.oauth.parts import Reply, Services
from gateway.oauth.web import Carried, handlings
from gateway.web.answers import Answer
from gateway.web.exchange import Exchange
from gateway.web.router import Router


def mount(router: Router, services: Services, resources: tuple[str, ...] = ()) -> None:
    """Serve all of it. `resources`: paths of what tokens are for."""
    for one in handlings(services, resources):
        router.add(one.path, _answering(one.handler), methods=(one.method,), cors=one.cors)


def _answering(handler: Callable[[Carried], Awaitable[Reply]]) -> Callable[[Exchange], Awaitable[Answer]]:
    async def answer(exchange: Exchange) -> Answer:
        reply = await handler(exchange)
        return Answer(reply.status, reply.body, reply.content_type, reply.headers)

    return answer
