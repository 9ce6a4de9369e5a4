"""What the client hears when the store has trouble (RFC 3206), and that nothing is acknowledged that did not happen."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from cluster.errors import Corrupt, NotFound, Trouble, Unavailable
from gateway.pop3.settings import Pop3Settings
from tests.unit.gateway.pop3.world import PASSWORD, Client, World, message

TROUBLES = [
    (Unavailable("The store is away.", log="where it is"), "[SYS/TEMP] The store is away."),
    (Corrupt("A message is damaged.", log="which"), "[SYS/PERM] A message is damaged."),
    (RuntimeError("secret"), "[SYS/PERM] Internal error; it was logged"),
]


def failing(error: Exception) -> Callable[..., Awaitable[Any]]:
    """A method that does not work."""

    async def method(*_args: object, **_kwargs: object) -> None:
        raise error

    return method


async def _ready(world: World) -> Client:
    for number in range(2):
        await world.deliver(message(f"m{number}"))
    return await world.reader("alice")


@pytest.mark.parametrize(("error", "said"), TROUBLES)
async def test_a_maildrop_that_does_not_open_is_no_wrong_password(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And who asks again later is let in."""
    async with World() as world:
        client = await world.reader()
        await client.line()
        with monkeypatch.context() as broken:
            broken.setattr(world.mail, "select", failing(error))
            await client.done("USER alice")
            assert await client.say(f"PASS {PASSWORD}") == f"-ERR {said}".encode()
            assert await client.say("STAT") == b"-ERR STAT needs a login first"
        await client.done("USER alice")
        await client.done(f"PASS {PASSWORD}")


async def test_a_directory_that_does_not_answer_is_no_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    async with World(login_failures_max=1) as world:
        monkeypatch.setattr(world.people, "verify", failing(TROUBLES[0][0]))
        client = await world.reader()
        await client.line()
        await client.done("USER alice")
        assert await client.say(f"PASS {PASSWORD}") == b"-ERR [SYS/TEMP] The store is away."
        assert await client.say("AUTH PLAIN AGFsaWNlAGRlbW8=") == b"-ERR [SYS/TEMP] The store is away."
        await client.done("CAPA")


@pytest.mark.parametrize(
    ("error", "said"), [*TROUBLES, (NotFound("Gone."), "Message 1 was removed by another session")]
)
async def test_a_message_that_cannot_be_read(error: Exception, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with World() as world:
        client = await _ready(world)
        with monkeypatch.context() as broken:
            broken.setattr(world.mail, "content", failing(error))
            for command in ("RETR 1", "TOP 1 1"):
                assert await client.say(command) == f"-ERR {said}".encode()
        assert len(await client.all("RETR 1")) > 5


@pytest.mark.parametrize("step", ["set_flags", "expunge"])
@pytest.mark.parametrize(("error", "said"), TROUBLES[:2])
async def test_what_was_not_removed_is_not_acknowledged(
    error: Trouble, said: str, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with World(marks_seen=False) as world:
        client = await _ready(world)
        await client.done("DELE 1")
        (view,) = world.mail._views._views[11].values()
        monkeypatch.setattr(view.sessions[0], step, failing(error))
        code, _, says = said.partition(" ")
        assert await client.say("QUIT") == f"-ERR {code} Some deleted messages were not removed: {says}".encode()
        assert await client.quiet()
        assert client.pipe.closed
        assert not world.mail._views
        assert (await (await world.reader("alice")).say("STAT")).startswith(b"+OK 2 ")


async def test_what_cannot_be_marked_as_read_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async with World() as world:
        client = await _ready(world)
        await client.all("RETR 1")
        (view,) = world.mail._views._views[11].values()
        monkeypatch.setattr(view.sessions[0], "set_flags", failing(TROUBLES[0][0]))
        assert await client.say("QUIT") == b"+OK Goodbye"
        assert await client.quiet()
        assert not world.mail._views
        assert [line["trouble"] for line in world.log.lines if line["event"] == "pop3.trouble"] == ["Unavailable"]


async def test_a_response_that_breaks_off_is_not_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a multi-line response nothing can be said but its lines."""

    def broken(_content: bytes) -> Any:
        yield b"the beginning\r\n"
        raise RuntimeError

    async with World() as world:
        client = await _ready(world)
        monkeypatch.setattr("mail.pop3.render.message", broken)
        client.send(b"RETR 1\r\nNOOP\r\n")
        assert [line async for line in client.lines()] == [b"+OK 150 octets", b"the beginning"]
        assert [line["event"] for line in world.log.lines][-2:] == ["pop3.defect", "pop3.close"]


@pytest.mark.parametrize("greeting", ["<1896.697170952@dbc.mtview.ca.us>", "[AUTH] hello", "two\nlines", "Grüße"])
def test_a_greeting_is_not_taken_for_something_else(greeting: str) -> None:
    """RFC 2449 3: an angle bracket is APOP's challenge, a bracket a response code."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"greeting": greeting}, Pop3Settings)
