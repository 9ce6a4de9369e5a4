"""What somebody can find out of mailboxes that are not shared with him: of each command, nothing (RFC 4314 6)."""

from typing import Final

import pytest

from actors.mailbox.types import Item
from tests.unit.gateway.imap.test_listing import enable
from tests.unit.gateway.imap.world import ALICE, Client, World, message

_ALICE: Final = "Other Users/alice/"
# What hides, beside what is not there: in an account that shares nothing, and in one that shares what is around it.
_PAIRS: Final = (
    (_ALICE + "Secret", _ALICE + "Nothing"),
    (_ALICE + "Secret/Deep", _ALICE + "Secret/None"),
    (_ALICE + "Levels", _ALICE + "Floors"),
    (_ALICE + "INBOX", "Other Users/nobody/INBOX"),
    (_ALICE + "INBOX/", "Other Users/nobody/INBOX/"),
    (_ALICE, "Other Users/nobody/"),
    (_ALICE + "INBOX", "Shared/alice/INBOX"),
    (_ALICE + "a//b", "Other Users/nobody/a//b"),
    (_ALICE + "a/", "Other Users/nobody/a/"),
    (_ALICE + "a%", "Other Users/nobody/a%"),
    (_ALICE + "a" * 400, "Other Users/nobody/" + "a" * 400),
    (_ALICE + "a/" * 30 + "a", "Other Users/nobody/" + "a/" * 30 + "a"),
    ("Shared/team/INBOX", "Shared/nobody/INBOX"),
)
_COMMANDS: Final = (
    'SELECT "{}"',
    'EXAMINE "{}"',
    'STATUS "{}" (MESSAGES UIDNEXT MAILBOXID APPENDLIMIT)',
    'CREATE "{}/new"',
    'CREATE "{}/new" (USE (\\Archive))',
    'DELETE "{}"',
    'RENAME "{}" mine',
    'RENAME mine "{}"',
    'RENAME "{}" "{}x"',
    'RENAME "{}" "{}//x"',
    'SUBSCRIBE "{}"',
    'UNSUBSCRIBE "{}"',
    'LIST "" "{}"',
    'LIST "" "{}*"',
    'LIST "" "{}" RETURN (STATUS (MESSAGES) MYRIGHTS METADATA (/shared/comment) CHILDREN)',
    'LIST (SUBSCRIBED RECURSIVEMATCH) "" ("{}" "Other Users")',
    'LSUB "" "{}*"',
    'GETACL "{}"',
    'MYRIGHTS "{}"',
    'SETACL "{}" bob lr',
    'DELETEACL "{}" bob',
    'LISTRIGHTS "{}" bob',
    'GETQUOTAROOT "{}"',
    'GETMETADATA "{}" /shared/comment',
    'GETMETADATA (DEPTH infinity) "{}" (/shared /private)',
    'SETMETADATA "{}" (/private/comment "x")',
    'SETMETADATA "{}" (/private/specialuse "\\\\Junk")',
    'SETMETADATA "{}" (/shared/comment NIL)',
    'APPEND "{}" (\\Seen keyword) {{12+}}\r\nSubject: x\r\n',
    'APPEND "{}" {{0+}}\r\n',
    'APPEND "{}" "31-Dec-9999 23:59:59 -1200" {{12+}}\r\nSubject: x\r\n',
    'APPEND "{}" CATENATE (URL "/none;UIDVALIDITY=1/;UID=1")',
    'APPEND "{}" UTF8 (~{{12+}}\r\nSubject: x\r\n)',
    'APPEND "{}" (' + " ".join(map("k{}".format, range(80))) + ") {{12+}}\r\nSubject: x\r\n",
    'REPLACE 1 "{}" {{0+}}\r\n',
    'COPY 1 "{}"',
    'COPY 9 "{}"',
    'MOVE 1 "{}"',
    'UID COPY 77 "{}"',
    'REPLACE 1 "{}" {{12+}}\r\nSubject: x\r\n',
)


async def answered(client: Client, command: str, name: str) -> list[bytes]:
    """What is said to a command of this name, whatever the name."""
    await client.ok("SELECT INBOX")
    lines = await client.command(command.format(name, name))
    return [line.replace(name.encode(), b"NAME") for line in lines]


@pytest.mark.parametrize("enabled", [(), ("IMAP4REV2",)])
@pytest.mark.parametrize("command", _COMMANDS)
async def test_what_is_hidden_is_answered_as_what_is_not_there(command: str, enabled: tuple[str, ...]) -> None:
    async with World() as world:
        alice, bob = await world.connect("alice"), await world.connect("bob")
        for name in ("Secret", "Secret/Deep", "Levels/Below"):
            await alice.ok(f"CREATE {name}")
        await alice.ok('SETMETADATA Secret (/shared/comment "hush")')
        await world.mail.add(ALICE, "Secret", [Item(await world.mail.prepare(message()), 0)])
        await bob.ok("APPEND INBOX {12+}\r\nSubject: x\r\n")
        enable(bob, *enabled)
        for hidden, missing in _PAIRS:
            assert await answered(bob, command, hidden) == await answered(bob, command, missing), (hidden, missing)
        # with much of what is around it shared
        for name in ("INBOX", "Archive"):
            await alice.ok(f"SETACL {name} bob lrswipkxtea")
        for hidden, missing in _PAIRS[:3]:
            assert await answered(bob, command, hidden) == await answered(bob, command, missing), (hidden, missing)
