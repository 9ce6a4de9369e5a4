"""What RETURN asks for: sets in their order, and which messages an answer is about (RFC 4731, RFC 5182, RFC 9394)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.imap import returns
from gateway.imap.returns import Results, which_of
from mail.imap import seqset
from mail.imap.returning import ReturnOption, SearchReturn
from mail.imap.seqset import PartialRange
from tests.unit.gateway.imap.world import World


def _returns(words: str, partial: PartialRange | None = None) -> SearchReturn:
    return SearchReturn(frozenset(ReturnOption[word] for word in words.split()), partial)


@pytest.mark.parametrize(
    ("words", "partial", "told"),
    [
        ("ALL", None, [9, 2, 7, 5]),
        ("COUNT MIN", None, [9, 2, 7, 5]),
        ("MIN", None, [9]),
        ("MAX SAVE", None, [5]),
        ("MIN MAX", None, [9, 5]),
        ("SAVE", None, [9, 2, 7, 5]),
        ("SAVE UPDATE RELEVANCY", None, [9, 2, 7, 5]),
        ("SAVE", PartialRange(2, 3), [2, 7]),
        ("SAVE MAX", PartialRange(2, 3), [2, 7, 5]),
        ("MIN", PartialRange(-1, -2), [9, 7, 5]),
        ("COUNT", PartialRange(1, 1), [9, 2, 7, 5]),
        ("", PartialRange(8, 9), []),
    ],
)
def test_the_messages_an_answer_is_about(words: str, partial: PartialRange | None, told: list[int]) -> None:
    results = Results(np.array([9, 2, 7, 5]), np.array([90, 20, 70, 50]), np.array([1, 2, 3, 4]))
    found = returns._told(results, _returns(words, partial))
    assert found.rows.tolist() == told
    assert found.highest == max((10 * one for one in told), default=None)


@pytest.mark.parametrize(
    ("wanted", "which"),
    [
        (None, "all"),
        (_returns("MIN"), "first"),
        (_returns("MAX SAVE"), "last"),
        (_returns("MIN MAX"), "all"),
        (_returns("MIN COUNT"), "all"),
        (_returns("MIN UPDATE"), "all"),
        (_returns("MIN", PartialRange(1, 2)), "all"),
        (_returns("ALL"), "all"),
    ],
)
def test_how_much_of_a_result_is_needed(wanted: SearchReturn | None, which: str) -> None:
    assert which_of(wanted) == which


@given(st.lists(st.integers(1, 30), unique=True))
async def test_sets_are_in_the_order_of_the_result(numbers: list[int]) -> None:
    world = World()
    session = world.services
    found = await returns.number_set(_Session(session), np.array(numbers, np.uint32))  # type: ignore[arg-type]
    assert found == seqset.build_in_order(numbers)


class _Session:
    def __init__(self, services: object) -> None:
        self.services = services
