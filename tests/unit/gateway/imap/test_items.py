"""gateway/imap/items.py: what FETCH says of a message."""

from tests.unit.gateway.imap.world import World


async def test_a_large_message_that_cannot_be_decoded_is_not_begun() -> None:
    async with World() as world:
        head = b"Content-Type: text/plain\r\nContent-Transfer-Encoding: x-unheard-of\r\n\r\n"
        await world.deliver(head + b"x" * 100_000)
        alice = await world.connect("alice")
        await alice.ok("SELECT INBOX")
        for item in ("BINARY.PEEK[1]", "BINARY.SIZE[1]"):
            (only,) = await alice.command(f"FETCH 1 (UID BODY.PEEK[] {item})")
            assert only.startswith(b"t NO [UNKNOWN-CTE]")


async def test_a_part_is_decoded_a_few_times_at_most() -> None:
    async with World() as world:
        await world.deliver(b"Content-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n")
        alice = await world.connect("alice")
        await alice.ok("SELECT INBOX")
        pieces = [f"BINARY.PEEK[1]<{at}.1>" for at in range(4)]
        await alice.ok(f"FETCH 1 ({' '.join(pieces)})")
        assert (await alice.command(f"FETCH 1 (BINARY.SIZE[1] {' '.join(pieces)})"))[-1].startswith(b"t NO [LIMIT]")
