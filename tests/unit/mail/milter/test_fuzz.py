"""Promises for anything a filter may say: only ProtocolError leaves, and whole equals byte by byte."""

from hypothesis import given, settings
from hypothesis import strategies as st

from mail.milter.apply import Envelope, apply
from mail.milter.content import split
from mail.milter.frames import frame
from mail.milter.machine import Limits
from tests.unit.mail.milter.driver import Talk

_LETTERS = st.sampled_from("+-24abcdefhimpqrsty?O")
_DATA = st.sampled_from(
    [b"", b"A\0b\0", b"\0\0\0\1A\0b\n c\0", b"a@b.test\0", b"<>\0X=y\0", b"550 5.7.1 x\0", b"x" * 30]
)
_FRAME = st.builds(lambda letter, data: frame(ord(letter), data), _LETTERS, _DATA | st.binary(max_size=8))
_SAID = st.lists(_FRAME | st.binary(max_size=5), max_size=8).map(b"".join)
_OPTIONS = st.sampled_from([0, 0x70, 0x10_0000, 0xFF3FF, 0x400])


def talk_of(options: int, said: bytes, step: int) -> Talk:
    talk = Talk({"limits": Limits._fields[0] + "=200 message_bytes_max=200 changes_max=3"})
    talk.do("negotiate")
    talk.hear(frame(ord("O"), b"\0\0\0\6\0\0\1\xff" + options.to_bytes(4)), 0)
    talk.do(r"message A: b\r\nC: d\r\n\r\nHello\r\n")
    talk.hear(said, step)
    return talk


@given(_OPTIONS, _SAID, st.integers(1, 5))
@settings(max_examples=400, deadline=None)
def test_whole_equals_byte_by_byte(options: int, said: bytes, step: int) -> None:
    whole, pieces = talk_of(options, said, 0), talk_of(options, said, step)
    # Answers that come before their question are only seen where they come together with others.
    if "unasked" not in whole.error + pieces.error:
        assert whole.error == pieces.error
        assert whole.client.outcome == pieces.client.outcome
        assert whole.error or whole.said == pieces.said


@given(_OPTIONS, _SAID)
@settings(max_examples=400, deadline=None)
def test_what_is_asked_for_can_be_done(options: int, said: bytes) -> None:
    outcome = talk_of(options, said, 1).client.outcome
    for leading_space in (False, True):
        content = split(b"A: b\r\nC: d\r\n\r\nHello\r\n")
        after = apply(Envelope("a@b.test"), content, outcome.changes if outcome else (), leading_space=leading_space)
        again = split(after.content.join())
        assert [field.name for field in again.fields] == [field.name for field in after.content.fields]
        assert b"\n" not in again.join().replace(b"\r\n", b"")
        assert b"\r" not in again.join().replace(b"\r\n", b"")
