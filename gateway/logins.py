"""Failed logins: counted once for the whole cluster and all protocols, answered ever later, and then not looked at.

Each failure counts for the client's network (an IPv4 address, a /64 of IPv6) and for the name that was tried, whether
there is such an account or not. Where one of the two has too many, an attempt is refused before the password is
looked at, until enough of them are older than the window.

That alone would let strangers lock people out by failing in their name. So a name and a network from which it has
logged in before are known to each other: their failures count for this pair alone, and neither the strangers'
failures nor those of others behind the same address touch it. What that costs: who guesses from behind the very
address of their victim (one household, one office) has the pair's failures to use up, and can use them up; and from an
address that a name never came from, its owner waits as well while strangers try it.

The law: a check of a password that is told to be wrong was counted before the client hears of it. Of one limit at most
as many checks as it allows run at once, so that a thousand attempts side by side are no way around it: within a window
at most twice the limit is tried through one gateway. The same wrong password again is no guess, and is not counted
again by the gateway that remembers it, only answered ever later: an old phone locks nobody out. Where the counts cannot
be reached, everybody may try. All that is kept here is bounded, and is digests under a key that nobody else has.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated, Final, NamedTuple, Protocol

import structlog
from msgspec import Meta, Struct
from prometheus_client import CollectorRegistry, Counter

from actors.directory.addresses import BadAddress, parse
from actors.throttle.client import Limit, Told
from cluster.clock import Clock, Dice
from cluster.errors import Fault, Trouble, Unavailable
from gateway.networks import client_network, networks, within

ASK_S: Final = 2.0  # somebody waits to read mail: longer than this the counts do not keep them
AWAY_S: Final = 5.0  # so long they are not asked again once they did not answer
TURN_S: Final = 10.0  # an attempt waits so long for others of its limit that are being checked
KEPT_MAX: Final = 20_000  # of each of the three things a gateway remembers: about 4 MB
NAME_CHARS_MAX: Final = 320  # of a name that is no address
_RENEWED: Final = 60  # a known pair is noted again after this part of the time it is known for
_KEY_BYTES: Final = 32
_DIGEST_BYTES: Final = 16
_NEVER: Final = (0.0, 0)


class LoginSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Failed logins, counted once for the whole cluster, over IMAP, POP3 and submission together."""

    window_s: Annotated[float, Meta(description="How long a failed login counts.", ge=1, le=86_400)] = 900.0
    failures_per_name_max: Annotated[
        int,
        Meta(
            description="Failed logins of one name, from addresses it has not logged in from before; then nobody can "
            "log in by that name from such addresses until the window is over. 0: no limit.",
            ge=0,
            le=10_000,
        ),
    ] = 10
    failures_per_network_max: Annotated[
        int,
        Meta(
            description="Failed logins from one IPv4 address or one /64 of IPv6, whatever the names. 0: no limit.",
            ge=0,
            le=10_000,
        ),
    ] = 30
    failures_known_max: Annotated[
        int,
        Meta(
            description="Failed logins of one name from an address it has logged in from before. These count for "
            "nothing else, and nothing else counts for them, so strangers cannot lock it out there. 0: no limit.",
            ge=0,
            le=10_000,
        ),
    ] = 30
    known_s: Annotated[
        float,
        Meta(description="How long after a login its address is one it has logged in from.", ge=60, le=2_600_000),
    ] = 2_592_000.0
    shared_networks: Annotated[
        tuple[str, ...],
        Meta(
            description="Networks of programs through which many people log in, such as a webmail server: there "
            "failures_per_network_max does not hold."
        ),
    ] = ("127.0.0.0/8", "::1/128")
    pause_s_max: Annotated[
        float,
        Meta(
            description="The longest that the answer to a failed login is held back: the protocol's own pause, twice "
            "as long with each failure that counts.",
            ge=0,
            le=60,
        ),
    ] = 15.0


class TooManyFailures(Unavailable):
    """The password was not looked at: too many were wrong. `wait_s`: after how long one more will be."""

    fault = Fault.PEER

    def __init__(self, wait_s: float, *, log: str) -> None:
        super().__init__(f"Too many failed logins; try again in {_in_words(wait_s)}", log=log)
        self.wait_s = wait_s


class Attempt(Protocol):
    """One exchange that may log somebody in. Whatever comes of it, `close` ends it; more than once does no harm."""

    async def begin(self, name: str, secret: str = "") -> None:
        """Before the secret is looked at, or keys are given out. Raises TooManyFailures. `name`: empty where only the
        secret tells. `secret`: the password or token, where it is here; only a digest is kept."""
        ...

    async def succeeded(self, name: str) -> None:
        """They are who they say. Raises nothing."""
        ...

    async def failed(self, pause_s: float) -> float:
        """They are not; how many seconds to hold the answer back. `pause_s`: for the first. Raises nothing."""
        ...

    def close(self) -> None:
        """It is over, perhaps without an outcome."""
        ...


class Logins(Protocol):
    """Whether logging in may be tried, and what came of it."""

    def attempt(self, ip: str) -> Attempt:
        """An attempt from this address; nothing is asked yet."""
        ...


class Tallying(Protocol):
    """actors.throttle.client.ThrottleClient, or MemoryTallies."""

    async def tally(self, limits: Sequence[Limit], ident: bytes = b"", *, timeout_s: float = 0.0) -> Sequence[Told]:
        """What each has counted; with `ident` one more first. Raises Trouble."""
        ...


class Uncounted:
    """Logins where nothing is counted, and its attempts."""

    def attempt(self, ip: str) -> "Uncounted":  # noqa: ARG002 (the Protocol's)
        """Itself."""
        return self

    async def begin(self, name: str, secret: str = "") -> None:
        """Go on."""

    async def succeeded(self, name: str) -> None:
        """Well."""

    async def failed(self, pause_s: float) -> float:
        """The protocol's own pause."""
        return pause_s

    def close(self) -> None:
        """Nothing is held."""


UNCOUNTED: Final = Uncounted()


class _Where(NamedTuple):
    """What an attempt counts for."""

    limits: tuple[Limit, ...]  # in this order their turns are waited for, so nobody waits in a circle
    said: str  # the name, as it was given
    pair: bytes = b""  # digest of name and network, where they may be known to each other
    is_known: bool = False
    secret: bytes = b""  # digest of pair and secret


class CountedLogins:
    """Those of a gateway."""

    def __init__(
        self,
        settings: LoginSettings,
        tallying: Tallying,
        clock: Clock,
        dice: Dice,
        registry: CollectorRegistry,
        *,
        default_domain: str = "",
    ) -> None:
        """`default_domain`: of a name without one. Raises Misconfigured."""
        self._settings = settings
        self._tallying = tallying
        self._clock = clock
        self._dice = dice
        self._default_domain = default_domain
        self._shared = networks(settings.shared_networks)
        self._key = dice.randbytes(_KEY_BYTES)
        self._turns = _Turns()
        self._known = _Lately(clock)  # pairs
        self._failing = _Lately(clock)  # known pairs that failed here within the window
        self._wrong = _Lately(clock)  # secrets that were wrong
        self._away_until = 0.0
        self._refused = Counter(
            "rookery_logins_refused", "Logins not tried: too many failures", ["limit"], registry=registry
        )
        self._unreached = Counter(
            "rookery_login_counts_unreached", "Times that failed logins could not be asked for", registry=registry
        )

    def attempt(self, ip: str) -> "CountedAttempt":
        """An attempt from this address."""
        return CountedAttempt(self, ip)

    async def enter(self, ip: str, name: str, secret: str) -> _Where:
        """Wait for a turn under all limits, which `leave` gives back. Raises TooManyFailures."""
        where = await self._where(ip, name, secret)
        await self._turns.enter(where.limits)
        try:
            await self._check(where)
        except BaseException:
            self._turns.leave(where.limits)
            raise
        return where

    async def _check(self, where: _Where) -> None:
        if where.is_known and where.pair not in self._failing:
            return  # as nearly all logins are: nothing has to be asked
        for limit, told in zip(where.limits, await self._told(where.limits), strict=True):
            if told.counted >= limit.rate:
                self._refused.labels(limit.name).inc()
                raise TooManyFailures(told.wait_s, log=f"{limit.name} has {told.counted} failed logins")

    def leave(self, where: _Where) -> None:
        """Let the next have its turn."""
        self._turns.leave(where.limits)

    async def succeeded(self, ip: str, name: str, where: _Where | None) -> None:
        """From now on they are known to each other."""
        if where is not None and where.said == name and where.pair in self._known:
            return
        network, name = client_network(ip), self._named(name)
        if not network or not name:
            return
        pair = self._digest(network, name)
        if pair not in self._known:
            noted = await self._told((self._success(network, name),), self._dice.randbytes(16))
            # What could not be told to the others is told soon.
            self._known.add(pair, self._settings.known_s / _RENEWED if noted[0].counted else self._settings.window_s)

    async def failed(self, where: _Where, pause_s: float) -> float:
        """Count it; the pause before the answer."""
        settings = self._settings
        if where.is_known:
            self._failing.add(where.pair, settings.window_s)
        times = self._wrong.add(where.secret, settings.window_s) if where.secret else 1
        told = await self._told(where.limits, self._dice.randbytes(16) if times == 1 else b"")
        counted = max((one.counted for one in told), default=1)
        if where.limits:
            counted = max(counted, times)  # or who repeats one guess could keep the checkers of passwords busy
        longer = pause_s * 2.0 ** min(max(counted - 1, 0), 16)
        return min(longer, max(pause_s, settings.pause_s_max))

    async def _where(self, ip: str, said: str, secret: str) -> _Where:
        """What this attempt counts for."""
        settings, network, name = self._settings, client_network(ip), self._named(said)
        pair = self._digest(network, name) if network and name else b""
        is_known = bool(pair) and await self._is_known(pair, network, name)
        if is_known:
            some = [Limit("known login", f"{network}\0{name}", rate=settings.failures_known_max)]
        else:
            alone = "" if within(ip, self._shared) else network
            some = [
                Limit("login network", alone, rate=settings.failures_per_network_max),
                Limit("login name", name, rate=settings.failures_per_name_max),
            ]
        limits = tuple(one._replace(per_s=settings.window_s) for one in some if one.key and one.rate)
        return _Where(limits, said, pair, is_known, self._digest(network, name, secret) if secret else b"")

    async def _is_known(self, pair: bytes, network: str, name: str) -> bool:
        if pair in self._known:
            return True
        return any(told.counted for told in await self._told((self._success(network, name),)))

    def _success(self, network: str, name: str) -> Limit:
        return Limit("login success", f"{network}\0{name}", rate=1, per_s=self._settings.known_s)

    async def _told(self, limits: Sequence[Limit], ident: bytes = b"") -> Sequence[Told]:
        """What the limits have counted; nothing, where they do not answer."""
        nothing = [Told(0, 0.0)] * len(limits)
        if not limits:
            return nothing
        if self._clock.monotonic() < self._away_until:
            self._unreached.inc()
            return nothing
        try:
            async with asyncio.timeout(ASK_S):
                return await self._tallying.tally(limits, ident, timeout_s=ASK_S)
        except (Trouble, TimeoutError) as error:
            self._unreached.inc()
            self._away_until = self._clock.monotonic() + AWAY_S
            structlog.get_logger().warning("logins.not_counted", why=getattr(error, "log", "no answer in time"))
            return nothing

    def _named(self, name: str) -> str:
        """One text for all spellings of a login; accounts have one login each (actors/directory)."""
        try:
            return str(parse(name, self._default_domain).folded())
        except BadAddress:
            return name[:NAME_CHARS_MAX].lower()

    def _digest(self, *texts: str) -> bytes:
        digest = hashlib.blake2b(digest_size=_DIGEST_BYTES, key=self._key)
        for text in texts:
            digest.update(text.encode(errors="surrogatepass") + b"\0")
        return digest.digest()


class CountedAttempt:
    """One exchange of a client."""

    __slots__ = ("_ip", "_logins", "_where")

    def __init__(self, logins: CountedLogins, ip: str) -> None:
        self._logins = logins
        self._ip = ip
        self._where: _Where | None = None

    async def begin(self, name: str, secret: str = "") -> None:
        """Wait for a turn. Raises TooManyFailures."""
        self.close()
        self._where = await self._logins.enter(self._ip, name, secret)

    async def succeeded(self, name: str) -> None:
        """Let them in."""
        where = self._where
        self.close()
        await self._logins.succeeded(self._ip, name, where)

    async def failed(self, pause_s: float) -> float:
        """Counted, unless nothing was tried."""
        if self._where is None:
            return pause_s
        try:
            return await self._logins.failed(self._where, pause_s)
        finally:
            self.close()

    def close(self) -> None:
        """The turn is another's."""
        where, self._where = self._where, None
        if where is not None:
            self._logins.leave(where)


class _Turns:
    """Of each limit so many attempts at once as it allows failures; the others wait, in their order."""

    def __init__(self) -> None:
        self._taken: dict[Limit, tuple[asyncio.Semaphore, int]] = {}  # with how many have or want a turn

    async def enter(self, limits: Sequence[Limit]) -> None:
        """Wait for all, one after the other. Raises TooManyFailures."""
        entered: list[Limit] = []
        try:
            for limit in limits:
                await self._enter(limit)
                entered.append(limit)
        except BaseException as error:
            self.leave(entered)
            if isinstance(error, TimeoutError):
                raise TooManyFailures(TURN_S, log="too many logins are being tried at once") from None
            raise

    async def _enter(self, limit: Limit) -> None:
        semaphore, wanted = self._taken.get(limit) or (asyncio.Semaphore(limit.rate), 0)
        self._taken[limit] = semaphore, wanted + 1
        try:
            if semaphore.locked():
                async with asyncio.timeout(TURN_S):
                    await semaphore.acquire()
            else:
                await semaphore.acquire()  # at once
        except BaseException:
            self._forget(limit)
            raise

    def leave(self, limits: Sequence[Limit]) -> None:
        """Give all back."""
        for limit in limits:
            self._taken[limit][0].release()
            self._forget(limit)

    def _forget(self, limit: Limit) -> None:
        semaphore, wanted = self._taken[limit]
        if wanted > 1:
            self._taken[limit] = semaphore, wanted - 1
        else:
            del self._taken[limit]


class _Lately:
    """Digests, each remembered for a while; of too many the oldest are forgotten."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: OrderedDict[bytes, tuple[float, int]] = OrderedDict()

    def __contains__(self, digest: bytes) -> bool:
        return self._until.get(digest, _NEVER)[0] > self._clock.monotonic()

    def add(self, digest: bytes, seconds: float) -> int:
        """Remember it from now on for so long; how many times it was added while it was remembered."""
        now = self._clock.monotonic()
        until, times = self._until.get(digest, _NEVER)
        times = times + 1 if until > now else 1
        self._until[digest] = now + seconds, times
        self._until.move_to_end(digest)
        if len(self._until) > KEPT_MAX:
            self._until.popitem(last=False)
        return times


def _in_words(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes <= 1:
        return "a minute"
    return f"{minutes} minutes" if minutes < 120 else f"{round(minutes / 60)} hours"
