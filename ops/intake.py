"""What the SMTP gateway is given besides sockets: gates, checks, a signer, and the way out; put together from settings.

The law: what is not set up is not there, and costs nothing.
"""

from collections.abc import Sequence

import structlog

from actors.queue.outbox import Outbox
from cluster.rules.choice import choices_in
from gateway.logins import UNCOUNTED, Logins
from gateway.milter.chain import Milters
from gateway.outbound.notices import Notices
from gateway.outbound.outgoing import HereOrAway
from gateway.outbound.pacing import pace_of
from gateway.outbound.schedule import Schedule
from gateway.rewriting import Rewriting
from gateway.smtp.aftermath import After, Several, Successes
from gateway.smtp.gates import Keepers
from gateway.smtp.partly import Partly
from gateway.smtp.screening import Screening
from gateway.smtp.world import World
from gateway.trust.checks import Checks
from gateway.trust.signing import Signer
from mail.trust import arc, dkim
from mail.trust.dkim_canon import Signable
from ops.core import Core
from ops.notices import NoticeSigner
from ops.rules import Ruling
from ops.settings import Settings
from ops.vacations import vacations


def world(
    core: Core, settings: Settings, rules: Ruling, secret: bytes, *hearing: After, logins: Logins = UNCOUNTED
) -> World:
    """What all SMTP sessions of this process share. `hearing`: who hears of messages besides. Raises Misconfigured."""
    return World(
        core.directory,
        core.mailboxes,
        settings.smtp,
        structlog.get_logger(),
        core.clock,
        core.dice,
        settings.hostname,
        Partly(),
        secret,
        outgoing=Outbox(core.queue, core.blobs, core.clock, core.threads),
        traces=core.traces,
        keepers=_keepers(core, settings, rules),
        screening=_screening(core, settings),
        signer=Signer(core.directory, core.clock, settings.signing),
        after=_after(core, settings, rules, hearing),
        logins=logins,
    )


def _after(core: Core, settings: Settings, rules: Ruling, hearing: Sequence[After]) -> After:
    outgoing = HereOrAway(core.directory, core.mailboxes, core.queue, core.blobs, core.clock)
    signer = NoticeSigner(Signer(core.directory, core.clock, settings.signing))
    schedule = Schedule(pace_of(settings.queue.schedule, rules.tools))
    notices = Notices(settings.hostname, outgoing, schedule, core.clock, signer=signer)
    successes = Successes(notices, core.clock, structlog.get_logger())
    return Several([successes, vacations(core, settings), *hearing])


def _keepers(core: Core, settings: Settings, rules: Ruling) -> Keepers | None:
    gates = settings.smtp.gates
    wanted = [one for one in settings.milter if one.enabled]
    if gates.are_open and not wanted and rules.throttles is None and _says_nothing_else(settings):
        return None
    milters = Milters(wanted, clock=core.clock, log=structlog.get_logger()) if wanted else None
    return Keepers(gates, rules.tools, Rewriting(gates.rewrite, core.registry), rules.throttles, milters)


def _says_nothing_else(settings: Settings) -> bool:
    """Whether no rule is asked about a client besides the gates themselves."""
    return settings.screen.is_plain and all(choice.is_plain for _, choice in choices_in(settings.smtp))


def _screening(core: Core, settings: Settings) -> Screening | None:
    if not settings.trust.checks:
        return None
    checks = Checks(
        core.resolver,
        core.clock,
        core.dice,
        settings.hostname,
        dkim=dkim.verify,
        arc=arc.verify,
        prepare=Signable,
        settings=settings.trust,
    )
    return Screening(checks, settings.screen)
