"""How well messages fit a search with FUZZY keys (RFC 6203 4): one score of all that was scored.

The law: a score is from 1 to 100. Of keys that must all match it is the mean, of alternatives the best; keys that are
not FUZZY, that are no texts, or that stand under a NOT, say nothing.
"""

from collections.abc import Mapping

import numpy as np

from gateway.imap.parts import Array
from mail.imap import search as key


def relevancy(wanted: key.SearchKey, scores: Mapping[int, Array], count: int) -> Array:
    """`scores`: of each FUZZY text, by the id of its key, one for each row; 0 where it does not match."""
    total = _of(wanted, scores)
    if total is None:
        return np.full(count, 100)
    return np.clip(np.rint(total), 1, 100).astype(np.int64)


def has_fuzzy(wanted: key.SearchKey) -> bool:
    """Whether there is anything to be scored."""
    match wanted:
        case key.Fuzzy():
            return True
        case key.Not(inner):
            return has_fuzzy(inner)
        case key.And(keys):
            return any(map(has_fuzzy, keys))
        case key.Or(left, right):
            return has_fuzzy(left) or has_fuzzy(right)
    return False


def _of(wanted: key.SearchKey, scores: Mapping[int, Array]) -> Array | None:
    match wanted:
        case key.Fuzzy(inner):
            return _of(inner, scores)
        case key.Not():
            return None
        case key.And(keys):
            parts = [part for part in (_of(one, scores) for one in keys) if part is not None]
            return np.mean(parts, axis=0) if parts else None
        case key.Or(left, right):
            parts = [part for part in (_of(left, scores), _of(right, scores)) if part is not None]
            return np.max(parts, axis=0) if parts else None
    return scores.get(id(wanted))
