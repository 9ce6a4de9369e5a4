"""gateway/imap/metadata.py: what the operator says, and the limits; listing.py where a mailbox changes meanwhile."""

import pytest

from actors.mailbox.types import ANNOTATIONS_MAX, Tallied
from cluster.errors import NotFound, Trouble, Unavailable
from gateway.imap.metadata import VALUE_BYTES_MAX
from tests.unit.gateway.imap.world import ALICE, World


def literal(value: bytes) -> bytes:
    return b"{%d+}\r\n%b" % (len(value), value)


async def test_the_operator_s_words_are_the_server_s_shared_annotations() -> None:
    async with World(admin="mailto:postmaster@example.org", comment="Down on Sunday, für eine Stunde") as world:
        alice = await world.connect("alice")
        await alice.ok('SETMETADATA "" (/private/vendor/x/y "mine")')
        assert (await alice.ok('GETMETADATA "" (/shared/admin /private/vendor/x/y)'))[0] == (
            b'* METADATA "" (/shared/admin "mailto:postmaster@example.org" /private/vendor/x/y "mine")'
        )
        text = "Down on Sunday, für eine Stunde".encode()
        assert b"\r\n".join(await alice.ok('GETMETADATA "" (DEPTH infinity) /shared')).startswith(
            b'* METADATA "" (/shared/admin "mailto:postmaster@example.org" /shared/comment {%d}\r\n%b)'
            % (len(text), text)
        )


async def test_what_is_too_much_is_told_with_its_limit() -> None:
    async with World() as world:
        alice = await world.connect("alice")
        most = literal(b"x" * VALUE_BYTES_MAX)
        await alice.ok(b"SETMETADATA INBOX (/shared/comment " + most + b")")
        more = literal(b"x" * (VALUE_BYTES_MAX + 1))
        answer = await alice.command(b"SETMETADATA INBOX (/shared/comment " + more + b")")
        assert answer == [b"t NO [METADATA MAXSIZE %d] A value is too large" % VALUE_BYTES_MAX]
        answer = await alice.command(b"SETMETADATA INBOX (/shared/a " + most + b" /shared/b " + most + b")")
        assert answer[-1].startswith(b"t NO [LIMIT]")
        await world.mail.annotate(ALICE, "Sent", [(f"/shared/{n}", b"") for n in range(ANNOTATIONS_MAX - 1)])
        answer = await alice.command('SETMETADATA INBOX (/shared/comment NIL /shared/a "" /shared/b "")')
        assert answer[-1].startswith(b"t NO [METADATA TOOMANY]")
        assert (
            b"LONGENTRIES %d" % VALUE_BYTES_MAX in (await alice.ok("GETMETADATA INBOX (MAXSIZE 1) /shared/comment"))[-1]
        )
        await alice.ok('SETMETADATA INBOX (/shared/comment NIL /shared/a "")')


async def test_an_empty_value_is_not_none() -> None:
    async with World() as world:
        alice = await world.connect("alice")
        await alice.ok('SETMETADATA INBOX (/shared/comment "")')
        assert (await alice.ok("GETMETADATA INBOX (MAXSIZE 0) /shared/comment"))[0] == (
            b'* METADATA INBOX (/shared/comment "")'
        )


@pytest.mark.parametrize(
    ("trouble", "line"),
    [
        (NotFound("gone"), b'* LIST (\\Noselect \\HasNoChildren) "/" INBOX'),
        (Unavailable("later"), b'* LIST (\\HasNoChildren) "/" INBOX'),
    ],
)
async def test_a_status_that_cannot_be_had_spoils_no_list(
    monkeypatch: pytest.MonkeyPatch, trouble: Trouble, line: bytes
) -> None:
    """RFC 5819 2."""
    async with World() as world:
        alice = await world.connect("alice")
        await alice.ok(b"APPEND INBOX " + literal(b"Subject: x\r\n\r\n"))
        assert (await alice.ok('LIST "" INBOX RETURN (STATUS (DELETED))'))[1] == b"* STATUS INBOX (DELETED 0)"

        async def fails(*_arguments: object) -> Tallied:
            raise trouble

        monkeypatch.setattr(world.mail, "tally", fails)
        assert await alice.ok('LIST "" INBOX RETURN (STATUS (DELETED))') == [line, b"t OK LIST completed"]
