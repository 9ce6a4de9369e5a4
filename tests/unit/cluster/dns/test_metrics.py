"""The resolver's numbers."""

from random import Random

from prometheus_client import CollectorRegistry

from cluster.clock import ManualClock
from cluster.dns.client import DnsResolver
from cluster.dns.metrics import DnsCollector
from cluster.dns.settings import DnsSettings
from tests.dns_server import ZONES, DnsServer


async def test_what_was_asked_and_what_is_kept() -> None:
    registry = CollectorRegistry()
    with DnsServer(ZONES) as server:
        resolver = DnsResolver(DnsSettings(servers=(server.address,)), ManualClock(), Random(1))
        DnsCollector(resolver, registry)
        for name in ("plain.test", "plain.test", "nx.plain.test", "refused.odd.test", "mx1.plain.test"):
            await resolver.ask(name, "A")
        await resolver.close()

    def told(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"rookery_dns_{name}", labels)

    outcomes = [told("questions_total", outcome=one) for one in ("ok", "nxdomain", "tempfail")]
    assert outcomes == [2, 1, 1]
    assert (told("cache_hits_total"), told("cache_entries"), told("questions_open")) == (1, 4, 0)
    assert told("cache_bytes") == resolver.cached_bytes
    assert resolver.cached_bytes > 0
