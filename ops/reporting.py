"""Reports put together from settings: what is called for each message and session, and what runs beside.

The law: whoever counts needs nothing of whoever sends; one process sends, whichever it is.
"""

from contextlib import AsyncExitStack
from typing import NamedTuple

from actors.queue.outbox import Outbox
from gateway.reports.after import Hearing
from gateway.reports.counting import Noted
from gateway.reports.failing import Failures
from gateway.reports.https import HttpsPoster
from gateway.reports.posting import HereOrAway, Signer
from gateway.reports.receiving import Receiving
from gateway.reports.schedule import Daily, Mine, Round
from gateway.reports.sending import Reporter
from mail.trust.dmarc_discovery import RegisteredDomain
from ops.core import Core, while_open
from ops.settings import Settings


class Reporting(NamedTuple):
    """What gateways and the courier call: `hearing` of each message, `noted.tls` of each session."""

    noted: Noted
    failures: Failures
    receiving: Receiving

    @property
    def hearing(self) -> Hearing:
        """An After of the SMTP gateway."""
        return Hearing(self.noted, self.failures, self.receiving)


def reporting(
    stack: AsyncExitStack,
    core: Core,
    settings: Settings,
    *,
    signer: Signer | None = None,
    registered_domain: RegisteredDomain | None = None,
) -> Reporting:
    """For one process, until the stack closes. `registered_domain`: a public suffix list, where the settings choose
    it for DMARC."""
    failures = Failures(
        core.resolver,
        _post(core),
        core.clock,
        core.dice,
        settings.reports,
        settings.hostname,
        signer=signer,
        registered_domain=registered_domain,
        registry=core.registry,
    )
    stack.push_async_callback(failures.stop)
    receiving = Receiving(core.reports, core.clock, settings.reports, core.registry)
    return Reporting(Noted(core.reports, settings.reports), failures, receiving)


class SendsNow(NamedTuple):
    """Of AdminServer: sends what the days that have ended left."""

    daily: Daily

    async def __call__(self) -> Round:
        """All of it. Raises Unavailable."""
        return await self.daily.round(now=True)


def sending_daily(
    stack: AsyncExitStack,
    core: Core,
    settings: Settings,
    mine: Mine,
    *,
    signer: Signer | None = None,
    registered_domain: RegisteredDomain | None = None,
) -> SendsNow:
    """Send reports every day while this process is the one to do it, until the stack closes."""
    reporter = Reporter(
        core.reports,
        core.resolver,
        _post(core),
        settings.reports,
        settings.hostname,
        signer=signer,
        https=HttpsPoster(core.resolver),
        registered_domain=registered_domain,
        registry=core.registry,
    )
    daily = Daily(core.reports, reporter, core.clock, settings.reports, settings.hostname)
    while_open(stack, "daily reports", daily.run(mine))
    return SendsNow(daily)


def _post(core: Core) -> HereOrAway:
    return HereOrAway(core.directory, core.mailboxes, Outbox(core.queue, core.blobs, core.clock, core.threads))
