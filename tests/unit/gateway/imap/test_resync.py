"""gateway/imap/resync.py: QRESYNC where the log is too long to be looked through (RFC 7162 3.2.5.2)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.mailbox.types import DELETED, Item
from gateway.imap.resync import _first
from mail.imap.seqset import SequenceSet
from tests.unit.gateway.imap.world import ALICE, Client, World, message

UIDS = 60


async def _only_thirds(world: World) -> tuple[Client, str]:
    """As in the RFC's example, there are only messages with UIDs divisible by three; and what the client remembers."""
    prepared = await world.mail.prepare(message())
    await world.mail.add(ALICE, "INBOX", [Item(prepared, 0)] * UIDS)
    client = await world.connect("alice")
    await client.ok("ENABLE QRESYNC")
    lines = await client.ok("SELECT INBOX")
    codes = dict(line[6 : line.index(b"]")].split(b" ", 1) for line in lines if line.startswith(b"* OK ["))
    await client.ok("UNSELECT")
    hold = await world.mail.select(ALICE, "INBOX", read_only=True, changed=lambda: None)
    await hold.set_flags(tuple((uid, uid) for uid in range(1, UIDS + 1) if uid % 3), "add", DELETED)
    await hold.expunge()
    await hold.set_flags(((30, 30),), "add", 1)
    await hold.close()
    return client, f"{codes[b'UIDVALIDITY'].decode()} {codes[b'HIGHESTMODSEQ'].decode()}"


async def _told(client: Client, known: str) -> list[bytes]:
    lines = await client.ok(f"SELECT INBOX (QRESYNC ({known}))")
    return [line for line in lines if b"VANISHED" in line or b"FETCH" in line]


async def test_without_history_all_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with World() as world:
        client, known = await _only_thirds(world)
        with_history = await _told(client, known)
        monkeypatch.setattr("actors.mailbox.client.VANISHED_PAGES_MAX", 0)
        assert await _told(client, known) == with_history
        gone = b",".join(b"%d:%d" % (uid, uid + 1) for uid in range(1, UIDS, 3))
        fetched = b"* 10 FETCH (UID 30 FLAGS (\\Seen) MODSEQ (64))"
        assert with_history[0] == b"* VANISHED (EARLIER) " + gone
        assert with_history[1][:30] == fetched[:30]
        # also what was gone long before: a client that asks from the beginning is told more than the log has of it
        assert (await _told(client, known.split()[0] + " 1 4:9,59:400"))[0] == b"* VANISHED (EARLIER) 4:5,7:8,59"


async def test_what_the_client_knows_the_number_of_need_not_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The highest number that still is the same message's ends what is told (3.2.5.2)."""
    monkeypatch.setattr("actors.mailbox.client.VANISHED_PAGES_MAX", 0)
    async with World() as world:
        client, known = await _only_thirds(world)
        assert (await _told(client, f"{known} 1:60 (5,10,19 15,30,58)"))[0].split()[3].startswith(b"31:32,34:35")
        assert (await _told(client, f"{known} 1:60 (5,10:11 15,30:31)"))[0].split()[3].startswith(b"31:32,34:35")
        assert (await _told(client, f"{known} 1:60 (5 16)"))[0].split()[3].startswith(b"1:2,4:5")
        assert b"VANISHED" not in (await _told(client, f"{known} 1:60 (20 60)"))[0]
        assert b"VANISHED" not in (await _told(client, f"{known} 1:60 (20:4294967255 60:4294967295)"))[0]


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=5), st.integers(0, 30), st.integers(0, 60))
def test_the_first_numbers_of_a_set(steps: list[tuple[int, int]], count: int, last: int) -> None:
    ranges, at = [], 0
    for gap, length in steps:
        ranges.append((at + gap, at + gap + length))
        at += gap + length
    numbers = [number for low, high in ranges for number in range(low, high + 1)]
    assert np.array_equal(
        _first(SequenceSet(tuple(ranges)), count, last), [number for number in numbers[:count] if number <= last]
    )
