"""What searches are answered, octet for octet, as the examples of the RFCs have it."""

import pytest

from mail.imap.results import (
    Searched,
    Update,
    UpdateKind,
    esearch_line,
    thread_line,
    uid_batches_line,
)
from mail.imap.seqset import PartialRange
from mail.message.threading import CLOSE, OPEN, Forest, nested


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
        ("", b""),
        ("( 2 ) ( 3 6 ( 4 23 ) ( 44 7 96 ) )", b" (2)(3 6 (4 23)(44 7 96))"),
        ("( ( 3 ) ( 5 ) )", b" ((3)(5))"),
        ("( 1 ( 2 ( 3 ) ( 4 ) ) ( 5 ) )", b" (1 (2 (3)(4))(5))"),
    ],
)
def test_threads(threads: str, text: bytes) -> None:
    tokens = [{"(": OPEN, ")": CLOSE}.get(word) or int(word) for word in threads.split()]
    assert thread_line(tokens) == b"* THREAD%b\r\n" % text


def test_a_thread_may_be_deep() -> None:
    rows = 100_000
    chain = Forest(rows, [0], {row: [row + 1] for row in range(rows - 1)})
    numbers = [row if row < 0 else row + 1 for row in nested(chain)]
    assert thread_line(numbers) == b"* THREAD (%b)\r\n" % b" ".join(b"%d" % number for number in range(1, rows + 1))
    forks = Forest(rows, [0], {row: [row + 1, row + 2] for row in range(0, rows - 2, 2)})
    assert thread_line(nested(forks)).endswith(b")" * (rows // 2) + b"\r\n")


def test_uid_batches() -> None:
    line = uid_batches_line(b"A143", [(99_696, 215_295), (20_351, 99_695), (1, 20_350)])
    assert line == b'* UIDBATCHES (TAG "A143") 215295:99696,99695:20351,20350:1\r\n'
    assert uid_batches_line(b"A143", [(7, 7)]) == b'* UIDBATCHES (TAG "A143") 7:7\r\n'
    assert uid_batches_line(b"A143", []) == b'* UIDBATCHES (TAG "A143")\r\n'
