"""actors/mailbox/cache.py"""

from actors.mailbox.cache import Cache


def test_the_longest_unused_leaves_first() -> None:
    cache: Cache[str, int] = Cache(3)
    for number, key in enumerate("abc"):
        cache.put(key, number)
    assert cache.get("a") == 0
    cache.put("d", 3)
    assert [cache.get(key) for key in "abcd"] == [0, None, 2, 3]


def test_weights_are_counted_and_given_back() -> None:
    cache: Cache[str, str] = Cache(10)
    cache.put("a", "x", 6)
    cache.put("a", "y", 4)
    cache.put("b", "z", 6)
    assert (cache.get("a"), cache.get("b")) == ("y", "z")
    cache.put("too heavy", "w", 11)
    assert cache.get("too heavy") is None
    cache.drop("b")
    cache.drop("b")
    cache.put("c", "v", 6)
    assert (cache.get("a"), cache.get("c")) == ("y", "v")


def test_room_is_what_pushes_nothing_out() -> None:
    cache: Cache[str, str] = Cache(10)
    cache.put("a", "x", 6)
    assert cache.has_room(4)
    assert not cache.has_room(5)
