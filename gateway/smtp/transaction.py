"""One message's way in, from its sender to its answer: for sessions of SMTP, and for what submits without one.

The law: sender and recipients are looked at by the same rules, whoever brings them, and in the same order: rewriting,
the directory, gates.
"""

from msgspec.structs import replace

from actors.directory.types import Local, NotLocal, Principal, Unknown
from gateway.smtp import replies, trace
from gateway.smtp.accepting import Accepted, Accepting, Arrived
from gateway.smtp.gates import Gates
from gateway.smtp.routing import Taken
from gateway.smtp.screening import NOTHING
from gateway.smtp.story import Story
from gateway.smtp.world import World
from mail.smtp.events import MailFrom, Message, RcptTo
from mail.smtp.replies import Reply
from mail.smtp.states import Role


class Transaction:
    """Those of one client, one after the other."""

    def __init__(self, world: World, gates: Gates | None, story: Story, role: Role, *, host: str, ip: str) -> None:
        """`host`: our name in Received; `ip`: where the client is."""
        self.mail: MailFrom | None = None
        """MAIL, with the sender as it was rewritten; None: there is no transaction."""
        self.began_ms = 0
        """When it came."""
        self.taken: list[Taken] = []
        """The recipients so far."""
        self._world = world
        self._gates = gates
        self._story = story
        self._role = role
        self._ip = ip
        self._principal: Principal | None = None
        self._accepting = Accepting(world, host, gates, self._resolve)

    def clear(self) -> None:
        """There is none."""
        self.mail, self.taken = None, []

    async def begin(self, event: MailFrom, principal: Principal | None, ident: str, *, helo: str) -> Reply | None:
        """MAIL: why not, or None. `principal`: who has logged in. Raises Trouble."""
        self.clear()
        self._principal = principal
        if event.sender and not await self._world.may_send_as(principal, [event.sender]):
            return replies.NOT_YOUR_ADDRESS
        self.began_ms = self._world.clock.now_ms()
        sender = event.sender
        if self._gates is not None:
            await self._known_of_envelope(self._gates, event, helo)
            sender = await self._gates.sender(event)
            reply = await self._gates.mail(event, ident)
            if reply is not None:
                return reply
        self.mail = replace(event, sender=sender)
        return None

    async def add(self, event: RcptTo) -> Reply | None:
        """RCPT: why not, or None. Raises Trouble."""
        gates = self._gates
        address = event.recipient if gates is None else await gates.recipient(event)
        taken = await self._resolve(event, address)
        if isinstance(taken, Taken) and gates is not None:
            taken = await gates.rcpt(event) or taken
        if isinstance(taken, Reply):
            return taken
        self.taken.append(taken)
        return None

    async def take(self, event: Message, ident: str, origin: trace.Origin) -> Accepted:
        """The whole message. The transaction is over. Raises Trouble: then nothing was promised."""
        arrived = Arrived(
            event,
            self.mail or event.mail,
            self.began_ms,
            ident,
            origin,
            tuple(self.taken),
            self._principal,
            self._story,
        )
        try:
            return await self._accepting.take(arrived)
        finally:
            self.mail = None
            await self.over()

    async def over(self) -> None:
        """The message has ended, one way or another."""
        if self._gates is not None:
            await self._gates.over()

    async def _known_of_envelope(self, gates: Gates, event: MailFrom, helo: str) -> None:
        """Rules may name what SPF and iprev say: then these are checked before them."""
        gates.facts |= NOTHING  # of the message before
        screening = self._world.screens(self._ip, self._role, self._principal)
        if screening is not None and self._world.early_checks:
            gates.facts |= await screening.of_envelope(self._ip, helo, event.sender)

    async def _resolve(self, rcpt: RcptTo, address: str) -> Taken | Reply:
        """Where a recipient leads, or why it is refused. Raises Unavailable."""
        trusted = self._principal is not None or self._world.relays(self._ip)
        found = await self._world.directory.resolve(address, loosely=trusted)
        match found:
            case Local():
                taken = Taken(rcpt, tuple(target.account for target in found.targets), found.elsewhere, address)
                if not await self._have_room(taken.accounts):
                    return replies.FULL
            case NotLocal():
                taken = Taken(rcpt, (), (address,), address)
                if not await self._may_relay():
                    return replies.RELAY_DENIED
            case Unknown():
                return replies.unknown(found)
        return replies.NO_OUTBOUND if taken.elsewhere and self._world.outgoing is None else taken

    async def _may_relay(self) -> bool:
        """Whether mail to other servers is taken: from who has logged in, or as settings say."""
        if self._principal is not None or self._world.relays(self._ip):
            return True
        return self._gates is not None and await self._gates.relays()

    async def _have_room(self, accounts: tuple[int, ...]) -> bool:
        size = self.mail.size_bytes if self.mail else 0  # as declared (RFC 1870)
        for account in accounts:
            if not await self._world.intake.has_room(account, size):
                return False
        return True
