"""New messages come where a sort would have them, and few others are looked at for that."""

from functools import cmp_to_key

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.imap.inserting import Insertion, Key

KEYS = st.tuples(st.integers(0, 3), st.sampled_from([b"", b"A", b"B"]))


def _sorted(keys: dict[int, Key], uids: list[int], reverses: list[bool]) -> list[int]:
    def compare(one: int, other: int) -> int:
        for mine, its, is_reverse in zip(keys[one], keys[other], reverses, strict=True):
            if mine != its:
                return -1 if (mine < its) is not is_reverse else 1  # type: ignore[operator]
        return one - other

    return sorted(uids, key=cmp_to_key(compare))


@given(
    st.lists(KEYS, max_size=40),
    st.lists(KEYS, min_size=1, max_size=8),
    st.lists(st.booleans(), min_size=2, max_size=2),
)
def test_insertion(old: list[Key], new: list[Key], reverses: list[bool]) -> None:
    keys = dict(enumerate([*old, *new], 1))
    before = _sorted(keys, list(range(1, len(old) + 1)), reverses)
    added = np.arange(len(old) + 1, len(keys) + 1, dtype=np.uint32)
    insertion = Insertion(reverses)
    insertion.keys = {uid: keys[uid] for uid in added.tolist()}
    members = np.array(before, np.uint32)
    asked = 0
    while (places := insertion.into(members, added)).missing:
        asked += len(places.missing)
        insertion.keys.update({uid: keys[uid] for uid in places.missing})
    assert asked <= len(new) * len(old).bit_length()
    assert np.insert(members, places.places, places.uids).tolist() == _sorted(keys, list(keys), reverses)
