"""Our own MTA-STS policy, for each domain of the directory (RFC 8461 §3.2).

The law: nothing is served for a domain that is not ours.
"""

from typing import Final, Protocol

from cluster.errors import NotFound, Refused
from gateway.web.answers import Answer, HttpError
from gateway.web.exchange import Exchange
from gateway.web.parts import Handler
from mail.trust.mtasts import Policy, render

PREFIX: Final = "mta-sts."
CACHED_S: Final = 3600  # by browsers: senders must not use an HTTP cache (RFC 8461 §3.3)


class Domains(Protocol):
    """Which domains are ours."""

    async def get_domain(self, name: str) -> object:
        """The domain. Raises NotFound, Refused, Unavailable."""
        ...


def policy_resource(policy: Policy | None, domains: Domains) -> Handler:
    """Serves the policy at its path."""
    body = render(policy) if policy is not None else b""

    async def answer(exchange: Exchange) -> Answer:
        domain = exchange.host.removeprefix(PREFIX)
        if policy is None or not exchange.host.startswith(PREFIX) or not domain:
            raise HttpError(404)
        try:
            await domains.get_domain(domain)
        except (NotFound, Refused):
            raise HttpError(404) from None
        return Answer(200, body, headers=(("Cache-Control", f"max-age={CACHED_S}"),))

    return answer
