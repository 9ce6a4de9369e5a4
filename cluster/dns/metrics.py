"""What the resolver did, for whoever scrapes: read when it is asked for, so that an answer from the cache costs nothing
more.

The law: no label holds a name that was asked for.
"""

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cluster.dns.client import DnsResolver

OUTCOMES: Final = ("ok", "nxdomain", "tempfail")


class DnsCollector(Collector):
    """Tells of one resolver."""

    def __init__(self, resolver: DnsResolver, registry: CollectorRegistry) -> None:
        self._resolver = resolver
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """The numbers now."""
        resolver = self._resolver
        asked = CounterMetricFamily("rookery_dns_questions", "Questions to servers, by outcome", labels=["outcome"])
        for outcome in OUTCOMES:
            asked.add_metric([outcome], resolver.outcomes[outcome])
        yield asked
        yield CounterMetricFamily("rookery_dns_cache_hits", "Questions answered from the cache", resolver.hits)
        yield GaugeMetricFamily("rookery_dns_cache_entries", "Answers in the cache", resolver.cached)
        yield GaugeMetricFamily("rookery_dns_cache_bytes", "About how large they are", resolver.cached_bytes)
        yield GaugeMetricFamily("rookery_dns_questions_open", "Questions not answered yet", resolver.open)
