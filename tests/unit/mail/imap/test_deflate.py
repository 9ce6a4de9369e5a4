"""mail.imap.deflate: bounded, in any pieces, and it knows where the other end flushed."""

import random
import zlib

import pytest

from mail.imap.deflate import Deflating, Garbled, Inflating

LINES = [b"a%d UID FETCH %d:* (FLAGS)\r\n" % (number, number * 7) for number in range(200)]


class Sender:
    """What a client sends: each line flushed."""

    def __init__(self, how: int = zlib.Z_SYNC_FLUSH) -> None:
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        self._how = how

    def __call__(self, data: bytes) -> bytes:
        return self._deflate.compress(data) + self._deflate.flush(self._how)


def _all(inflating: Inflating, most: int = 1 << 16) -> bytes:
    found = b""
    while (octets := inflating.take(most)) is not None:
        assert len(octets) <= most
        found += octets
    return found


@pytest.mark.parametrize("most", [1, 7, 1000, 1 << 16])
def test_any_pieces_give_the_same(most: int) -> None:
    sender, dice = Sender(), random.Random(most)
    sent = b"".join(map(sender, LINES))
    inflating, found = Inflating(), b""
    while sent:
        cut = dice.randrange(1, 60)
        inflating.add(sent[:cut])
        sent = sent[cut:]
        found += _all(inflating, most)
    assert found == b"".join(LINES)
    assert inflating.is_flushed
    assert inflating.rest() == b""


def test_a_bomb_is_inflated_as_slowly_as_it_is_asked_for() -> None:
    inflating = Inflating()
    bomb = Sender()(b"\0" * 100_000_000)
    assert len(bomb) < 110_000
    inflating.add(bomb)
    for _ in range(10):
        octets = inflating.take(4096)
        assert octets == b"\0" * 4096


def test_what_was_given_is_not_kept() -> None:
    sender, inflating = Sender(), Inflating()
    for line in LINES * 20:
        inflating.add(sender(line))
        assert _all(inflating) == line
        assert len(inflating._given) < 100


@pytest.mark.parametrize("garbage", [b"a NOOP\r\n", b"\xff" * 10, b"* OK hello\r\n" * 100])
def test_garbage_is_told(garbage: bytes) -> None:
    inflating = Inflating()
    inflating.add(Sender()(b"a NOOP\r\n"))
    assert _all(inflating) == b"a NOOP\r\n"
    inflating.add(garbage)
    with pytest.raises(Garbled):
        _all(inflating)


def test_behind_the_end_nothing_may_come() -> None:
    inflating = Inflating()
    inflating.add(Sender(zlib.Z_FINISH)(b"a LOGOUT\r\n"))
    assert _all(inflating) == b"a LOGOUT\r\n"
    inflating.add(b"x")
    with pytest.raises(Garbled):
        _all(inflating)


@pytest.mark.parametrize("how", [zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_FINISH])
@pytest.mark.parametrize("piece", [1, 2, 3, 5, 1000])
def test_where_the_sender_flushed_the_rest_is_known(how: int, piece: int) -> None:
    """RFC 8437 4.1: behind UNAUTHENTICATE what comes is clear; it may come with it, or in any pieces."""
    line, clear = b"a UNAUTHENTICATE\r\n", b"b AUTHENTICATE PLAIN =\r\n"
    sent = Sender(how)(line) + clear
    inflating, found, at = Inflating(), b"", 0
    while not (inflating.is_flushed and found == line):
        inflating.add(sent[at : at + piece])
        at += piece
        while not (inflating.is_flushed and found == line) and (octets := inflating.take(100)) is not None:
            found += octets
    assert inflating.rest() + sent[at:] == clear


def test_what_is_deflated_can_be_read_at_once_and_by_anybody_who_comes_later() -> None:
    other = zlib.decompressobj(-15)
    deflating = Deflating()
    sizes = []
    for number in range(100):
        if number % 10 == 5:
            deflating = Deflating()  # forgotten
        line = b"* %d FETCH (UID %d FLAGS (\\Seen \\Answered))\r\n" % (number, number + 77)
        sent = deflating.deflated(line)
        sizes.append(len(sent))
        assert other.decompress(sent) == line
    assert max(sizes[1:5]) < 30 < sizes[5], "what was said before helps"
