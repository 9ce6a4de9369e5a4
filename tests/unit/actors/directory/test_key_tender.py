"""Keys that become active once they are seen, and go some time after they retired."""

import asyncio
import random

import pytest

from actors.directory.client import DirectoryClient
from actors.directory.key_tender import DkimSettings, KeyTender, Tended
from actors.directory.types import DkimState
from cluster.clock import ManualClock
from cluster.dns.resolver import Answer
from cluster.errors import Unavailable
from cluster.meta.memory import MemoryStore
from tests.virtual import run

DOMAIN = "example.test"
DAY_S = 24 * 3600


class Zone:
    """A resolver over a dictionary."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.down = False

    async def ask(self, name: str, kind: str) -> Answer:
        assert kind == "TXT"
        if self.down:
            return Answer("tempfail", why="down")
        text = self.texts.get(name)
        return Answer("ok", (text.encode(),)) if text is not None else Answer("nxdomain")


@pytest.fixture
def zone() -> Zone:
    return Zone()


def _tender(directory: DirectoryClient, zone: Zone, clock: ManualClock, **settings: bool) -> KeyTender:
    return KeyTender(directory, zone, clock, DkimSettings(**settings))


async def test_a_key_signs_once_its_record_is_seen(directory: DirectoryClient, zone: Zone, clock: ManualClock) -> None:
    tender = _tender(directory, zone, clock)
    old = await directory.add_dkim_key(DOMAIN, algorithm="ed25519-sha256", active=True)
    new = await directory.add_dkim_key(DOMAIN, algorithm="ed25519-sha256")
    name = f"{new.selector}._domainkey.{DOMAIN}"
    for published in (None, "v=DKIM1; p=", old.record, "v=DKIM1; k=ed25519; h=sha1; p=" + new.public):
        if published is not None:
            zone.texts[name] = published
        assert await tender.tend() == ((), ())
    zone.texts[name] = f"k=ed25519;p={new.public}; t=s"  # the same key, told in another way
    zone.down = True
    assert await tender.tend() == ((), ())
    zone.down = False
    activated, removed = await tender.tend()
    assert ([key.selector for key in activated], removed) == ([new.selector], ())
    assert [key.selector for key in await directory.signing_keys(DOMAIN)] == [new.selector]


async def test_a_retired_key_goes_after_days(directory: DirectoryClient, zone: Zone, clock: ManualClock) -> None:
    tender = _tender(directory, zone, clock)
    await directory.add_dkim_key(DOMAIN, algorithm="ed25519-sha256", selector="a", active=True)
    await directory.add_dkim_key(DOMAIN, algorithm="ed25519-sha256", selector="b", active=True)
    clock.advance(14 * DAY_S)
    assert (await tender.tend()).removed == ()
    clock.advance(1)
    assert [key.selector for key in (await tender.tend()).removed] == ["a"]
    assert [(key.selector, key.state) for key in await directory.list_dkim_keys(DOMAIN)] == [("b", DkimState.ACTIVE)]


async def test_an_operator_may_keep_the_say(directory: DirectoryClient, zone: Zone, clock: ManualClock) -> None:
    key = await directory.add_dkim_key(DOMAIN, algorithm="ed25519-sha256")
    zone.texts[f"{key.selector}._domainkey.{DOMAIN}"] = key.record
    assert (await _tender(directory, zone, clock, activate_when_seen=False).tend()).activated == ()


async def test_every_domain_is_looked_at(
    directory: DirectoryClient, zone: Zone, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.directory.key_tender.PAGE_MAX", 2)
    for number in range(5):
        await directory.add_domain(f"d{number}.test")
        key = await directory.add_dkim_key(f"d{number}.test", algorithm="ed25519-sha256")
        zone.texts[f"{key.selector}._domainkey.{key.domain}"] = key.record
    assert len((await _tender(directory, zone, clock).tend()).activated) == 5


async def test_a_store_that_is_away_is_told(directory: DirectoryClient, zone: Zone, clock: ManualClock) -> None:
    await directory._store.close()
    with pytest.raises(Unavailable):
        await _tender(directory, zone, clock).tend()


def test_it_goes_on_after_trouble_and_looks_only_where_the_turn_is_ours() -> None:
    class Counting(KeyTender):
        looks = 0

        async def tend(self) -> Tended:
            self.looks += 1
            if self.looks == 1:
                raise Unavailable("Not now.")
            return Tended((), ())

    async def main() -> list[int]:
        clock = ManualClock()
        store = MemoryStore(clock=clock, dice=random.Random(1))
        directory = DirectoryClient(store, clock, random.Random(2))
        turns = iter([False, True, True])
        tender = Counting(directory, Zone(), clock, DkimSettings(check_every_s=600))
        task = asyncio.create_task(tender.run(lambda: next(turns)))
        looks = []
        for _ in range(3):
            await asyncio.sleep(600.1)
            looks.append(tender.looks)
        task.cancel()
        directory.close()
        return looks

    assert run(main()) == [0, 1, 2]
