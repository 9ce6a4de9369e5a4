"""What conversations cannot show: sizes, what is written at once, and misuse."""

import pytest

from mail.milter.codes import DATA_BYTES, DATA_BYTES_256K, Protocol
from mail.milter.content import split
from mail.milter.errors import ProtocolError
from mail.milter.frames import frame
from mail.milter.machine import Client, Limits
from mail.milter.options import Offer

_CONTINUE = frame(ord("c"))


def agreed(protocol: int = 0, *, offer: Offer | None = None, limits: Limits | None = None) -> Client:
    client = Client(offer, limits)
    client.negotiate()
    client.outgoing()
    client.receive(frame(ord("O"), b"\0\0\0\6\0\0\1\xff" + protocol.to_bytes(4)))
    return client


def frames(data: bytes) -> list[tuple[str, int]]:
    """The letter and the size of the data of each."""
    found = []
    while data:
        size = int.from_bytes(data[:4])
        found.append((chr(data[4]), size - 1))
        data = data[4 + size :]
    return found


def test_a_body_goes_in_chunks_one_at_a_time() -> None:
    client = agreed(Protocol.NOHDRS | Protocol.NOEOH)
    client.message(split(b"\r\n" + b"x" * (2 * DATA_BYTES + 1)))
    for size in (DATA_BYTES, DATA_BYTES, 1):
        assert frames(client.outgoing()) == [("B", size)]
        assert client.outgoing() == b""
        client.receive(_CONTINUE)
    assert frames(client.outgoing()) == [("E", 0)]
    assert client.outcome is None
    client.receive(_CONTINUE)
    assert client.outcome is not None


def test_larger_chunks_where_both_know_them() -> None:
    nothing_else = Protocol.NOHDRS | Protocol.NOEOH
    for offered, taken, size in (
        (DATA_BYTES_256K, Protocol.MDS_256K, DATA_BYTES_256K),
        (DATA_BYTES_256K, Protocol.MDS_1M, DATA_BYTES_256K),
        (DATA_BYTES_256K, Protocol.NONE, DATA_BYTES),
        (DATA_BYTES, Protocol.MDS_256K, DATA_BYTES),
    ):
        client = agreed(nothing_else | taken, offer=Offer(data_bytes=offered))
        client.message(split(b"\r\n" + b"x" * 300_000))
        assert frames(client.outgoing())[0] == ("B", size)


def test_what_is_not_answered_is_still_written_in_pieces() -> None:
    client = agreed(Protocol.NOHDRS | Protocol.NOEOH | Protocol.NR_BODY)
    client.message(split(b"\r\n" + b"x" * 2_000_000))
    largest = total = 0
    while data := client.outgoing():
        largest, total = max(largest, len(data)), total + len(data)
    assert 2_000_000 < total < 2_001_000
    assert largest < 400_000


def test_a_field_too_long_for_a_command_is_cut() -> None:
    client = agreed(Protocol.NOEOH)
    client.message(split(b"X" * 50_000 + b": " + b"y" * 100_000 + b"\r\nA: b\r\n\r\n"))
    assert frames(client.outgoing()) == [("L", DATA_BYTES)]
    client.receive(_CONTINUE)
    assert frames(client.outgoing()) == [("L", 4)]


def test_a_thousand_times_progress_is_no_answer() -> None:
    client = agreed()
    client.helo("x")
    client.outgoing()
    client.receive(frame(ord("p")) * 1000)
    assert client.outcome is None
    client.receive(_CONTINUE)
    assert client.outgoing() == b""
    assert client.outcome is not None


def test_progress_without_end_is_cut_off() -> None:
    client = agreed()
    client.helo("x")
    client.outgoing()
    with pytest.raises(ProtocolError, match="frames"):
        client.receive(frame(ord("p")) * 100_001)
    client.receive(_CONTINUE)
    assert client.outcome is None
    with pytest.raises(RuntimeError, match="defect of the driver"):
        client.helo("x")


def test_one_exchange_at_a_time() -> None:
    client = agreed()
    client.helo("x")
    with pytest.raises(RuntimeError, match="defect of the driver"):
        client.helo("x")
