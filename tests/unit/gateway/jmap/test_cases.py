"""Cases as files: what is asked, and what is answered.

    # a remark
    == alice                        who asks from here on
    imap alice SELECT INBOX         a command over IMAP, which must succeed
    deliver alice                   a message from outside: the lines up to one that is a dot
    share alice INBOX bob lr        rights
    addresses alice a@example.org   all that alice has now
    hop far.test later              what its server says: ok, later, never
    queue                           all that is due is tried once
    queued far.test waiting, ...    what is in the queue
    lend                            all that is due is on its way until the next `queue`
    stop-queue                      an operator cancels all
    wait 60                         seconds pass
    sent far.test                   the last message that its server was sent: $envelope (an object), $message (a text)
    = $envelope {...}               that is so
    ~ $message REGEX                that is in it; with ! it is not
    principals known                of whom users are told (gateway/jmap/settings.py)
    acl alice Box                   asks for a mailbox's rights as they are kept, to be compared with `<`
    session                         asks for the accounts of the session, to be compared with `<`
    quota alice 100000 50           what an account may hold: bytes and messages; 0 is no limit
    > [["Mailbox/get", {...}, "0"]] an array of calls (or a whole Request); more lines may follow, up to an empty one
    < [["Mailbox/get", {...}, "0"]] the methodResponses (or the whole Response)

In what is expected, "*" is any value, "$name" any value that is called so from then on, and the same value later; an
object with a member "...": 0 may have others too. In what is asked "$name" stands for the value; `${name}` within a
text. $alice, $bob, $carol, $team and $dora are account ids.
"""

import re
from pathlib import Path
from typing import Any, cast

import msgspec
import orjson
import pytest

from actors.mailbox.rights import of_account
from gateway.access.ids import account_id
from gateway.jmap.session import accounts_of
from gateway.jmap.settings import Principals
from tests.unit.gateway.imap.world import Client
from tests.unit.gateway.jmap.sending import HOPS
from tests.unit.gateway.jmap.world import ACCOUNTS, World

CASES = sorted((Path(__file__).parent / "cases").glob("*.txt"))
_WITHIN = re.compile(r"\$\{(\w+)\}")


class Case:
    """One file being played."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.login = "alice"
        self.named: dict[str, Any] = {login: account_id(number) for login, number in ACCOUNTS.items()}
        self.clients: dict[str, Client] = {}

    async def play(self, text: str) -> None:
        """Line by line."""
        lines = iter(text.splitlines())
        answer: Any = None
        for number, line in enumerate(lines, 1):
            word, _, rest = line.partition(" ")
            match word:
                case "" | "#":
                    continue
                case "==":
                    self.login = rest
                case "deliver":
                    raw = "\r\n".join(iter(lambda: next(lines), "."))
                    await self.world.deliver(raw.encode() + b"\r\n", ACCOUNTS[rest])
                case "addresses" | "hop" | "queue" | "queued" | "lend" | "stop-queue" | "wait" | "sent":
                    await self.post(word, rest, f"line {number}")
                case "=" | "~" | "!":
                    self.check(word, rest, f"line {number}")
                case ">":
                    asked = self.filled(orjson.loads(block(rest, lines)))
                    answer = await self.world.ask(self.login, asked)
                    answer = answer["methodResponses"] if isinstance(asked, list) else answer
                case "session" | "acl":
                    answer = await self.look(word, rest)
                case "<":
                    self.compare(orjson.loads(block(rest, lines)), answer, f"line {number}")
                case "imap" | "share" | "principals" | "quota":
                    await self.setting(word, rest)
                case _:
                    raise ValueError(f"line {number}: {line}")

    def check(self, word: str, rest: str, where: str) -> None:
        """What was named before."""
        name, _, expected = rest.partition(" ")
        if word == "=":
            self.compare(orjson.loads(expected), self.named[name[1:]], where)
        else:
            found = re.search(str(self.filled(expected)), self.named[name[1:]])
            assert (found is not None) == (word == "~"), f"{where}: {self.named[name[1:]]}"

    async def post(self, word: str, rest: str, where: str) -> None:
        """What is done on the way out."""
        way = self.world.way
        match word:
            case "addresses":
                login, *names = rest.split()
                self.world.people.addresses[ACCOUNTS[login]] = names
            case "hop":
                domain, how = rest.split()
                way.hop.answers[domain] = HOPS[how]
            case "queue":
                await way.carry()
            case "queued":
                wanted = sorted(filter(None, rest.split(", ")))
                assert await way.entries() == wanted, f"{where}: {await way.entries()}"
            case "lend":
                way.lent = await way.lend()
            case "stop-queue":
                await way.cancel_all()
            case "wait":
                self.world.clock.advance(float(rest))
            case "sent":
                mail, message = [one for one in way.hop.got if one[0].domain == rest][-1]
                self.named["envelope"] = orjson.loads(msgspec.json.encode(mail))
                self.named["message"] = message.decode()

    async def look(self, word: str, rest: str) -> Any:
        """What no call tells."""
        if word == "acl":
            owner, name = rest.split()
            return dict((await self.world.mail.look(ACCOUNTS[owner], name)).info.acl)
        accounts = await accounts_of(self.world.turn(self.login))
        return orjson.loads(orjson.dumps({name: one.json() for name, one in accounts.items()}))

    async def setting(self, word: str, rest: str) -> None:
        """What others do, and administrators say."""
        match word:
            case "imap":
                login, _, command = rest.partition(" ")
                await (await self.client(login)).ok(str(self.filled(command)))
            case "share":
                owner, name, other, rights = rest.split()
                identifier = of_account(ACCOUNTS[other]) if other in ACCOUNTS else other
                await self.world.mail.set_acl(ACCOUNTS[owner], name, identifier, rights)
            case "principals":
                self.world.knowing(cast("Principals", rest))
            case _:
                login, size, count = rest.split()
                await self.world.people.set_quota(login, quota_bytes=int(size), quota_messages=int(count))

    async def client(self, login: str) -> Client:
        if login not in self.clients:
            self.clients[login] = await self.world.connect(login)
        return self.clients[login]

    def filled(self, value: Any) -> Any:
        """With the values of names instead of them."""
        if isinstance(value, str):
            if value[:1] == "$" and value[1:] in self.named:
                return self.named[value[1:]]
            return _WITHIN.sub(lambda found: str(self.named[found[1]]), value)
        if isinstance(value, list):
            return [self.filled(one) for one in value]
        if isinstance(value, dict):
            return {str(self.filled(name)): self.filled(one) for name, one in value.items()}
        return value

    def compare(self, expected: Any, found: Any, where: str) -> None:
        """Raises AssertionError, with the place."""
        if expected == "*":
            return
        if isinstance(expected, str) and expected[:1] == "$" and expected[1:].isidentifier():
            known = self.named.setdefault(expected[1:], found)
            assert found == known, f"{where}: {found!r} is not {expected} = {known!r}"
        elif isinstance(expected, dict) and isinstance(found, dict):
            wanted = {str(self.filled(name)): one for name, one in expected.items()}
            if wanted.pop("...", None) is None:
                assert wanted.keys() == found.keys(), f"{where}: {sorted(found)} are not {sorted(wanted)}: {found}"
            for name, one in wanted.items():
                assert name in found, f"{where}: no {name} in {found}"
                self.compare(one, found[name], f"{where}/{name}")
        elif isinstance(expected, list) and isinstance(found, list):
            assert len(found) == len(expected), f"{where}: {found} are not {len(expected)}"
            for place, (one, other) in enumerate(zip(expected, found, strict=True)):
                self.compare(one, other, f"{where}/{place}")
        else:
            filled = self.filled(expected)
            assert type(found) is type(filled), f"{where}: {found!r} is not {filled!r}"
            assert found == filled, f"{where}: {found!r} is not {filled!r}"


def block(begin: str, lines: Any) -> str:
    """The text up to an empty line."""
    return "\n".join([begin, *iter(lambda: next(lines, ""), "")])


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
@pytest.mark.parametrize("hosting", ["near", "far"])
async def test_case(path: Path, hosting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "far", hosting == "far")
    async with World() as world:
        await Case(world).play(path.read_text())


def test_there_are_cases() -> None:
    assert CASES
