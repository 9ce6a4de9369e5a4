"""Promises of the machine, whatever a client sends.

- Only events leave: no exception, whatever the octets.
- Whole equals octet by octet: how the network cuts the stream changes nothing.
- After anything that was refused the machine is in step.
- What a machine holds stays within its limits.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from mail.pop3.commands import Noop
from mail.pop3.events import Command
from mail.pop3.limits import Limits
from mail.pop3.machine import Pop3Machine
from tests.fuzz.driving import feed

LIMITS = Limits(command_max_bytes=30, response_max_bytes=60)
_WORDS = [
    *(
        b"CAPA",
        b"STLS",
        b"USER ",
        b"PASS ",
        b"AUTH ",
        b"UTF8",
        b"LANG ",
        b"STAT",
        b"LIST ",
        b"UIDL ",
        b"RETR ",
        b"TOP ",
    ),
    *(b"DELE ", b"NOOP", b"RSET", b"QUIT", b"auth plain ", b"AGEAYg==", b"=", b"*", b"1", b"1 2", b"-1", b"9" * 25),
    *(b" ", b"\r\n", b"\n", b"\r", b"\0", b"\xc3\xa4", b"\xff", b"x" * 20, b"x" * 70),
]
_STREAMS = st.lists(st.sampled_from(_WORDS) | st.binary(max_size=6), max_size=30).map(b"".join)


@settings(max_examples=300)
@given(_STREAMS)
def test_whole_equals_octet_by_octet(stream: bytes) -> None:
    whole, cut = Pop3Machine(LIMITS), Pop3Machine(LIMITS)
    expected = feed(whole, stream, Command)
    assert [
        event for place in range(len(stream)) for event in feed(cut, stream[place : place + 1], Command)
    ] == expected


@settings(max_examples=300)
@given(_STREAMS)
def test_it_gets_back_into_step(stream: bytes) -> None:
    machine = Pop3Machine(LIMITS)
    feed(machine, stream, Command)
    assert feed(machine, b"\r\n" * 2 + b"NOOP\r\n", Command)[-1] == Command(Noop())


@settings(max_examples=200)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=40))
def test_it_holds_no_more_than_its_limits(chunks: list[bytes]) -> None:
    machine = Pop3Machine(LIMITS)
    for chunk in chunks:
        feed(machine, chunk, Command)
        assert machine.held_bytes <= LIMITS.response_max_bytes + 2
