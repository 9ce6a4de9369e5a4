"""The MTA-STS policy that holds for a domain now (RFC 8461 §3.3, §5).

The law: a policy that was seen holds for its time, whatever the DNS or the web say or do not say since, unless they
give a new one. What cannot be fetched never stops mail; a domain is asked for its policy by one task at a time, and not
again soon after it failed.
"""

import asyncio
from collections import OrderedDict
from typing import Final, NamedTuple, TypeVar

from actors.policies.client import PolicyClient
from actors.policies.types import Kept
from cluster.clock import Clock
from cluster.dns.resolver import Resolver
from cluster.errors import Trouble
from gateway.outbound.fetch import Fetch, FetchError
from gateway.outbound.policysettings import TlsSettings
from mail.trust.mtasts import BadPolicy, Policy, read_policy, read_record

T = TypeVar("T")

DOMAINS_MAX: Final = 10_000  # remembered in memory, about 1 kB each
FETCHES_MAX: Final = 20  # at once; others wait for them
SWEEP_EVERY_S: Final = 600.0


class Found(NamedTuple):
    """`policy`: the one that holds, if any. `failure`: a result type of RFC 8460 §4.3 where a new one is announced but
    could not be had, with `why`."""

    policy: Policy | None = None
    failure: str = ""
    why: str = ""


class _Remembered(NamedTuple):
    until_s: float  # then the record is looked at again
    found: Found


class _Failed(NamedTuple):
    id: str
    until_s: float  # the same id is not fetched before
    found: Found


class StsPolicies:
    """Finds policies, and keeps them for all processes of the cluster."""

    def __init__(
        self, resolver: Resolver, policies: PolicyClient, fetch: Fetch, clock: Clock, settings: TlsSettings
    ) -> None:
        self._resolver = resolver
        self._policies = policies
        self._fetch = fetch
        self._clock = clock
        self._settings = settings
        self._remembered: OrderedDict[str, _Remembered] = OrderedDict()
        self._failed: OrderedDict[str, _Failed] = OrderedDict()
        self._finding: dict[str, asyncio.Task[Found]] = {}
        self._fetches = asyncio.Semaphore(FETCHES_MAX)
        self._swept_s = clock.monotonic()

    async def find(self, domain: str) -> Found:
        """What holds for the domain (A-labels). Raises nothing: without a store or a net there is no policy."""
        domain = domain.lower()
        known = self._remembered.get(domain)
        if known is not None and self._clock.monotonic() < known.until_s:
            return known.found
        task = self._finding.get(domain)
        if task is None:
            task = self._finding[domain] = asyncio.create_task(self._find(domain))
            task.add_done_callback(lambda _: self._finding.pop(domain, None))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Give up what is being fetched."""
        tasks = list(self._finding.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _find(self, domain: str) -> Found:
        try:
            kept = await self._policies.get(domain)
        except Trouble:
            kept = None
        answer = await self._resolver.ask(f"_mta-sts.{domain}", "TXT")
        record = read_record(answer.records)
        if not record.id or (kept is not None and record.id == kept.id and not self._is_old(kept)):
            found = Found(_policy(kept))  # RFC 8461 §3.1: that there is no record does not end a policy
        else:
            found = await self._fetched(domain, record.id, kept)
        _remember(self._remembered, domain, _Remembered(self._clock.monotonic() + self._settings.sts_check_s, found))
        await self._sweep()
        return found

    def _is_old(self, kept: Kept) -> bool:
        return self._clock.now_ms() - kept.fetched_ms > 1000 * min(self._settings.sts_refresh_s, kept.max_age_s // 2)

    async def _fetched(self, domain: str, ident: str, kept: Kept | None) -> Found:
        """The policy anew; the kept one where that fails."""
        failed = self._failed.get(domain)
        if failed is not None and failed.id == ident and self._clock.monotonic() < failed.until_s:
            return failed.found._replace(policy=_policy(kept))
        try:
            async with self._fetches:
                policy = read_policy(await self._fetch(domain))
        except FetchError as error:
            return self._failure(domain, ident, Found(_policy(kept), error.failure, error.why))
        except BadPolicy as error:
            return self._failure(domain, ident, Found(_policy(kept), "sts-policy-invalid", str(error)))
        fresh = Kept(ident, policy.mode, policy.mx, policy.max_age_s, self._clock.now_ms())
        try:
            await self._policies.put(domain, fresh)
        except (Trouble, ValueError):
            pass  # it holds now; who asks next fetches it again
        self._failed.pop(domain, None)
        return Found(policy)

    def _failure(self, domain: str, ident: str, found: Found) -> Found:
        _remember(self._failed, domain, _Failed(ident, self._clock.monotonic() + self._settings.sts_retry_s, found))
        return found

    async def _sweep(self) -> None:
        """Now and then, those in the store whose time is over."""
        now_s = self._clock.monotonic()
        if now_s - self._swept_s < SWEEP_EVERY_S:
            return
        self._swept_s = now_s
        try:
            await self._policies.sweep()
        except Trouble:
            pass


def _policy(kept: Kept | None) -> Policy | None:
    return Policy(kept.mode, kept.mx, kept.max_age_s) if kept is not None else None


def _remember(rows: OrderedDict[str, T], domain: str, row: T) -> None:
    rows[domain] = row
    rows.move_to_end(domain)
    while len(rows) > DOMAINS_MAX:
        rows.popitem(last=False)
