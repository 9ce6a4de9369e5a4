"""Limits on how often and how many at once: which apply to something, and what they say.

The law: without throttles nothing is asked and nothing is awaited; each moment asks once, for all that apply. A place
is held until its handle is left, and renewed meanwhile. Where the shards do not answer, `if_unavailable` decides.
"""

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, Literal, NamedTuple

import structlog
from msgspec import Meta, Struct
from prometheus_client import CollectorRegistry, Counter

from actors.throttle.client import Admitted, Limit, ThrottleClient, Wait
from cluster.clock import Dice
from cluster.errors import Misconfigured, Trouble
from cluster.rules import Expression, Facts
from gateway.facts import FACTS, FUNCTIONS, known_at

HELD_MAX: Final = 100_000  # handles with places in this process: far above its connections
KEY_CHARACTERS_MAX: Final = 1_000  # of one fact in a key; what is longer is cut
UNAVAILABLE_WAIT_S: Final = 30.0
_RATE: Final = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,6})?([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_PERIOD_S_MAX: Final = 31 * 86_400

At = Literal["connect", "mail", "rcpt", "data", "outbound"]


class ThrottleSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit on how often, and how many at once, counted once for the whole cluster."""

    name: Annotated[
        str,
        Meta(description="What it is called in logs. Its counts go by this.", pattern=r"^[A-Za-z0-9._-]{1,64}$"),
    ]
    at: Annotated[
        At,
        Meta(
            description="What is limited: connections, mail (each MAIL FROM), rcpt (each recipient), data (each "
            "message that has come), outbound (each delivery)."
        ),
    ]
    match: Annotated[str, Meta(description="The rule for what it applies to.")] = "true"
    keys: Annotated[
        tuple[str, ...],
        Meta(description="The facts that each have their own count, together; none: one count for all.", max_length=8),
    ] = ()
    rate: Annotated[
        str, Meta(description='How often: "100/1h" is at most 100 within any hour (s, m, h, d); empty: no limit.')
    ] = ""
    concurrency: Annotated[int, Meta(description="How many at once; 0: no limit.", ge=0, le=2000)] = 0
    if_unavailable: Annotated[
        Literal["pass", "wait"], Meta(description="What happens while the counts cannot be reached.")
    ] = "pass"

    def __post_init__(self) -> None:
        known = known_at(self.at)
        for key in self.keys:
            if key not in known:
                why = f"is not known at {self.at}" if key in FACTS else "is no fact"
                raise ValueError(f"keys: {key} {why}; there are {', '.join(sorted(known))}")
        if not self.rate and not self.concurrency:
            raise ValueError('it limits nothing: give rate = "100/1h", or concurrency = 5')
        try:
            parse_rate(self.rate)
            Expression.compile(self.match, known, FUNCTIONS, wanted=bool)
        except Misconfigured as error:
            raise ValueError(f"{error.log.removesuffix('.')}") from None

    @property
    def tables(self) -> frozenset[str]:
        """The lookups that `match` names."""
        return Expression.compile(self.match, known_at(self.at), FUNCTIONS, wanted=bool).tables


def parse_rate(text: str) -> tuple[int, float]:
    """Number and period in seconds of `100/1h`; zeros for an empty text. Raises Misconfigured."""
    if not text:
        return 0, 0.0
    match = _RATE.fullmatch(text)
    per_s = int(match[2] or 1) * _SECONDS[match[3]] if match else 0
    if match is None or per_s > _PERIOD_S_MAX:
        raise Misconfigured(f'rate: write "100/1h", with s, m, h or d, up to 31d; found {text[:40]!r}.')
    return int(match[1]), float(per_s)


class Refusal(NamedTuple):
    """Not now: after how long again, and the name of the throttle."""

    seconds: float
    throttle: str


class _Throttle(NamedTuple):
    settings: ThrottleSettings
    match: Expression | None  # None: always
    rate: int
    per_s: float


class Entry:
    """Something that was let in; to be left when it is over, once or more often."""

    __slots__ = ("_admitted", "_throttles")

    def __init__(self, throttles: "Throttles", admitted: Admitted | None) -> None:
        self._throttles = throttles
        self._admitted = admitted

    @property
    def holds(self) -> bool:
        """Whether there is anything to give back."""
        return self._admitted is not None

    async def leave(self) -> None:
        """Give its places back. Never raises Trouble."""
        admitted, self._admitted = self._admitted, None
        if admitted is not None:
            await self._throttles.left(admitted)


class Throttles:
    """The throttles of the settings."""

    def __init__(
        self,
        settings: Sequence[ThrottleSettings],
        client: ThrottleClient,
        dice: Dice,
        registry: CollectorRegistry,
        *,
        lease_s: float,
    ) -> None:
        """Raises Misconfigured: two of one name."""
        names = [one.name for one in settings]
        for name in names:
            if names.count(name) > 1:
                raise Misconfigured(f"throttle: there are two of the name {name}; their counts would be one.")
        self._client = client
        self._dice = dice
        self._lease_s = lease_s
        self._by_moment: dict[str, list[_Throttle]] = {}
        for one in settings:
            self._by_moment.setdefault(one.at, []).append(_compiled(one))
        self._free = Entry(self, None)
        self._held: dict[bytes, Admitted] = {}
        self._log = structlog.get_logger()
        self._outcomes = Counter(
            "rookery_throttle_entries", "What throttles said.", ["throttle", "outcome"], registry=registry
        )

    def has(self, at: At) -> bool:
        """Whether there are any for this moment: if not, there is nothing to await."""
        return at in self._by_moment

    def names(self, moments: Iterable[At]) -> set[str]:
        """The facts that throttles of these moments read."""
        some = [one for at in moments for one in self._by_moment.get(at, ())]
        named = {name for one in some for name in one.settings.keys}
        return named.union(*(one.match.names for one in some if one.match is not None))

    async def enter(self, at: At, facts: Facts) -> Entry | Refusal:
        """Count this under all throttles that apply, or under none. Raises nothing: who cannot be asked passes, or
        waits, as its settings say."""
        some = self._by_moment.get(at)
        if some is None:
            return self._free
        applying = [one for one in some if one.match is None or await _applies(one.match, facts)]
        if not applying:
            return self._free
        limits = [_limit(one, facts) for one in applying]
        try:
            entered = await self._client.enter(limits, self._dice.randbytes(16))
        except Trouble as trouble:
            return self._unavailable(applying, trouble)
        if isinstance(entered, Wait):
            self._outcomes.labels(entered.which.name, "wait").inc()
            return Refusal(entered.seconds, entered.which.name)
        for one in applying:
            self._outcomes.labels(one.settings.name, "pass").inc()
        return self._admitted(entered)

    def _admitted(self, admitted: Admitted) -> Entry:
        if not admitted.held:
            return self._free
        if len(self._held) < HELD_MAX:
            self._held[admitted.ident] = admitted
        return Entry(self, admitted)

    def _unavailable(self, applying: Sequence[_Throttle], trouble: Trouble) -> Entry | Refusal:
        for one in applying:
            self._outcomes.labels(one.settings.name, "unavailable").inc()
        self._log.warning("throttle.unavailable", why=trouble.log, throttles=[one.settings.name for one in applying])
        strict = [one.settings.name for one in applying if one.settings.if_unavailable == "wait"]
        return Refusal(UNAVAILABLE_WAIT_S, strict[0]) if strict else self._free

    async def left(self, admitted: Admitted) -> None:
        """Of an Entry: its places are free."""
        self._held.pop(admitted.ident, None)
        await self._client.leave(admitted)

    async def run(self) -> None:
        """Renew what is held, for ever."""
        while True:
            await asyncio.sleep(self._lease_s / 3)
            await self.renew()

    async def renew(self) -> None:
        """Renew what is held, once. Raises nothing."""
        for admitted in list(self._held.values()):
            if admitted.ident in self._held:
                await self._renewed(admitted)

    async def _renewed(self, admitted: Admitted) -> None:
        try:
            lost = await self._client.renew(admitted)
        except Trouble as trouble:
            self._log.warning("throttle.not_renewed", why=trouble.log)
            return
        if lost:
            self._log.warning("throttle.lost", places=lost, throttles=[limit.name for limit in admitted.held])
        if admitted.ident not in self._held:  # it left meanwhile, and the renewal may have come after
            await self._client.leave(admitted)


def _compiled(settings: ThrottleSettings) -> _Throttle:
    rate, per_s = parse_rate(settings.rate)
    match = Expression.compile(settings.match, known_at(settings.at), FUNCTIONS, wanted=bool)
    return _Throttle(settings, None if settings.match.strip() == "true" else match, rate, per_s)


async def _applies(match: Expression, facts: Facts) -> bool:
    return await match.ask_holds(facts) if match.tables else match.holds(facts)


def _limit(throttle: _Throttle, facts: Mapping[str, object]) -> Limit:
    settings = throttle.settings
    key = "\0".join(f"{name}={str(facts.get(name, ''))[:KEY_CHARACTERS_MAX]}" for name in settings.keys)
    return Limit(settings.name, key, settings.concurrency, throttle.rate, throttle.per_s)
