"""Policies for tests that are of something else: one level for all, and what TlsPolicies makes of it."""

from collections.abc import Iterable

from cluster.clock import Clock
from cluster.dns.memory import MemoryResolver
from gateway.outbound.policysettings import TlsSettings
from gateway.outbound.tlspolicy import TlsPolicies


def settled(clock: Clock, roots: Iterable[bytes] = (b"nobody",)) -> TlsPolicies:
    """As of domains that publish nothing. `roots`: whom pkix trusts."""
    return TlsPolicies(MemoryResolver({}), None, TlsSettings(mta_sts=False, dane=False), clock, roots=roots)
