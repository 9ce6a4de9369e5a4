"""The cache: answers live while the version stays, and one overtaken by a change is never kept."""

from actors.directory.cache import CHECK_SECONDS, Cache
from cluster.clock import ManualClock


class Version:
    def __init__(self) -> None:
        self.value = b"1"
        self.reads = 0

    async def read(self) -> bytes:
        self.reads += 1
        return self.value


async def warm(cache: Cache) -> None:
    """The first question learns the version and forgets what came before."""
    cache.put("x", 0, cache.generation)
    assert await cache.get("x") is None


async def test_the_first_answers_are_kept() -> None:
    cache = Cache(ManualClock(), Version().read, 10)
    assert await cache.get("a") is None
    generation = cache.generation
    cache.put("a", 1, generation)
    assert await cache.get("a") == 1


async def test_an_answer_is_kept_until_the_version_changes() -> None:
    clock, version = ManualClock(), Version()
    cache = Cache(clock, version.read, 10)
    await warm(cache)
    cache.put("a", 1, cache.generation)
    for _ in range(100):
        assert await cache.get("a") == 1
    assert version.reads == 1
    version.value = b"2"
    assert await cache.get("a") == 1
    clock.advance(CHECK_SECONDS)
    assert await cache.get("a") is None


async def test_an_answer_read_before_a_change_is_not_kept() -> None:
    cache = Cache(ManualClock(), Version().read, 10)
    generation = cache.generation
    cache.forget()
    cache.put("a", 1, generation)
    assert await cache.get("a") is None


async def test_the_least_used_goes_first() -> None:
    cache = Cache(ManualClock(), Version().read, 2)
    await warm(cache)
    cache.put("a", 1, cache.generation)
    cache.put("b", 2, cache.generation)
    assert await cache.get("a") == 1
    cache.put("c", 3, cache.generation)
    assert [await cache.get(key) for key in "abc"] == [1, None, 3]
