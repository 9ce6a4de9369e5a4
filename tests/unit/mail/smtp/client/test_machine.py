"""What no conversation shows: every place to cut one, SCRAM against our own server, bounds, and any noise."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail import sasl
from mail.smtp.client.auth import Credentials
from mail.smtp.client.envelope import BadAddress
from mail.smtp.client.events import Authenticated, AuthFailed, Closed, Event, Finished, Ready, Settled
from mail.smtp.client.machine import Client, Phase
from tests.unit.mail.smtp.client.driver import FOLDER, Talk, raw, steps, transaction

HELLO = b"220 x\r\n250-x\r\n250-PIPELINING\r\n250-AUTH SCRAM-SHA-256\r\n250 SIZE\r\n"


def _sides(path: Path) -> tuple[dict[str, str], list[tuple[str, bytes | str]]]:
    """The head, and what server and driver do."""
    head: dict[str, str] = {}
    acts: list[tuple[str, bytes | str]] = []
    for mark, text in steps(path):
        if mark.islower():
            head[mark] = text
        elif mark in {"S", "R"}:
            acts.append(("hear", text.encode() + b"\r\n" if mark == "S" else raw(text)))
        elif mark == "A":
            acts.append(("act", text))
    return head, acts


def _played(head: dict[str, str], acts: list[tuple[str, bytes | str]], bytes_max: int) -> tuple[Talk, int, list[Event]]:
    """A conversation until the server has said so many bytes, and what came of it."""
    talk = Talk(head)
    given_count, left = 0, bytes_max
    for _verb, what in acts:
        if isinstance(what, bytes):
            talk.hear(what[:left])
            left -= len(what)
        else:
            given_count += what.startswith("send")
            talk.act(what)
        if left <= 0:
            break
    return talk, given_count, talk.events


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_cut_anywhere_every_transaction_is_finished_once(path: Path) -> None:
    head, acts = _sides(path)
    total = sum(len(what) for _, what in acts if isinstance(what, bytes))
    for cut in range(total + 1):
        talk, sent, events = _played(head, acts, cut)
        left = talk.client.flights
        events = events + talk.client.lost("cut")
        finished = [event for event in events if isinstance(event, Finished)]
        assert len(finished) == sent
        assert all(len(event.results) == len(event.transaction.targets) for event in finished)
        assert isinstance(events[-1], Closed)
        assert talk.client.receive(b"250 Ok\r\n") == []
        assert talk.client.outgoing() == b""
        for event in finished[len(finished) - left :]:  # of what was cut, nothing is said to be delivered
            assert "delivered" not in {one.how for one in event.results} or head.get("role") == "lmtp"


def test_the_message_had_left_and_its_answer_is_cut() -> None:
    talk = Talk({})
    talk.hear(HELLO)
    talk.act("send a@b c@d Hi")
    talk.hear(b"250 Ok\r\n250 Ok\r\n354 go\r\n")
    assert talk.said.endswith(b"Hi\r\n.\r\n")
    first, closed = talk.client.lost("gone")
    assert isinstance(first, Finished)
    assert first.results == (Settled("deferred", None, "gone", "end", certain=False),)
    assert not first.again
    assert isinstance(closed, Closed)


def test_taken_before_it_had_left() -> None:
    talk = Talk({})
    talk.hear(HELLO)
    talk.act("send a@b c@d Hi")
    talk.hear(b"250 Ok\r\n250 Ok\r\n354 go\r\n")
    finished = talk.client.receive(b"250 taken\r\n", unsent=1)[0]
    assert isinstance(finished, Finished)
    assert finished.results[0].how == "deferred"


def test_refused_before_it_had_left() -> None:
    talk = Talk({})
    talk.hear(HELLO)
    talk.act("send a@b c@d Hi")
    talk.hear(b"250 Ok\r\n250 Ok\r\n354 go\r\n")
    finished = talk.client.receive(b"552 5.3.4 too large\r\n", unsent=1)[0]
    assert isinstance(finished, Finished)
    assert finished.results[0].how == "failed"


@pytest.mark.parametrize("right", [True, False])
def test_scram_with_our_own_server(right: bool) -> None:
    client = Client("me", tls=True)
    client.receive(HELLO)
    client.outgoing()
    client.authenticate(Credentials(user="üser", password="pencil"), nonce="abcdef")
    server = sasl.begin("SCRAM-SHA-256", nonce="server", secret=b"s" * 16)
    keys = sasl.derive_scram("pencil" if right else "other", b"salt", 4096)
    import binascii

    line = client.outgoing().split()[-1]
    step = server.step(binascii.a2b_base64(line))
    events: list[Event] = []
    while not events:
        match step:
            case sasl.NeedScram():
                step = server.answer(keys)
            case sasl.Challenge(data):
                events = client.receive(b"334 " + binascii.b2a_base64(data, newline=False) + b"\r\n")
                step = server.step(binascii.a2b_base64(client.outgoing().strip()))
            case sasl.Done():
                events = client.receive(b"235 2.7.0 ok\r\n")
            case _:
                events = client.receive(b"535 5.7.8 no\r\n")
    assert [type(event) for event in events] == [Authenticated if right else AuthFailed]
    assert client.authenticated is right


def test_a_server_that_does_not_know_the_password() -> None:
    client = Client("me", tls=True)
    client.receive(HELLO)
    client.authenticate(Credentials(user="u", password="p"), nonce="abc")
    client.receive(b"334 cj1hYmNkZWYscz1jMkZzZEE9PSxpPTQwOTY=\r\n")  # r=abcdef,s=c2FsdA==,i=4096
    client.outgoing()
    client.receive(b"334 dj1BQUFB\r\n")
    assert client.outgoing() == b"*\r\n"
    (failed,) = client.receive(b"501 cancelled\r\n")
    assert failed == AuthFailed(failed.reply, "the server does not know the password")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "first", ["r=abc,s=c2FsdA==,i=4096", "r=abcx,s=c2FsdA==,i=4095", "r=abcx,s=c2FsdA==,i=9999999", "r=zzz,s=,i=1", "x"]
)
def test_a_server_first_message_that_is_not_answered(first: str) -> None:
    import binascii

    client = Client("me", tls=True)
    client.receive(HELLO)
    client.authenticate(Credentials(user="u", password="p"), nonce="abc")
    client.outgoing()
    client.receive(b"334 " + binascii.b2a_base64(first.encode(), newline=False) + b"\r\n")
    assert client.outgoing() == b"*\r\n"


def test_an_address_that_would_break_out_is_not_sent() -> None:
    talk = Talk({})
    talk.hear(HELLO)
    talk.said = b""
    with pytest.raises(BadAddress):
        talk.client.send(transaction("a@b c@d>\x0d\x0aRSET Hi"))
    assert talk.client.outgoing() == b""
    assert talk.client.room


def test_endless_replies_are_bounded() -> None:
    for hostile in (
        b"220-x\r\n" * 100_000,
        b"220 " + b"x" * 10_000_000,
        b"2" * 5000,
        b"\r\n",
        b"220\n" + b"220 x\r\n" * 9,
    ):
        client = Client("me")
        events = client.receive(hostile)
        assert client.phase is Phase.CLOSED or client.phase is Phase.HELLO
        assert isinstance(events[-1], Closed)


def test_byte_by_byte_an_endless_line_ends() -> None:
    client = Client("me")
    events: list[Event] = []
    count = 0
    while not events:
        events = client.receive(b"220 x"[count : count + 1] or b"x")
        count += 1
        assert count < 3000
    assert isinstance(events[0], Closed)


_PIECES = [
    b"220 x\r\n", b"250 Ok\r\n", b"250-PIPELINING\r\n", b"250-CHUNKING\r\n", b"250-AUTH PLAIN SCRAM-SHA-256\r\n",
    b"354 go\r\n", b"421 bye\r\n", b"450 4.2.0 x\r\n", b"550 5.1.1 x\r\n", b"552 x\r\n", b"334 \r\n", b"334 AAAA\r\n",
    b"235 x\r\n", b"2", b"250-LIMITS MAILMAX=1\r\n", b"\r\n", b"\xff",
]  # fmt: skip


@given(
    st.lists(st.one_of(st.sampled_from(_PIECES), st.binary(max_size=4)), max_size=40),
    st.booleans(),
    st.lists(st.sampled_from(["send", "auth", "quit", "tls"]), max_size=6),
)
@settings(max_examples=400, deadline=None)
def test_any_server(pieces: list[bytes], lmtp: bool, wishes: list[str]) -> None:
    """Nothing is raised, nothing is taken twice, every transaction is finished once."""
    client = Client("me", lmtp=lmtp, tls=True)
    given_count = 0
    events: list[Event] = []
    wishes = ["send", *wishes]
    for piece in pieces:
        events += client.receive(piece)
        while client.room and wishes:
            match wishes.pop():
                case "send":
                    client.send(transaction("a@b c@d,e@f x"))
                    given_count += 1
                case "auth" if client.idle:
                    events += client.authenticate(Credentials(user="u", password="p"), nonce="n")
                case "tls" if client.idle:
                    client.start_tls()
                case "quit":
                    client.quit()
                case _:
                    pass
        client.outgoing()
    events += client.lost("end")
    finished = [event for event in events if isinstance(event, Finished)]
    assert len(finished) == given_count
    assert sum(isinstance(event, Closed) for event in events) == 1
    if any(one.how == "delivered" for event in finished for one in event.results):
        assert any(isinstance(event, Ready) for event in events)
