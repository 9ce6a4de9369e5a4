"""Promises of the machine, whatever a client sends.

- Only events leave: no exception, whatever the octets.
- Whole equals octet by octet: how the network cuts the stream changes nothing.
- After anything that was refused the machine is in step: it is never stuck without a reason.
- What a machine holds stays within its limits.
"""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from mail.imap.commands import Noop
from mail.imap.events import Close, Command
from mail.imap.limits import Limits
from mail.imap.machine import ImapMachine
from mail.imap.parse import COMMANDS
from tests.fuzz.driving import feed
from tests.fuzz.session.commands import command

_LIMITS = Limits(
    line_max_bytes=80,
    tag_max_bytes=8,
    literal_max_bytes=60,
    append_max_bytes=100,
    literals_max=3,
    skip_max_bytes=300,
    depth_max=4,
    search_nodes_max=8,
)
_WORDS = [
    *(b"a %b " % name for name in COMMANDS),
    *(b"(", b")", b"[", b"]", b"<0.5>", b'"', b"\\", b" ", b"  ", b"\r\n", b"\n", b"\r", b"\0", b"+", b"*", b"%", b"~"),
    *(b"{3}", b"{3+}\r\n", b"{0+}\r\n", b"{3}\r\n", b"{70+}\r\n", b"{999+}\r\n", b"{99999999999999999999999+}\r\n"),
    *(b"INBOX", b"1:*", b"4,2", b"FLAGS", b"+FLAGS.SILENT", b"\\Seen", b"BODY.PEEK[HEADER.FIELDS (", b"BODY[1.MIME]"),
    *(
        b"NOT ",
        b"OR ",
        b"SINCE 1-Feb-1994",
        b"CHARSET UTF-8 ",
        b"TEXT ",
        b"UID 1",
        b"&AOk-",
        b"\xc3\xa9",
        b"\xff",
        b"RETURN (",
    ),
    *(b"$", b"(CHANGEDSINCE 1 VANISHED)", b"(PARTIAL -1:-5)", b"(UNCHANGEDSINCE 1) ", b"(QRESYNC (1 2 3 (4 5)))"),
    *(b"RETURN (ALL) ", b"FUZZY ", b"MODSEQ 1", b"(REVERSE DATE) UTF-8 ", b"REFERENCES UTF-8 ", b"IN (subtree a) "),
    *(
        b"~{2+}\r\n\0\0",
        b"CATENATE (TEXT ",
        b"URL /a/;UID=1",
        b"UTF8 (",
        b"INTERNAL",
        b"BINARY.SIZE[1]",
        b" (LAZY)",
    ),
    *(b"SETACL a b +lrs", b"(STORAGE 1)", b"(DEPTH 1)", b"/shared/a", b"(/private/b ", b"~{3+}\r\n", b"(USE (\\Sent))"),
    *(b"NOTIFY SET STATUS (selected (MessageNew (UID) MessageExpunge))", b"(subtree ", b"STATUS (SIZE)", b"METADATA ("),
    *(b"NIL", b"dGVzdA==", b"=", b"DONE", b'"17-Jul-1996 02:44:25 -0700"', b"x" * 30),
]
_WHOLE = st.integers(0, 1 << 30).map(lambda seed: b"a %b\r\n" % command(random.Random(seed)))
_STREAMS = st.lists(st.sampled_from(_WORDS) | st.binary(max_size=6) | _WHOLE, max_size=30).map(b"".join)


@settings(max_examples=300)
@given(_STREAMS)
def test_whole_equals_octet_by_octet(stream: bytes) -> None:
    whole, cut = ImapMachine(_LIMITS), ImapMachine(_LIMITS)
    expected = feed(whole, stream, Command)
    seen = [event for place in range(len(stream)) for event in feed(cut, stream[place : place + 1], Command)]
    assert seen == expected
    assert cut.outgoing() == whole.outgoing()


@settings(max_examples=300)
@given(_STREAMS)
def test_it_gets_back_into_step(stream: bytes) -> None:
    machine = ImapMachine(_LIMITS)
    events = feed(machine, stream, Command)
    # No literal that was taken is longer than 100, and none that is skipped than 300; the quote is closed by the line.
    events += feed(machine, b"x" * 400 + b"\r\n" + b"\r\n" * 4, Command)
    events += feed(machine, b"z NOOP\r\n", Command)
    assert isinstance(events[-1], Close) or events[-1] == Command(b"z", Noop())


@settings(max_examples=200)
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=40))
def test_it_holds_no_more_than_its_limits(chunks: list[bytes]) -> None:
    machine = ImapMachine(_LIMITS)
    for chunk in chunks:
        feed(machine, chunk, Command)
        assert machine.held_bytes <= _LIMITS.line_max_bytes + 2
