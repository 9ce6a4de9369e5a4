"""actors/reputation/state.py in a shard: counters against a plain model, fading, retries, garbage."""

import asyncio
import random
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.reputation import keys
from actors.reputation.client import ReputationClient
from actors.reputation.state import FADED, IDEMS_KEPT, Reputation, ReputationSettings, weight
from actors.reputation.types import KEY_BYTES_MAX, KEYS_MAX, Counts, Observe, Read
from actors.shell.kind import encode
from cluster.errors import Refused
from tests.unit.actors.shell.site import Site

HALF_LIFE_S = 1000
KIND = Reputation(ReputationSettings(half_life_s=HALF_LIFE_S))
SOURCES = ("ip:192.0.2.1", "net:192.0.2.0/24", "domain:example.net")


@pytest.fixture
async def client(site: Site) -> ReputationClient:
    return ReputationClient(await site.calling(KIND), random.Random(1))


async def test_counters_halve_with_every_half_life(site: Site, client: ReputationClient) -> None:
    await client.observe({"a": Counts(8, 4, 2, 1)})
    site.clock.advance(HALF_LIFE_S)
    assert await client.observe({"a": Counts(1), "b": Counts(spam=3)}) == {"a": Counts(5, 2, 1, 0.5), "b": Counts(0, 3)}
    site.clock.advance(HALF_LIFE_S)
    assert await client.read(["a", "b", "nobody"]) == {
        "a": Counts(2.5, 1, 0.5, 0.25), "b": Counts(0, 1.5), "nobody": Counts(),
    }  # fmt: skip
    site.clock.advance(-5 * HALF_LIFE_S)
    assert (await client.read(["a"]))["a"] == Counts(5, 2, 1, 0.5)  # as of the newest, no more


async def test_many_sources_are_one_call_a_slot(site: Site, client: ReputationClient) -> None:
    many = [f"ip:{n}" for n in range(2 * KEYS_MAX)]
    await client.observe(dict.fromkeys(many, Counts(1)))
    assert await client.read([*many, *many]) == dict.fromkeys(many, Counts(1))
    assert site.store.commits < 10  # one claim for all slots, then one group commit or a few
    one_slot = [key for key in (f"x{n}" for n in range(1_200_000)) if keys.slot_of(key) == 0][: KEYS_MAX + 1]
    assert len(await client.read(one_slot)) == len(one_slot)


async def test_a_retry_counts_once(site: Site) -> None:
    calling = await site.calling(KIND)
    slot = keys.slot_of("a")

    async def observe(n: int) -> None:
        await calling.call("reputation", slot, encode(Observe({"a": Counts(1)}, n.to_bytes(8, "big"))))

    await asyncio.gather(observe(1), observe(1))
    for n in range(2, IDEMS_KEPT + 1):
        await observe(n)
    await observe(1)
    moved = ReputationClient(await site.calling(KIND), random.Random(1))  # the next owner knows
    assert (await moved.read(["a"]))["a"].messages == IDEMS_KEPT


async def test_what_has_faded_is_swept(site: Site, client: ReputationClient) -> None:
    await client.observe({"once": Counts(1), "again": Counts(1)})
    site.clock.advance(5 * HALF_LIFE_S)
    await client.observe({"again": Counts(1)})
    site.clock.advance(5 * HALF_LIFE_S)
    assert weight((await client.read(["once"]))["once"]) < FADED
    await site.shards[0].sweep()
    assert len(await site.rows(b"r")) == 2
    site.clock.advance(5 * HALF_LIFE_S)
    await site.shards[0].sweep()
    assert await site.rows(b"r") == []


SLOT = keys.slot_of("a")
WRONG = [
    b"\xc1",
    encode(Read(["b"])),
    encode(Read([""])),
    encode(Read(["a" * (KEY_BYTES_MAX + 1)])),
    encode(Read(["a"] * (KEYS_MAX + 1))),
    encode(Observe({"a": Counts()}, b"")),
    encode(Observe({"a": Counts(-1)}, bytes(8))),
    encode(Observe({"a": Counts(float("nan"))}, bytes(8))),
    encode(Observe({"a": Counts(float("inf"))}, bytes(8))),
]


@pytest.mark.parametrize("body", WRONG)
async def test_what_is_wrong_is_refused(site: Site, body: bytes) -> None:
    with pytest.raises(Refused):
        await (await site.calling(KIND)).call("reputation", SLOT, body)


class Model:
    """Every observation, weighed anew each time."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, float, Counts]] = []

    def read(self, key: str, now: float) -> Iterator[float]:
        for name in Counts.__struct_fields__:
            yield sum(
                getattr(counts, name) * 0.5 ** ((now - then) / HALF_LIFE_S)
                for source, then, counts in self.seen
                if source == key
            )


count = st.integers(0, 1000)
steps = st.one_of(
    st.tuples(st.sampled_from(SOURCES), st.builds(Counts, count, count, count, count)),
    st.integers(0, 5 * HALF_LIFE_S),
    st.sampled_from(["new owner", "sweep"]),
)


@given(st.lists(steps, max_size=25))
def test_it_counts_as_the_model_does(script: list[tuple[str, Counts] | int | str]) -> None:
    asyncio.run(_follow(script))


async def _follow(script: list[tuple[str, Counts] | int | str]) -> None:
    site, model, dice = Site(), Model(), random.Random(1)
    start = site.clock.monotonic()
    client = ReputationClient(await site.calling(KIND), dice)
    for step in script:
        if isinstance(step, tuple):
            await client.observe(dict([step]))
            model.seen.append((step[0], site.clock.monotonic() - start, step[1]))
        elif isinstance(step, int):
            site.clock.advance(step)
        elif step == "sweep":
            await site.sweep(keys.slot_of(key) for key in SOURCES)
        else:
            client = ReputationClient(await site.calling(KIND), dice)
        now = site.clock.monotonic() - start
        for key, counts in (await client.read(SOURCES)).items():
            wanted = Counts(*model.read(key, now))
            for name in Counts.__struct_fields__:
                assert getattr(counts, name) == pytest.approx(getattr(wanted, name), rel=1e-6, abs=4 * FADED)
    await site.stop()
