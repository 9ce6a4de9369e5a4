"""actors/throttle/state.py in a shard: who may go in, who has to wait, and what is forgotten."""

import asyncio

import pytest

from actors.shell.client import Direct
from actors.shell.kind import encode
from actors.throttle import keys
from actors.throttle.client import Admitted, Limit, ThrottleClient, Told, Wait
from actors.throttle.state import Throttle
from actors.throttle.types import Enter, Leave, Take, Tally
from cluster.errors import Refused
from tests.unit.actors.shell.site import Site

LEASE_S = 60.0
HOURLY = Limit("hourly", "a", rate=3, per_s=3600)
PLACES = Limit("places", "a", concurrency=2)
UNIT = keys.unit_of("hourly", "a")
SLOT = keys.slot_of(UNIT)


def who(number: int) -> bytes:
    return number.to_bytes(16, "big")


@pytest.fixture
async def client(site: Site) -> ThrottleClient:
    return ThrottleClient(await site.calling(Throttle()), LEASE_S)


async def test_a_rate_lets_so_many_in(site: Site, client: ThrottleClient) -> None:
    for number in range(3):
        assert await client.enter([HOURLY], who(number)) == Admitted(who(number), ())
        site.clock.advance(600)
    assert await client.enter([HOURLY], who(9)) == Wait(1800.0, HOURLY)
    assert await client.enter([HOURLY._replace(key="b")], who(9)) == Admitted(who(9), ())
    site.clock.advance(1800)
    assert await client.enter([HOURLY], who(9)) == Admitted(who(9), ())
    assert await client.enter([HOURLY], who(10)) == Wait(600.0, HOURLY)


async def test_places_come_back_when_they_are_left(client: ThrottleClient) -> None:
    first = await client.enter([PLACES], who(1))
    assert first == Admitted(who(1), (PLACES,))
    assert await client.enter([PLACES], who(2)) == Admitted(who(2), (PLACES,))
    assert await client.enter([PLACES], who(2)) == Admitted(who(2), (PLACES,))
    assert await client.enter([PLACES], who(3)) == Wait(1.0, PLACES)
    assert isinstance(first, Admitted)
    await client.leave(first)
    await client.leave(first)
    assert await client.enter([PLACES], who(3)) == Admitted(who(3), (PLACES,))
    assert await client.enter([PLACES], who(1)) == Wait(1.0, PLACES)


async def test_places_of_the_dead_come_back_and_of_the_living_do_not(site: Site, client: ThrottleClient) -> None:
    living, dead = [await client.enter([PLACES], who(number)) for number in (1, 2)]
    assert isinstance(living, Admitted)
    assert isinstance(dead, Admitted)
    site.clock.advance(LEASE_S / 2)
    assert await client.renew(living) == 0
    site.clock.advance(LEASE_S / 2)
    assert isinstance(await client.enter([PLACES], who(3)), Admitted)
    assert isinstance(await client.enter([PLACES], who(4)), Wait)
    assert await client.renew(dead) == 1  # somebody has it


async def test_all_limits_or_none(site: Site, client: ThrottleClient) -> None:
    limits = [HOURLY, PLACES, *(Limit(f"other{number}", "", rate=100, per_s=60) for number in range(5))]
    for number in range(2):
        assert isinstance(await client.enter(limits, who(number)), Admitted)
    for number in range(2, 50):  # each is undone where it was counted before it was refused
        assert await client.enter(limits, who(number)) == Wait(1.0, PLACES)
    assert isinstance(await client.enter([HOURLY], who(60)), Admitted)
    assert isinstance(await client.enter([HOURLY], who(61)), Wait)


async def test_the_longest_wait_is_told_within_a_slot(client: ThrottleClient, site: Site) -> None:
    takes = (Take(UNIT, 1, 1, 60_000),)
    await client._ask(SLOT, Enter(takes, who(1), 1000))
    site.clock.advance(0.5)
    told = await client._ask(SLOT, Enter(takes, who(2), 1000))
    assert (told.admitted, told.wait_ms, told.which) == (False, 59_500, 0)


async def test_many_at_once_are_counted_exactly(client: ThrottleClient) -> None:
    limit = Limit("many", "a", concurrency=7, rate=20, per_s=60)
    answers = await asyncio.gather(*(client.enter([limit], who(number)) for number in range(50)))
    assert sum(isinstance(answer, Admitted) for answer in answers) == 7
    for answer in answers:
        if isinstance(answer, Admitted):
            await client.leave(answer)
    answers = await asyncio.gather(*(client.enter([limit], who(number)) for number in range(100, 150)))
    assert sum(isinstance(answer, Admitted) for answer in answers) == 7


async def test_a_new_owner_knows_all_of_it(site: Site, client: ThrottleClient) -> None:
    held = [await client.enter([HOURLY, PLACES], who(number)) for number in range(2)]
    shard, _claims = await site.owner(Throttle(), epoch=2)
    client = ThrottleClient(Direct({"throttle": shard}), LEASE_S)
    assert await client.enter([PLACES], who(5)) == Wait(1.0, PLACES)
    for admitted in held:
        assert isinstance(admitted, Admitted)
        await client.leave(admitted)
    assert isinstance(await client.enter([HOURLY, PLACES], who(6)), Admitted)
    assert isinstance(await client.enter([HOURLY], who(7)), Wait)


async def test_what_counts_no_more_is_forgotten(site: Site, client: ThrottleClient) -> None:
    await client.enter([HOURLY, PLACES], who(1))
    slots = {keys.slot_of(keys.unit_of(limit.name, limit.key)) for limit in (HOURLY, PLACES)}
    for advance_s, left in ((LEASE_S + 60, 1), (3600, 0)):
        site.clock.advance(advance_s)
        await site.sweep(slots)
        assert len(await site.rows(b"l")) == 2 * left  # a unit and its timer
    held = await client.enter([PLACES], who(2))
    assert isinstance(held, Admitted)
    await client.leave(held)
    assert await site.rows(b"l") == []


async def test_who_is_refused_writes_nothing(site: Site, client: ThrottleClient) -> None:
    for number in range(3):
        await client.enter([HOURLY], who(number))
    commits = site.store.commits
    assert isinstance(await client.enter([HOURLY], who(9)), Wait)
    assert isinstance(await client.enter([HOURLY], who(1)), Admitted)
    assert site.store.commits == commits


async def test_a_tally_counts_and_refuses_nobody(site: Site, client: ThrottleClient) -> None:
    other = HOURLY._replace(key="b")
    assert await client.tally([HOURLY, other], who(1)) == [Told(1, 0), Told(1, 0)]
    for number in range(2, 6):
        site.clock.advance(600)
        told = await client.tally([HOURLY], who(number))
    assert told == [Told(5, 2400)]  # two must be over for a third to be let in
    assert await client.tally([other, HOURLY]) == [Told(1, 0), Told(5, 2400)]
    site.clock.advance(1201)
    assert await client.tally([HOURLY]) == [Told(4, 1199)]


async def test_a_tally_counts_who_asks_again_once(client: ThrottleClient) -> None:
    for _ in range(3):
        assert await client.tally([HOURLY], who(1)) == [Told(1, 0)]


async def test_to_ask_for_a_tally_writes_nothing(site: Site, client: ThrottleClient) -> None:
    await client.tally([HOURLY], who(1))
    commits, rows = site.store.commits, await site.rows(b"l")
    assert await client.tally([HOURLY]) == [Told(1, 0)]
    assert site.store.commits == commits
    assert await site.rows(b"l") == rows


async def test_tallies_are_kept_by_a_new_owner_and_go_when_they_are_over(site: Site, client: ThrottleClient) -> None:
    await client.tally([HOURLY], who(1))
    shard, _claims = await site.owner(Throttle(), epoch=2)
    assert await ThrottleClient(Direct({"throttle": shard}), LEASE_S).tally([HOURLY]) == [Told(1, 0)]
    site.clock.advance(3600 + 61)
    await site.sweep({SLOT})
    assert await site.rows(b"l") == []


async def test_a_tally_and_who_enters_share_a_count(client: ThrottleClient) -> None:
    await client.tally([HOURLY], who(1))
    for number in (2, 3):
        assert isinstance(await client.enter([HOURLY], who(number)), Admitted)
    assert await client.enter([HOURLY], who(4)) == Wait(3600.0, HOURLY)
    assert await client.tally([HOURLY]) == [Told(3, 3600)]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        encode(Enter((), who(1), 1)),
        encode(Enter((Take(UNIT), Take(UNIT)), who(1), 1)),
        encode(Enter((Take(b"short"),), who(1), 1)),
        encode(Enter((Take(UNIT),), b"short", 1)),
        encode(Enter((Take(UNIT),), who(1), 0)),
        encode(Enter((Take(UNIT, concurrency=2001),), who(1), 1)),
        encode(Enter((Take(UNIT, rate=1),), who(1), 1)),
        encode(Enter((Take(UNIT, rate=1, per_ms=10**12),), who(1), 1)),
        encode(Enter((Take(UNIT, rate=-1, per_ms=1),), who(1), 1)),
        encode(Leave((keys.unit_of("x", "of another slot"),), who(1))),
        encode(Tally((Take(UNIT, rate=1, per_ms=1),), b"short")),
        encode(Tally((Take(UNIT, rate=1),))),
        encode(Tally(())),
    ],
)
def test_what_makes_no_sense_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        Throttle().decode(SLOT, body)
