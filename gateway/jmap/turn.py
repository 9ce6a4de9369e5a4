"""One request while it is carried out: who asks, with which capabilities, what was made by it so far.

The law: an account that somebody may not see anything of is answered like one that is not there. Whose eyes an account
is seen with is asked once a request. Nothing outlives the request. What all its calls answer together is bounded.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

from actors.directory.types import Principal
from actors.mailbox.rights import ADMINISTER, CHANGE, MAKE, READ, REMOVE, rights_of
from actors.mailbox.sight import Sight, sight_of
from actors.mailbox.types import Who
from gateway.access import ids, subscribing
from gateway.access.whom import who_is
from gateway.jmap.parts import Holder, Sending, Services
from mail.jmap.creation import CreationIds
from mail.jmap.errors import MethodError
from mail.jmap.limits import Limits
from mail.jmap.methods.standard import Listed

ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024  # of all emails and blobs in it: more than the largest message
CHANGES: Final = CHANGE + MAKE + REMOVE + ADMINISTER  # with none of them there is nothing to change


class Reached(NamedTuple):
    """An account, and with whose eyes it is seen (None: its owner's)."""

    number: int
    who: Who | None

    @property
    def id(self) -> str:
        """What clients call it."""
        return ids.account_id(self.number)

    def mailbox_id(self, number: int) -> str:
        """What the client calls one of its mailboxes."""
        return ids.mailbox_id(self.number, number)

    def email_id(self, number: int) -> str:
        """What the client calls one of its emails."""
        return ids.email_id(self.number, number)

    def thread_id(self, number: int) -> str:
        """What the client calls one of its threads."""
        return ids.thread_id(self.number, number)

    def mailbox_of(self, name: str) -> int | None:
        """The mailbox that the client calls so."""
        return ids.mailbox_of(name, self.number)

    def email_of(self, name: str) -> int | None:
        """The email that the client calls so."""
        return ids.email_of(name, self.number)

    def thread_of(self, name: str) -> int | None:
        """The thread that the client calls so."""
        return ids.thread_of(name, self.number)


class Other(NamedTuple):
    """An account that shares mail with the client: whether he may read any, whether he wishes to see what he may read
    (subscribing.py), and whether he may change anything."""

    holder: Holder
    readable: bool
    subscribed: bool
    writable: bool


class Turn:
    """A request's."""

    def __init__(
        self,
        services: Services,
        account: int,
        login: str,
        using: frozenset[str],
        created: Mapping[str, str] | None,
        credential: str = "",
        *,
        ip: str = "",
    ) -> None:
        """`account`, `login`: of who asks. `created`: creation ids that came with the request. `credential`: what he
        has logged in with, where that is told apart. `ip`: where from."""
        self.services = services
        self.account = account
        self.login = login
        self.ip = ip
        self.using = using
        self.credential = credential
        self.created = CreationIds(created, services.limits)
        self.also: list[tuple[str, dict[str, Any]]] = []  # answers of calls that a call made by itself
        self._reached: dict[str, Reached] = {}
        self._room_bytes = ANSWER_BYTES_MAX

    @property
    def sending(self) -> Sending:
        """The way out. Raises MethodError where there is none."""
        if self.services.sending is None:
            raise MethodError("unknownMethod")
        return self.services.sending

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return Principal(self.account, self.login)

    @property
    def limits(self) -> Limits:
        """What may be asked for."""
        return self.services.limits

    def answers(self, count: int) -> None:
        """So many more octets go into the answer. Raises MethodError where they are too many."""
        self._room_bytes -= count
        if self._room_bytes < 0:
            raise MethodError("requestTooLarge", "The answer would be too large; ask for less at once.")

    @property
    def own_id(self) -> str:
        """The id of the account of who asks."""
        return ids.account_id(self.account)

    async def reach(self, account_id: str, error: str = "accountNotFound") -> Reached:
        """An account of which the client may see anything. Raises MethodError (`error`)."""
        held = self._reached.get(account_id)
        if held is None:
            number = ids.account_of(account_id)
            if number is None:
                raise MethodError(error)
            held = await self._reach(number, error)
            self._reached[account_id] = held
        return held

    async def owned(self, account_id: str) -> Reached:
        """One's own account: of another's nobody has anything but mail. Raises MethodError."""
        reached = await self.reach(account_id)
        if reached.who is not None:
            raise MethodError("accountNotSupportedByMethod")
        return reached

    async def _reach(self, number: int, error: str) -> Reached:
        if number == self.account:
            return Reached(number, None)
        who = await who_is(self.services.directory, self.account)
        holder = await self.services.directory.account_with(number)
        if holder is None or not (await self.sight(Reached(number, who))).listed:
            raise MethodError(error)
        return Reached(number, who)

    def wanted(self, asked: Listed) -> list[str] | None:
        """The ids that a /get asks for, each once, references to what this request made replaced; None: all."""
        names = asked.wanted()
        return None if names is None else self.meant(names)

    def meant(self, names: Iterable[str]) -> list[str]:
        """Each once, references to what this request made replaced where there is such a thing."""
        return list(dict.fromkeys(self.created.find(name) or name for name in names))

    async def implied(self, name: str, call: Callable[[], Awaitable[dict[str, Any]]]) -> None:
        """A call that another makes by itself; its answer follows that one's (RFC 8620 5.4)."""
        try:
            self.also.append((name, await call()))
        except MethodError as error:
            self.also.append(("error", error.json()))

    async def sight(self, reached: Reached) -> Sight:
        """What the client sees of an account now: not to be kept over an await."""
        return sight_of(await self.services.mail.mirror(reached.number), reached.who)

    async def check_writable(self, account_id: str) -> None:
        """Raises MethodError where nothing in an account is for the client to change (RFC 8620 3.6.2)."""
        reached = await self.reach(account_id)
        sight = await self.sight(reached)
        if not any(letter in CHANGES for number in sight.listed for letter in sight.rights(number)):
            raise MethodError("accountReadOnly")

    async def others(self) -> list[Other]:
        """The accounts that share mail with the client, in the order of their logins."""
        who = await who_is(self.services.directory, self.account)
        found: list[Other] = []
        for number in await self.services.mail.sharing(who.names):
            holder = await self.services.directory.account_with(number) if number != self.account else None
            if holder is not None:
                boxes = (await self.services.mail.tree(number, who)).mailboxes  # without their rows
                rights = {box.name: rights_of(box.acl, who) for box in boxes}
                readable = [name for name, letters in rights.items() if READ in letters]
                unwanted = await subscribing.unwanted(self.services.mail, number, readable, who) if readable else ()
                writable = any(letter in CHANGES for letters in rights.values() for letter in letters)
                if boxes:
                    found.append(Other(holder, bool(readable), len(unwanted) < len(readable), writable))
        return sorted(found, key=lambda one: one.holder.login)
