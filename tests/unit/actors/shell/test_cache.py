"""actors/shell/cache.py: bounded whatever is put in; a slot goes at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.shell.cache import Cache

places = st.tuples(st.integers(0, 2), st.sampled_from([b"a", b"b", b"c", b"d"]))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), places, st.integers(0, 2000)),
        st.tuples(st.sampled_from(["get", "forget", "slot"]), places, st.just(0)),
    ),
    max_size=40,
)


@given(steps)
def test_it_keeps_the_last_used_within_its_bounds(script: list[tuple[str, tuple[int, bytes], int]]) -> None:
    cache: Cache[int] = Cache(5, 4000)
    model: dict[tuple[int, bytes], int] = {}  # the last used last
    for what, place, size in script:
        if what == "put":
            cache.put(place, size, size)
            model.pop(place, None)
            model[place] = size
            while len(model) > 5 or sum(kept + 300 for kept in model.values()) > 4000:
                del model[next(iter(model))]
        elif what == "get" and place in model:
            model[place] = model.pop(place)
            assert cache.get(place) == model[place] == cache.size(place)
        elif what == "get":
            with pytest.raises(KeyError):
                cache.get(place)
        elif what == "forget":
            cache.forget(place)
            model.pop(place, None)
        else:
            cache.forget_slot(place[0])
            model = {kept: size for kept, size in model.items() if kept[0] != place[0]}
        assert len(cache) == len(model)
        assert all(kept in cache for kept in model)


def test_what_is_too_large_is_not_kept() -> None:
    cache: Cache[int] = Cache(5, 1000)
    cache.put((0, b"a"), 1, 5000)
    assert len(cache) == 0
