"""What searches are answered, octet for octet, as the examples of the RFCs have it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.imap.results import (
    Searched,
    ThreadNode,
    Update,
    UpdateKind,
    esearch_line,
    number_line,
    thread_line,
    uid_batches_line,
)
from mail.imap.seqset import PartialRange

_N = ThreadNode


def test_numbers() -> None:
    assert number_line(b"SEARCH", [2, 5, 6], 917_162_500) == b"* SEARCH 2 5 6 (MODSEQ 917162500)\r\n"
    assert number_line(b"SORT", [5, 3]) == b"* SORT 5 3\r\n"
    assert number_line(b"SORT", [], 5) == b"* SORT\r\n"


def test_esearch() -> None:
    assert esearch_line(b"A282", uid=False, least=2, count=3) == b'* ESEARCH (TAG "A282") MIN 2 COUNT 3\r\n'
    assert esearch_line(b"A283", uid=False, found=b"2,10:11") == b'* ESEARCH (TAG "A283") ALL 2,10:11\r\n'
    assert esearch_line(b"A284", uid=True, least=4, most=9) == b'* ESEARCH (TAG "A284") UID MIN 4 MAX 9\r\n'
    assert esearch_line(b"A285", uid=True) == b'* ESEARCH (TAG "A285") UID\r\n'
    assert esearch_line(b"A286", uid=False, count=0) == b'* ESEARCH (TAG "A286") COUNT 0\r\n'
    assert esearch_line(None, uid=False) == b"* ESEARCH\r\n"
    line = esearch_line(b"a", uid=False, found=b"1:3", mod_sequence=1_236_543)
    assert line == b'* ESEARCH (TAG "a") ALL 1:3 MODSEQ 1236543\r\n'
    line = esearch_line(b"B1", uid=False, found=b"1,5,10", relevancy=[4, 99, 42])
    assert line == b'* ESEARCH (TAG "B1") ALL 1,5,10 RELEVANCY (4 99 42)\r\n'
    line = esearch_line(b"tag1", uid=True, searched=Searched("folder1", 1), found=b"4001,4003")
    assert line == b'* ESEARCH (TAG "tag1" MAILBOX folder1 UIDVALIDITY 1) UID ALL 4001,4003\r\n'
    line = esearch_line(b"t", uid=True, searched=Searched("é", 1), count=2)
    assert line == b'* ESEARCH (TAG "t" MAILBOX &AOk- UIDVALIDITY 1) UID COUNT 2\r\n'


def test_esearch_in_parts() -> None:
    line = esearch_line(b"A04", uid=True, partial=(PartialRange(24_000, 24_500), b""))
    assert line == b'* ESEARCH (TAG "A04") UID PARTIAL (24000:24500 NIL)\r\n'
    line = esearch_line(b"A01", uid=True, partial=(PartialRange(-1, -100), b"5:104"), count=104)
    assert line == b'* ESEARCH (TAG "A01") UID COUNT 104 PARTIAL (-1:-100 5:104)\r\n'


def test_esearch_updates_keep_their_order() -> None:
    updates = [Update(UpdateKind.REMOVE, [(0, b"32768")]), Update(UpdateKind.ADD, [(1, b"2733"), (2, b"2731:2732")])]
    line = esearch_line(b"B01", uid=True, updates=updates)
    assert line == b'* ESEARCH (TAG "B01") UID REMOVEFROM (0 32768) ADDTO (1 2733 2 2731:2732)\r\n'


@pytest.mark.parametrize(
    ("threads", "text"),
    [
        ([], b""),
        (
            [_N(2), _N(3, [_N(6, [_N(4, [_N(23)]), _N(44, [_N(7, [_N(96)])])])])],
            b" (2)(3 6 (4 23)(44 7 96))",
        ),
        ([_N(None, [_N(3), _N(5)])], b" ((3)(5))"),
        ([_N(None, [_N(3, [_N(4)])])], b" (3 4)"),
        ([_N(1, [_N(None, [_N(2), _N(3)])])], b" (1 (2)(3))"),
        ([_N(1, [_N(2, [_N(3), _N(None, [_N(4), _N(5)])]), _N(6)])], b" (1 (2 (3)((4)(5)))(6))"),
    ],
)
def test_threads(threads: list[ThreadNode], text: bytes) -> None:
    assert thread_line(threads) == b"* THREAD%b\r\n" % text


def test_a_thread_may_be_deep() -> None:
    node = _N(100_000)
    for number in range(99_999, 0, -1):
        node = _N(number, [node])
    assert thread_line([node]) == b"* THREAD (%b)\r\n" % b" ".join(b"%d" % number for number in range(1, 100_001))
    forked = _N(1)
    for number in range(100_000):
        forked = _N(None, [_N(number + 2), forked])
    assert thread_line([forked]).count(b"(") == 200_001


_TREES = st.recursive(
    st.integers(1, 99).map(_N),
    lambda children: st.tuples(st.integers(1, 99), st.lists(children, max_size=3)).map(lambda pair: _N(*pair)),
    max_leaves=20,
)


@given(st.lists(_TREES, max_size=4))
def test_every_number_is_said_once_and_parentheses_close(threads: list[ThreadNode]) -> None:
    def numbers(node: ThreadNode) -> list[int]:
        assert node.number is not None
        return [node.number, *(number for child in node.children for number in numbers(child))]

    text = thread_line(threads).decode()
    said = text.removeprefix("* THREAD").replace("(", " ").replace(")", " ").split()
    assert list(map(int, said)) == [number for thread in threads for number in numbers(thread)]
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        assert depth >= 0
    assert depth == 0


def test_uid_batches() -> None:
    line = uid_batches_line(b"A143", [(99_696, 215_295), (20_351, 99_695), (1, 20_350)])
    assert line == b'* UIDBATCHES (TAG "A143") 215295:99696,99695:20351,20350:1\r\n'
    assert uid_batches_line(b"A143", [(7, 7)]) == b'* UIDBATCHES (TAG "A143") 7:7\r\n'
    assert uid_batches_line(b"A143", []) == b'* UIDBATCHES (TAG "A143")\r\n'
