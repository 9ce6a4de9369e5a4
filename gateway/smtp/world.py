"""What all sessions of a gateway share."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from actors.directory.types import Principal
from actors.trace.client import NOWHERE, Tracing
from cluster.clock import Clock, Dice
from gateway.logins import UNCOUNTED, Logins
from gateway.networks import networks, within
from gateway.smtp.aftermath import After
from gateway.smtp.gates import Keepers
from gateway.smtp.partly import Partly
from gateway.smtp.parts import Directory, Intake, Log, Outgoing
from gateway.smtp.screening import Screening
from gateway.smtp.settings import SmtpSettings
from gateway.trust.signing import Signer
from mail.smtp.states import Role

RELAYING_MAX: Final = 10_000  # addresses of which it is remembered whether they may relay


@dataclass(frozen=True)
class World:
    """What all sessions of a gateway share."""

    directory: Directory
    intake: Intake
    settings: SmtpSettings
    log: Log
    clock: Clock
    dice: Dice
    host_name: str
    """Our name in greetings and Received fields."""
    partly: Partly
    sasl_secret: bytes
    """The server's own, 16 bytes or more, the same over restarts: it hides which logins exist."""
    outgoing: Outgoing | None = None
    """None: mail to other servers is refused."""
    traces: Tracing = NOWHERE
    keepers: Keepers | None = None
    """What the settings let decide over clients; None: nothing is set up."""
    screening: Screening | None = None
    """The checks on mail from other servers; None: it is not checked."""
    signer: Signer | None = None
    """Signs what leaves; None: nothing is signed."""
    after: After | None = None
    """Who is told of messages once they are answered for; None: nobody."""
    logins: Logins = UNCOUNTED
    """Whether logging in may be tried."""

    @cached_property
    def _relay_from(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return networks(self.settings.relay_from)

    def relays(self, ip: str) -> bool:
        """Whether who comes from this address may send to other servers without login."""
        if not self.settings.relay_from:
            return False
        known = self._relaying.get(ip)
        if known is None:
            if len(self._relaying) >= RELAYING_MAX:
                self._relaying.clear()
            known = self._relaying[ip] = within(ip, self._relay_from)
        return known

    @cached_property
    def _relaying(self) -> dict[str, bool]:
        return {}

    def screens(self, ip: str, role: Role, principal: Principal | None) -> Screening | None:
        """The checks for mail from other servers; None: from our people, from networks that may relay, and what comes
        by LMTP it is not checked."""
        trusted = principal is not None or role is Role.LMTP or self.relays(ip)
        return None if trusted else self.screening

    @cached_property
    def early_checks(self) -> bool:
        """Whether something asks for SPF or iprev before the message is here."""
        return self.keepers is not None and self.keepers.wants_checks

    async def may_send_as(self, principal: Principal | None, addresses: Iterable[str]) -> bool:
        """Whether who has logged in may use all these as senders. Raises Unavailable."""
        if principal is None or not self.settings.own_addresses_only:
            return True
        for address in addresses:
            if not await self.directory.may_send_as(principal, address):
                return False
        return True
