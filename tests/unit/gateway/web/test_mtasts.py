"""Our own policy, as a sender sees it."""

import datetime as dt
import random
import ssl
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from cluster.certificates import server_context
from cluster.clock import ManualClock
from cluster.dns.memory import MemoryResolver
from cluster.errors import NotFound, Refused, Unavailable
from cluster.hosting.sockets import listen
from gateway.outbound.fetch import FetchError, HttpsFetcher
from gateway.web.metrics import WebMetrics
from gateway.web.mtasts import policy_resource
from gateway.web.parts import WebServices
from gateway.web.router import Router
from gateway.web.server import WebServer
from gateway.web.settings import MtaStsSettings, WebSettings
from mail.trust.mtasts import PATH, Policy, read_policy
from tests.authorities import Certified
from tests.unit.gateway.web.world import Log, Response, World


class Domains:
    """Two are ours; one cannot be read now."""

    async def get_domain(self, name: str) -> object:
        if name == "away.test":
            raise Unavailable("Not now.")
        if not name.isascii() or ".." in name:
            raise Refused("That is no domain.")
        if name not in ("example.test", "other.test"):
            raise NotFound("There is none.")
        return name


SETTINGS = MtaStsSettings(mode="enforce", mx=("MX1.example.test", "*.example.test"), max_age_s=86_400)


async def ask(settings: MtaStsSettings, host: str) -> Response:
    world = World()
    world.router.add(PATH, policy_resource(settings.policy("mx.example.test"), Domains()))
    client = world.connect()
    await client.send(f"GET {PATH} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    return client.response()


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("mta-sts.example.test", 200),
        ("mta-sts.other.test", 200),
        ("example.test", 404),
        ("mta-sts.else.test", 404),
        ("mta-sts.mta-sts.example.test", 404),
        ("mta-sts.", 404),
        ("mta-sts.a..b", 404),
        ("", 404),
    ],
)
async def test_whose_policy_is_served(host: str, status: int) -> None:
    response = await ask(SETTINGS, host)
    assert response.status == status
    if status == 200:
        assert response.headers["content-type"].startswith("text/plain")
        assert response.headers["cache-control"] == "max-age=3600"
        assert read_policy(response.body) == Policy("enforce", ("mx1.example.test", "*.example.test"), 86_400)


async def test_what_cannot_be_looked_up_is_not_denied() -> None:
    assert (await ask(SETTINGS, "mta-sts.away.test")).status == 503


async def test_without_a_policy_nothing_is_served() -> None:
    assert (await ask(MtaStsSettings(), "mta-sts.example.test")).status == 404


def test_the_servers_name_stands_for_all_mx() -> None:
    assert MtaStsSettings(mode="testing").policy("MX.test") == Policy("testing", ("mx.test",), 604_800)


async def test_our_own_fetcher_takes_it(tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    root = Certified.root(now=now)
    context = server_context(*root.server("mta-sts.example.test", "mta-sts.else.test", now=now).write(tmp_path))
    router = Router()
    router.add(PATH, policy_resource(SETTINGS.policy("mx"), Domains()))
    services = WebServices(WebSettings(), WebMetrics(CollectorRegistry()), ManualClock(), random.Random(1), Log())
    web = WebServer(router, services, context)
    sock = listen("127.0.0.1", 0)
    port = sock.getsockname()[1]
    await web.listen(sock)
    names = {f"mta-sts.{domain}": {"A": ["127.0.0.1"]} for domain in ("example.test", "else.test")}
    trust = ssl.create_default_context(cadata=ssl.DER_cert_to_PEM_cert(root.der))
    fetch = HttpsFetcher(MemoryResolver(names), context=trust, port=port)
    assert read_policy(await fetch("example.test")).mode == "enforce"
    with pytest.raises(FetchError, match="404"):
        await fetch("else.test")
    await web.close()
