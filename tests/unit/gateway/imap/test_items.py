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
