"""JMAP and IMAP on one account, by whoever does what at random, also at the same time: what the one shows is what the
other shows; and who knew all at any moment, over either, learns what it is now in that protocol's own way.

Positions are the same for both: a state of JMAP's is a MODSEQ of IMAP's (RFC 7162)."""

import asyncio
import random
import re
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from gateway.access.ids import account_id
from tests.unit.gateway.imap.world import ALICE, Client, message
from tests.unit.gateway.jmap.world import World

ROUNDS: Final = 25
AT_ONCE: Final = 3
NAMES: Final = ("a", "b", "a/c", "d")
FLAGS: Final = (r"\Seen", r"\Draft", r"\Flagged", r"\Deleted", r"\Answered", "todo")
KEYWORDS: Final = ("$seen", "$draft", "$flagged", "$answered", "todo", "done")
_WORDS: Final = {r"\Seen": "$seen", r"\Flagged": "$flagged", r"\Answered": "$answered", r"\Draft": "$draft"}
_FETCH: Final = re.compile(r"\* \d+ FETCH \((.*)\)")
_LIST: Final = re.compile(r'\* LIST \(([^)]*)\) "/" "?([^"]*)"?')

Email = tuple[frozenset[str], frozenset[str], str]  # its mailboxes, its keywords, its thread


@dataclass
class Box:
    """A mailbox as IMAP shows it. `rows` by UID: email, thread, flags."""

    name: str
    validity: str
    modseq: str
    rows: dict[int, tuple[str, str, frozenset[str]]] = field(default_factory=dict)


@dataclass
class Known:
    """All of the account at a moment, over both."""

    boxes: dict[str, Box]
    emails: dict[str, Email]
    mailboxes: dict[str, Any]
    state: str
    mailbox_state: str


class Account:
    """alice's."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world = world
        self.dice = dice
        self.id = account_id(ALICE)

    async def enter(self) -> None:
        """Two clients of IMAP, and one that only looks."""
        self.clients = [await self.world.connect("alice") for _ in range(2)]
        self.looking = await self.world.connect("alice")
        await self.looking.ok("ENABLE QRESYNC")
        for name in NAMES[:2]:
            await self.clients[0].ok(f"CREATE {name}")
        for client in self.clients:
            await client.ok("SELECT INBOX")

    # what is done

    async def round(self) -> None:
        """Some things at the same time."""
        for place, client in enumerate(self.clients):
            if client.pipe.closed:  # what it had selected was removed
                self.clients[place] = await self.world.connect("alice")
        deeds: list[Awaitable[None]] = [self.by_imap(client) for client in self.clients if self.dice.random() < 0.6]
        deeds += [self.by_jmap() for _ in range(self.dice.randint(0, AT_ONCE))]
        if self.dice.random() < 0.3:
            deeds.append(self.world.deliver(message(f"mail {self.dice.randint(1, 9)}")))
        self.dice.shuffle(deeds)
        await asyncio.gather(*deeds)

    async def by_imap(self, client: Client) -> None:
        """One command, which may be refused."""
        dice, low = self.dice, self.dice.randint(1, 8)
        uids, flag, name = f"{low}:{low + dice.randint(0, 3)}", dice.choice(FLAGS), dice.choice(("INBOX", *NAMES))
        raw = message(f"mail {dice.randint(1, 9)}")
        commands: list[str | bytes] = [
            f"UID STORE {uids} {dice.choice('+-')}FLAGS ({flag})",
            f"UID STORE {uids} FLAGS ({flag})",
            f"UID COPY {uids} {name}",
            f"UID MOVE {uids} {name}",
            "EXPUNGE",
            f"SELECT {name}",
            b"APPEND %b (%b) {%d+}\r\n%b" % (name.encode(), flag.encode(), len(raw), raw),
            f"CREATE {name}",
            f"DELETE {name}",
            f"RENAME {name} {dice.choice(NAMES)}",
            "NOOP",
        ]
        weights = [6, 3, 6, 5, 3, 4, 4, 2, 1, 1, 2]
        lines = await client.command(dice.choices(commands, weights)[0])
        if lines[-1].startswith(b"t BAD") and not client.pipe.closed:  # nothing is selected
            await client.command("SELECT INBOX")

    async def by_jmap(self) -> None:
        """One call."""
        dice = self.dice
        emails = list((await self.call("Email/get", ids=None, properties=["id"]))["list"])
        mailboxes = [box["id"] for box in (await self.call("Mailbox/get", ids=None, properties=["role"]))["list"]]
        chosen = [one["id"] for one in dice.sample(emails, min(len(emails), dice.randint(1, 3)))]
        into = dice.sample(mailboxes, min(2, len(mailboxes)))
        word = dice.choice(KEYWORDS)
        patches: list[dict[str, Any]] = [
            {f"keywords/{word}": dice.choice([True, None])},
            {"keywords": {word: True}},
            {"mailboxIds": dict.fromkeys(into, True)},
            {f"mailboxIds/{into[0]}": dice.choice([True, None])},
        ]
        sets: list[dict[str, Any]] = [
            {"update": {name: dice.choice(patches) for name in chosen}},
            {"destroy": chosen},
            {"create": {"e": {"mailboxIds": dict.fromkeys(into, True), "keywords": {word: True}, "subject": "New"}}},
        ]
        kind = dice.choices(["Email", "Mailbox"], [8, 2])[0]
        if kind == "Mailbox":
            sets = [
                {"create": {"m": {"name": dice.choice("abcd"), "parentId": dice.choice([None, into[0]])}}},
                {"update": {into[0]: {"name": dice.choice("abcd")}}},
                {"destroy": into[:1], "onDestroyRemoveEmails": dice.random() < 0.5},
            ]
        answer = await self.call(f"{kind}/set", **dice.choices(sets, [8, 1, 3])[0])
        assert int(answer["oldState"]) <= int(answer["newState"])

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """A call that is no error."""
        answer: dict[str, Any] = await self.world.call("alice", name, **arguments)
        assert "accountId" in answer, (name, arguments, answer)
        return answer

    # what is seen

    async def look(self) -> Known:
        """All of it anew."""
        boxes = {}
        for name in await self.names():
            number, box, _lines = await self.examine(name)
            boxes[number] = box
            if await self.exists():
                for uid, told in rows_of(await self.looking.ok("UID FETCH 1:* (FLAGS EMAILID THREADID)")).items():
                    box.rows[uid] = told["EMAILID"], told["THREADID"], flags_of(told["FLAGS"])
        await self.looking.ok("UNSELECT")  # which may be removed soon
        emails = await self.call("Email/get", ids=None, properties=["mailboxIds", "keywords", "threadId"])
        mailboxes = await self.call("Mailbox/get", ids=None)
        return Known(
            boxes,
            {one["id"]: email_of(one) for one in emails["list"]},
            {one["id"]: one for one in mailboxes["list"]},
            emails["state"],
            mailboxes["state"],
        )

    async def names(self) -> list[str]:
        """Of all mailboxes."""
        found = [_LIST.fullmatch(line.decode()) for line in await self.looking.ok('LIST "" *')]
        return [one[2] for one in found if one is not None and r"\Noselect" not in one[1]]

    async def examine(self, name: str, since: str = "") -> tuple[str, Box, list[bytes]]:
        """Its id, without rows."""
        lines = await self.looking.ok(f'EXAMINE "{name}"{since}')
        text = b"\n".join(lines).decode()
        words = dict(re.findall(r"\[(\w+) \(?(\w+)\)?\]", text))
        self._exists = int(re.findall(r"\* (\d+) EXISTS", text)[-1])
        return words["MAILBOXID"], Box(name, words["UIDVALIDITY"], words["HIGHESTMODSEQ"]), lines

    async def exists(self) -> int:
        """Messages in what is examined."""
        return self._exists

    # what is learned

    async def learn(self, known: Known) -> None:
        """Bring what was known at a moment up to now, as clients do that come back."""
        await self._learn_emails(known)
        await self._learn_mailboxes(known)
        before, known.boxes = known.boxes, {}
        for name in await self.names():
            number, box, _lines = await self.examine(name)
            if number in before and before[number].validity == box.validity:
                box.rows = before[number].rows
                since = f" (QRESYNC ({box.validity} {before[number].modseq}))"
                _number, _box, lines = await self.examine(name, since)
                await self._learn_rows(box, lines)
            elif await self.exists():
                await self._learn_new(box, "1:*")
            known.boxes[number] = box
        await self.looking.ok("UNSELECT")

    async def _learn_emails(self, known: Known) -> None:
        more = True
        while more:
            told = await self.call("Email/changes", sinceState=known.state, maxChanges=self.dice.choice([1, 2, 7, 99]))
            assert {*told["updated"]} <= known.emails.keys()
            for name in told["destroyed"]:
                known.emails.pop(name, None)
            wanted = [*told["created"], *told["updated"]]
            got = await self.call("Email/get", ids=wanted, properties=["mailboxIds", "keywords", "threadId"])
            known.emails |= {one["id"]: email_of(one) for one in got["list"]}
            known.state, more = told["newState"], told["hasMoreChanges"]

    async def _learn_mailboxes(self, known: Known) -> None:
        told = await self.call("Mailbox/changes", sinceState=known.mailbox_state)
        for name in told["destroyed"]:
            known.mailboxes.pop(name, None)
        counts = told["updatedProperties"]
        for names, properties in ((told["created"], None), (told["updated"], counts)):
            got = await self.call("Mailbox/get", ids=names, properties=properties)
            for one in got["list"]:
                known.mailboxes[one["id"]] = {**known.mailboxes.get(one["id"], {}), **one}
        known.mailbox_state = told["newState"]

    async def _learn_rows(self, box: Box, lines: list[bytes]) -> None:
        for line in lines:
            if line.startswith(b"* VANISHED (EARLIER) "):
                for uid in numbers(line.split()[-1].decode()):
                    box.rows.pop(uid, None)
        new = []
        for uid, told in rows_of(lines).items():
            if uid in box.rows:
                box.rows[uid] = (*box.rows[uid][:2], flags_of(told["FLAGS"]))
            else:
                new.append(str(uid))
        if new:
            await self._learn_new(box, ",".join(new))

    async def _learn_new(self, box: Box, uids: str) -> None:
        for uid, told in rows_of(await self.looking.ok(f"UID FETCH {uids} (FLAGS EMAILID THREADID)")).items():
            box.rows[uid] = told["EMAILID"], told["THREADID"], flags_of(told["FLAGS"])


def agree(known: Known) -> None:
    """What IMAP shows and what JMAP shows is the same."""
    assert known.boxes.keys() == known.mailboxes.keys()
    emails: dict[str, Email] = {}
    for number, box in known.boxes.items():
        shown = known.mailboxes[number]
        assert shown["name"] == ("Inbox" if box.name == "INBOX" else box.name.rpartition("/")[2])
        inside: dict[str, bool] = {}
        for email, thread, flags in box.rows.values():
            if r"\Deleted" in flags:
                continue
            words = frozenset(_WORDS.get(flag, flag) for flag in flags)
            before = emails.get(email, (frozenset(), frozenset(), thread))
            assert before[2] == thread
            emails[email] = (before[0] | {number}, before[1] | words, thread)
            inside[email] = True
        assert shown["totalEmails"] == len(inside), (shown, box)
    assert emails == known.emails
    for number, shown in known.mailboxes.items():
        held = [one for one in emails.values() if number in one[0]]
        assert shown["unreadEmails"] == sum("$seen" not in one[1] and "$draft" not in one[1] for one in held)
        assert shown["totalThreads"] == len({one[2] for one in held})


def email_of(told: dict[str, Any]) -> Email:
    return frozenset(told["mailboxIds"]), frozenset(told["keywords"]), told["threadId"]


def rows_of(lines: list[bytes]) -> dict[int, dict[str, str]]:
    """The data of FETCH, by UID."""
    found = {}
    for line in lines:
        match = _FETCH.fullmatch(line.decode())
        if match is not None:
            told = dict(re.findall(r"(FLAGS|EMAILID|THREADID) \(([^)]*)\)", match[1]))
            uid = re.search(r"UID (\d+)", match[1])
            assert uid is not None
            found[int(uid[1])] = told
    return found


def flags_of(text: str) -> frozenset[str]:
    return frozenset(text.split()) - {r"\Recent"}


def numbers(text: str) -> list[int]:
    """A set of UIDs."""
    found: list[int] = []
    for part in text.split(","):
        low, _, high = part.partition(":")
        found += range(int(low), int(high or low) + 1)
    return found


@pytest.mark.parametrize("hosting", ["near", "far"])
@pytest.mark.parametrize("seed", range(4))
async def test_both_show_the_same(seed: int, hosting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(World, "far", hosting == "far")
    dice = random.Random(seed)
    async with World() as world:
        account = Account(world, dice)
        await account.enter()
        knowing = [await account.look()]
        for _ in range(ROUNDS):
            await account.round()
            now = await account.look()
            agree(now)
            assert now.state == str((await world.mail.mirror(ALICE)).account.stamp("Email"))
            known = knowing.pop(dice.randrange(len(knowing)))
            await account.learn(known)
            agree(known)
            assert (known.emails, known.mailboxes) == (now.emails, now.mailboxes)
            assert {number: box.rows for number, box in known.boxes.items()} == {
                number: box.rows for number, box in now.boxes.items()
            }
            knowing += [now, known] if len(knowing) < 4 else [known]
            for client in account.clients:
                if not client.pipe.closed:
                    await client.command("NOOP")
