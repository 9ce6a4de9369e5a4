"""Reports put together from settings: what is called for each message and session, and what runs beside.

The law: whoever counts needs nothing of whoever sends; one process sends, whichever it is.
"""

from contextlib import AsyncExitStack
from functools import partial
from typing import NamedTuple

from actors.queue.outbox import Outbox
from gateway.reports.after import Hearing
from gateway.reports.counting import Noted
from gateway.reports.failing import Failures
from gateway.reports.https import HttpsPoster
from gateway.reports.posting import HereOrAway, Signer
from gateway.reports.receiving import Receiving
from gateway.reports.schedule import Daily, Mine
from gateway.reports.sending import Reporter
from gateway.trust.signing import Signer as DkimSigner
from mail.trust.dmarc_discovery import RegisteredDomain
from mail.trust.psl import registered_domain
from ops.admin.reports import SendNow
from ops.core import Core, while_open
from ops.notices import NoticeSigner
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


def reporting(stack: AsyncExitStack, core: Core, settings: Settings) -> Reporting:
    """For one process, until the stack closes."""
    failures = Failures(
        core.resolver,
        _post(core),
        core.clock,
        core.dice,
        settings.reports,
        settings.hostname,
        signer=_signer(core, settings),
        registered_domain=_registered(settings),
        registry=core.registry,
    )
    stack.push_async_callback(failures.stop)
    receiving = Receiving(core.reports, core.clock, settings.reports, core.registry)
    return Reporting(Noted(core.reports, settings.reports), failures, receiving)


def sending_daily(stack: AsyncExitStack, core: Core, settings: Settings, mine: Mine) -> SendNow:
    """Send reports every day while this process is the one to do it, until the stack closes; what sends at once those
    of the days that have ended."""
    reporter = Reporter(
        core.reports,
        core.resolver,
        _post(core),
        settings.reports,
        settings.hostname,
        signer=_signer(core, settings),
        https=HttpsPoster(core.resolver),
        registered_domain=_registered(settings),
        registry=core.registry,
    )
    daily = Daily(core.reports, reporter, core.clock, settings.reports, settings.hostname)
    while_open(stack, "daily reports", daily.run(mine))
    return partial(daily.round, now=True)


def _post(core: Core) -> HereOrAway:
    return HereOrAway(core.directory, core.mailboxes, Outbox(core.queue, core.blobs, core.clock, core.threads))


def _signer(core: Core, settings: Settings) -> Signer:
    return NoticeSigner(DkimSigner(core.directory, core.clock, settings.signing))


def _registered(settings: Settings) -> RegisteredDomain | None:
    """Organizations as the checks on mail have them."""
    return registered_domain if settings.trust.organizations == "suffix-list" else None
