"""gateway/imap/progress.py: how far a long command is (RFC 9585)."""

from gateway.imap.progress import PROGRESS_S, Progress
from tests.unit.gateway.imap.world import World, message


def test_it_is_said_at_most_so_often() -> None:
    progress = Progress()
    assert progress.line(1e9) == b""  # nothing runs
    progress.begin(b"a1", 100.0)
    assert progress.line(100.0 + PROGRESS_S - 1) == b""
    assert progress.line(100.0 + PROGRESS_S) == b'* OK [INPROGRESS ("a1" NIL NIL)] Still working\r\n'
    progress.goal, progress.done = 500, 120
    assert progress.line(101.0 + PROGRESS_S) == b""
    assert progress.line(100.0 + 2 * PROGRESS_S) == b'* OK [INPROGRESS ("a1" 120 500)] Still working\r\n'
    progress.done = 600  # a goal that was too low
    assert progress.line(100.0 + 3 * PROGRESS_S) == b'* OK [INPROGRESS ("a1" 600 600)] Still working\r\n'
    progress.between = False  # half a response is written
    assert progress.line(1e9) == b""
    progress.between = True
    progress.end()
    assert progress.line(1e9) == b""


async def test_a_fetch_that_takes_long_says_so_between_its_responses() -> None:
    async with World() as world:
        for number in range(250):
            await world.deliver(message(f"m{number}"))
        client = await world.connect("alice")
        await client.ok("SELECT INBOX")

        async def slow() -> None:
            world.clock.advance(PROGRESS_S)
            client.connection.swept(world.clock.monotonic())

        world.mail.meanwhile = slow
        lines = await client.ok("FETCH 1:* ENVELOPE")
        world.mail.meanwhile = None
        said = [(place, line) for place, line in enumerate(lines) if b"INPROGRESS" in line]
        assert said == [
            (0, b'* OK [INPROGRESS ("t" 0 250)] Still working'),
            (201, b'* OK [INPROGRESS ("t" 200 250)] Still working'),
        ]
        # an idle client is told nothing
        client.send(b"u IDLE\r\n")
        assert await client.line() == b"+ idling"
        world.clock.advance(PROGRESS_S * 3)
        client.connection.swept(world.clock.monotonic())
        assert await client.quiet()
