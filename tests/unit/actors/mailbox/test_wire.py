"""actors/mailbox/wire.py: what is said arrives; what is damaged, or of another version, is told apart."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.mailbox import events as ev
from actors.mailbox import wire
from actors.mailbox.types import (
    Add,
    Added,
    Changed,
    Command,
    Copy,
    Create,
    Delete,
    Done,
    Exchange,
    Expunge,
    Item,
    MailboxInfo,
    Open,
    Opened,
    Prepared,
    ReadTree,
    Rename,
    Reply,
    SetFlags,
    Subscribe,
    Tree,
)
from cluster.errors import Corrupt, Refused

UID = st.integers(0, 2**32 - 1)
UIDS = st.lists(st.tuples(UID, UID).map(lambda two: (min(two), max(two))), max_size=3).map(tuple)
TEXT = st.text(max_size=10)
COMMANDS = st.one_of(
    st.builds(
        Add,
        TEXT,
        st.lists(
            st.builds(
                Item,
                st.builds(Prepared, st.binary(), st.integers(0, 9), st.binary(), st.none() | st.binary()),
                st.integers(-5, 2**60),
                st.integers(0, 31),
                st.lists(TEXT, max_size=2).map(tuple),
            ),
            max_size=3,
        ).map(tuple),
        st.binary(max_size=32),
        st.booleans(),
    ),
    st.builds(SetFlags, UID, UIDS, st.sampled_from(["add", "remove", "replace"]), UID),
    st.builds(Expunge, UID, st.none() | UIDS),
    st.builds(Copy, UID, UIDS, TEXT, st.booleans()),
    st.builds(Create, TEXT),
    st.builds(Delete, TEXT),
    st.builds(Rename, TEXT, TEXT),
    st.builds(Exchange, st.lists(TEXT).map(tuple)),
    st.builds(Subscribe, TEXT, st.booleans()),
    st.just(ReadTree()),
    st.builds(Open, TEXT, st.booleans(), UID),
)
ACCOUNT = st.integers(1, 2**63 - 1)
WATCH = st.binary(min_size=16, max_size=16)
INFO = st.builds(MailboxInfo, UID, TEXT, st.just("inbox"), *[UID] * 7)
REPLIES = st.one_of(
    st.builds(Added, UID, UID, UIDS, UID, UIDS),
    st.builds(Changed, UID, UIDS, UIDS),
    st.builds(Done, UID),
    st.builds(Tree, st.lists(INFO).map(tuple), st.frozensets(TEXT), st.lists(TEXT).map(tuple), UID, UID, UID),
    st.builds(Opened, INFO, st.lists(TEXT).map(tuple), UID, UID),
)


@given(ACCOUNT, COMMANDS, st.binary(max_size=32))
def test_commands_arrive(account: int, command: Command, idem: bytes) -> None:
    request = wire.Ask(account, command, idem)
    assert wire.decode_request(wire.encode_request(request)) == request


@given(ACCOUNT, st.integers(0, 2**40), WATCH, st.booleans())
def test_other_requests_arrive(account: int, size: int, watch: bytes, on: bool) -> None:
    for request in (wire.AskRoom(account, size), wire.AskClaims(account, watch, on)):
        assert wire.decode_request(wire.encode_request(request)) == request
    asked = wire.Watch(account, watch, "x", size, on)
    assert wire.decode_watch(wire.encode_watch(asked)) == asked
    assert wire.decode_room(wire.encode_room(on)) is on


@given(REPLIES)
def test_replies_arrive(reply: Reply) -> None:
    assert wire.decode_reply(wire.encode_reply(reply)) == reply


@given(st.builds(Opened, INFO, st.just(()), UID, UID), st.lists(st.binary()), st.booleans())
def test_a_watch_arrives(opened: Opened, pieces: list[bytes], mine: bool) -> None:
    began = wire.Began(opened, pieces)
    assert wire.decode_began(wire.encode_began(began)) == began
    events = (ev.MessagesAdded(1, (ev.Row(1, 2, 3, 4, 5),), claimed=True), ev.KeywordsDefined(("x",)))
    change = wire.Change(7, 8, events, ("x",))
    assert wire.decode_change(wire.encode_change(7, 8, events, ("x",), mine=mine)) == (change, mine)


@given(st.binary(max_size=60), st.booleans())
def test_garbage_is_refused(garbage: bytes, versioned: bool) -> None:
    body = bytes((wire.VERSION,)) + garbage if versioned else garbage
    for decode in (wire.decode_request, wire.decode_watch):
        try:
            decode(body)
        except Refused:
            continue
    for tell in (wire.decode_reply, wire.decode_began, wire.decode_change, wire.decode_room):
        try:
            tell(body)
        except Corrupt:
            continue


def _with(body: bytes, **more: object) -> bytes:
    return body[:1] + msgspec.msgpack.encode(msgspec.msgpack.decode(body[1:]) | more)


def test_what_a_newer_version_adds_is_passed_over() -> None:
    request = wire.Ask(1, Expunge(2))
    assert wire.decode_request(_with(wire.encode_request(request), later=[1])) == request
    command = msgspec.to_builtins(Expunge(2)) | {"later": 1}
    assert wire.decode_request(_with(wire.encode_request(request), command=command)) == request
    reply = wire.encode_reply(Done(3))
    assert wire.decode_reply(reply[:1] + _with(reply[1:], later=1)) == Done(3)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x02" + wire.encode_request(wire.Ask(1, ReadTree()))[1:],
        wire.encode_request(wire.Ask(0, ReadTree())),
        wire.encode_request(wire.Ask(1, ReadTree(), b"k" * 33)),
        wire.encode_request(wire.Ask(1, Expunge(1, ((5, 4),)))),
        wire.encode_request(wire.Ask(1, Expunge(1, ((1, 2**32),)))),
        wire.encode_request(wire.Ask(1, Copy(1, ((-1, 2),), "x"))),
        _with(wire.encode_request(wire.Ask(1, ReadTree())), command={"type": 99}),
    ],
)
def test_what_no_shard_can_use_is_refused(body: bytes) -> None:
    with pytest.raises(Refused):
        wire.decode_request(body)


def test_answers_of_unknown_kind_or_version_are_told() -> None:
    for body in (b"", b"\x01", b"\x01\x63\x80", b"\x02" + wire.encode_reply(Done(1))[1:]):
        with pytest.raises(Corrupt):
            wire.decode_reply(body)
