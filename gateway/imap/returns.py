"""What a search gives back: SEARCH and SORT, or ESEARCH with what RETURN asks for; and what `$` is from then on.

The law: numbers are told in the order of the result (`build_in_order` of its runs); what was not asked for is not told.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

import numpy as np

from actors.mailbox.index import run_bounds
from gateway.access.finding.finder import Which
from gateway.imap.parts import Array, Pace
from gateway.imap.selected import Selection
from gateway.imap.session import Session
from gateway.imap.troubles import Bad, No
from mail.imap import search as key
from mail.imap.codes import NOT_SAVED
from mail.imap.results import Searched, esearch_line
from mail.imap.returning import ReturnOption, SearchReturn

_O: Final = ReturnOption
_PIECE: Final = 20_000  # numbers written at once: about 5 ms
_LISTS: Final = frozenset({_O.ALL, _O.COUNT})  # what needs all that match
_ENDS: Final = frozenset({_O.MIN, _O.MAX})


class Results(NamedTuple):
    """What was found, in the order that was asked for."""

    rows: Array  # of the selection
    modseqs: Array | None = None  # of each, where a key was MODSEQ
    scores: Array | None = None  # of each, where a key was FUZZY

    def __len__(self) -> int:
        return len(self.rows)

    def taken(self, places: Array) -> "Results":
        """Some of them, in the order of `places`."""
        return Results(self.rows[places], *[None if one is None else one[places] for one in self[1:]])

    @property
    def highest(self) -> int | None:
        """MODSEQ (RFC 7162 3.1.6): none of nothing."""
        return int(self.modseqs.max()) if self.modseqs is not None and len(self) else None


def which_of(returns: SearchReturn | None) -> Which:
    """What of the result is needed (RFC 4731 3.1: then a search may end earlier)."""
    if returns is None or returns.partial is not None:
        return "all"
    ends = returns.options & _ENDS
    if len(ends) != 1 or returns.options - _ENDS - {_O.SAVE}:
        return "all"
    return "first" if _O.MIN in ends else "last"


@contextmanager
def saving(selection: Selection | None, returns: SearchReturn | None) -> Iterator[None]:
    """A search with SAVE that is answered NO leaves `$` empty (RFC 5182 2.1); one that is BAD leaves it as it was."""
    try:
        yield
    except Bad:
        raise
    except Exception:
        if selection is not None and returns is not None and _O.SAVE in returns.options:
            selection.forget()
        raise


async def answer(
    session: Session,
    selection: Selection,
    results: Results,
    returns: SearchReturn,
    *,
    uid: bool,
    searched: Searched | None = None,
) -> None:
    """ESEARCH, unless SAVE is all that was asked for (RFC 5182 2.4). Raises No where the result cannot be kept."""
    told = _told(results, returns)
    if _O.SAVE in returns.options and not selection.save(np.sort(told.rows)):
        raise No("The result has too many parts to be kept", NOT_SAVED.decode())
    if returns.options == {_O.SAVE} and returns.partial is None:
        return
    heard(selection, told)
    numbers = _numbers(selection, results.rows, uid=uid)
    options, partial = returns.options, returns.partial
    shown = results if partial is None else results.taken(_places(returns, len(results)))
    session.wire.write(
        esearch_line(
            session.progress.tag,
            uid=uid,
            searched=searched,
            least=int(numbers[0]) if _O.MIN in options and len(numbers) else None,
            most=int(numbers[-1]) if _O.MAX in options and len(numbers) else None,
            count=len(numbers) if _O.COUNT in options else None,
            found=await number_set(session, numbers) if _O.ALL in options else b"",
            partial=None
            if partial is None
            else (partial, await number_set(session, _numbers(selection, shown.rows, uid=uid))),
            mod_sequence=told.highest,
            relevancy=shown.scores.tolist() if _O.RELEVANCY in options and shown.scores is not None else None,
            utf8=session.utf8,
        )
    )


def heard(selection: Selection, results: Results) -> None:
    """What the client makes of the MODSEQ it is told must be right (RFC 7162 6)."""
    if results.modseqs is not None:
        selection.heard(results.modseqs)


def _told(results: Results, returns: SearchReturn) -> Results:
    """The messages that the answer is about: RFC 4731 3.2, RFC 5182 2.4 and RFC 9394 3.2 say the same of them."""
    if returns.options & _LISTS or not (returns.options & _ENDS or returns.partial is not None):
        return results
    places = set(_places(returns, len(results)).tolist())
    if len(results):
        places |= {0} if _O.MIN in returns.options else set()
        places |= {len(results) - 1} if _O.MAX in returns.options else set()
    return results.taken(np.array(sorted(places), np.int64))


def _places(returns: SearchReturn, count: int) -> Array:
    places = returns.partial.places(count) if returns.partial is not None else range(0)
    return np.arange(places.start, max(places.start, places.stop))


def _numbers(selection: Selection, rows: Array, *, uid: bool) -> Array:
    numbers: Array = selection.uids[rows] if uid else rows + 1
    return numbers


async def answer_plainly(session: Session, selection: Selection, name: bytes, results: Results, *, uid: bool) -> None:
    """SEARCH or SORT (RFC 3501 7.2.5, RFC 5256 4), with MODSEQ (RFC 7162 3.1.6)."""
    pace = Pace(session.services.clock)
    numbers, highest = _numbers(selection, results.rows, uid=uid), results.highest
    heard(selection, results)
    parts = [b"* " + name]
    for start in range(0, len(numbers), _PIECE):
        parts.append(str(numbers[start : start + _PIECE].tolist())[1:-1].replace(",", "").encode("ascii"))
        await pace.breathe()
    if highest is not None:
        parts.append(b"(MODSEQ %d)" % highest)
    session.wire.write(b" ".join(parts) + b"\r\n")


async def number_set(session: Session, numbers: Array) -> bytes:
    """As a set in the order given: what ascends by one is a range (RFC 5267 3.2)."""
    if not len(numbers):
        return b""
    pace = Pace(session.services.clock)
    starts, ends = run_bounds(numbers)
    parts: list[str] = []
    for at in range(0, len(starts), _PIECE):
        pairs = zip(starts[at : at + _PIECE].tolist(), ends[at : at + _PIECE].tolist(), strict=True)
        parts += [str(first) if first == last else f"{first}:{last}" for first, last in pairs]
        await pace.breathe()
    return ",".join(parts).encode("ascii")


def has_mod_sequence(wanted: key.SearchKey) -> bool:
    """Whether a key is MODSEQ, so that the answer tells one (RFC 7162 3.1.5)."""
    return any(isinstance(one, key.ModSequence) for one in key.leaves(wanted))
