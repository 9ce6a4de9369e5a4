"""Who answers for people that are away, put together from a core.

The law: one a process.
"""

import structlog

from gateway.outbound.outgoing import HereOrAway
from gateway.trust.signing import Signer
from gateway.vacation.delivered import Vacations
from gateway.vacation.responder import Responder
from ops.core import Core
from ops.notices import NoticeSigner
from ops.settings import Settings


def vacations(core: Core, settings: Settings) -> Vacations:
    """Hears of what is delivered."""
    outgoing = HereOrAway(core.directory, core.mailboxes, core.queue, core.blobs, core.clock)
    signer = NoticeSigner(Signer(core.directory, core.clock, settings.signing))
    log = structlog.get_logger()
    responder = Responder(core.mailboxes, outgoing, signer, core.clock, log, host=settings.hostname)
    return Vacations(core.mailboxes, core.directory, responder, core.clock, log)
