"""rights.txt, in which it says who may do what over JMAP: each of its operations with every right alone, with every
right missing, with all and with none, given to a user, or left by a negative entry."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import orjson
import pytest

from actors.mailbox.rights import ALL
from actors.mailbox.types import Item
from gateway.access import ids
from gateway.jmap.principal_ids import of_user
from tests.unit.gateway.imap.test_access_rights import SETS, Expected, acl_giving
from tests.unit.gateway.imap.world import ALICE, BOB
from tests.unit.gateway.jmap.world import World

SECRET: Final = "Hush"
_LINE: Final = re.compile(r"(says|hides|sees) (if|unless) ([^:]*): (.*)")
_HEAD: Final = "From: x@example.test\r\nSubject: %s\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
_RAW: Final = _HEAD + "--b\r\n\r\n%s\r\n--b\r\nContent-Type: image/png\r\n\r\n%s\r\n--b--\r\n"


@dataclass
class Operation:
    """A block of the file."""

    name: str
    alone: bool = False
    calls: list[str] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)
    expected: list[tuple[str, Expected]] = field(default_factory=list)


def operations(text: str) -> list[Operation]:
    """All of a file."""
    found: list[Operation] = []
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        match word:
            case "" | "#":
                continue
            case "==":
                found.append(Operation(rest))
            case "alone":
                found[-1].alone = True
            case ">":
                found[-1].calls.append(rest)
            case "alice:":
                found[-1].asks.append(rest)
            case _:
                parts = _LINE.fullmatch(line)
                assert parts is not None, line
                found[-1].expected.append((parts[1], Expected(parts[3], parts[2] == "unless", parts[4])))
    return found


OPERATIONS: Final = operations((Path(__file__).parent / "rights.txt").read_text())


class Stage:
    """An account of alice's, and what bob may do there."""

    def __init__(self, world: World, way: str, rights: str) -> None:
        self._world = world
        self._rights = rights
        self._acl = acl_giving(way, rights)
        self._names: dict[str, str] = {}

    async def play(self, operation: Operation) -> None:
        """Do one operation to new mailboxes."""
        world = self._world
        for account, name in ((ALICE, "BOX"), (ALICE, "FULL"), (BOB, "OWN")):
            await world.mail.create(account, name)
        for identifier, rights in self._acl:
            await world.mail.set_acl(ALICE, "BOX", identifier, rights)
        if not operation.alone:
            await world.mail.set_acl(ALICE, "FULL", f"user:{BOB:x}", ALL)
        await world.people.set_quota("alice", quota_bytes=1_000_000)
        since = (await world.mail.mirror(ALICE)).account.modseq
        for account, name, word in ((ALICE, "BOX", SECRET), (ALICE, "FULL", "Loud"), (BOB, "OWN", "Mine")):
            raw = (_RAW % (word, word, word)).encode()
            await world.mail.add(account, name, [Item(await world.mail.prepare(raw), world.clock.now_ms())])
        await self._name(since)
        calls = [[*orjson.loads(self._filled(call)), str(place)] for place, call in enumerate(operation.calls)]
        answer = orjson.dumps((await world.ask("bob", calls))["methodResponses"]).decode()
        if "r" not in self._rights:
            assert SECRET not in answer, answer
        heard = ""
        if operation.asks:
            client = await world.connect("alice")
            for command in operation.asks:
                heard = b"\r\n".join(await client.command(command)).decode()
        for kind, expected in operation.expected:
            if expected.applies(self._rights):
                text, where = self._filled(expected.text), heard if kind == "sees" else answer
                assert (text in where) is not (kind == "hides"), f"{kind} {text}: {where}"

    async def _name(self, since: int) -> None:
        """What the words of the file stand for."""
        self._names = {"ALICE": ids.account_id(ALICE), "BOB": ids.account_id(BOB), "PALICE": of_user(ALICE)}
        self._names["SINCE"] = str(since)
        for account, name, prefix in ((ALICE, "BOX", ""), (ALICE, "FULL", "FULL"), (BOB, "OWN", "OWN")):
            box = (await self._world.mail.mirror(account)).account.named(name)
            assert box is not None
            assert box.index is not None
            email, thread = int(box.index.emails[0]), int(box.index.threads[0])
            told = ids.email_id(account, email)
            (message,) = await self._world.mail.messages(account, [email])
            assert message is not None
            self._names |= {
                name: ids.mailbox_id(account, box.id),
                f"{prefix}EMAIL": told,
                f"{prefix}THREAD": ids.thread_id(account, thread),
                f"{prefix}BLOB": f"M{told}",
                f"{prefix}PART": f"M{told}-{message.record.root.children[1].start:x}",
            }
            if not prefix:
                self._names |= {"HERBOX": f"F{box.id:x}", "HEREMAIL": f"E{email:x}"}

    def _filled(self, text: str) -> str:
        return re.sub(r"\$([A-Z]+)", lambda found: self._names[found[1]], text)


@pytest.mark.parametrize("way", ["user", "negative"])
@pytest.mark.parametrize("rights", SETS, ids=lambda rights: rights or "none")
async def test_who_may_do_what(way: str, rights: str) -> None:
    for operation in OPERATIONS:
        async with World() as world:
            try:
                await Stage(world, way, rights).play(operation)
            except AssertionError as error:
                raise AssertionError(f"{operation.name}, with {rights or 'nothing'}: {error}") from None
