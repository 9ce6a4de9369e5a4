"""Random mail, random changes of it, random queries of it, and what they must find by looking at every email."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from actors.mailbox.types import EmailEdit, Item
from mail.jmap.dates import read_utc
from mail.jmap.sorting import SORTS
from mail.jmap.words import read_terms
from mail.message import content
from mail.message.charset import fold
from mail.message.record import Record, read_message
from mail.message.sorting import shown_from, shown_to
from tests.unit.gateway.imap.world import ALICE
from tests.unit.gateway.jmap.world import World

WORDS = ("alpha", "Beta", "straße", "gamma delta", "x<y>&z", "0mega", "é", "Alphabet")
NAMES = ("Bob", "carol", "Änne", "", "Zoe")
KEYWORDS = ("$seen", "$flagged", "$forwarded", "work")
BOXES = ("INBOX", "Archive", "Trash")


def letter(dice: random.Random, number: int) -> bytes:
    """A message, perhaps an answer to another."""
    word = dice.choice(WORDS)
    name = dice.choice(NAMES)
    lines = [
        f"From: {name and f'=?utf-8?q?{quoted(name)}?= '}<{dice.choice('abc')}@example.org>",
        f"Subject: =?utf-8?q?{quoted(dice.choice(('', 'Re: ')) + dice.choice(WORDS))}?=",
        f"Message-ID: <{number}@x>",
        f"X-Number: {number} {dice.choice(WORDS[:2])}",
    ]
    if dice.random() < 0.7:
        lines.append(f"To: {dice.choice(('Team <team@example.org>', 'list@example.org', 'Bob <b@x>, Carol <c@x>'))}")
    if dice.random() < 0.3:
        lines.append(f"Cc: {dice.choice('abc')}@cc.example")
    if dice.random() < 0.8:
        lines.append(f"Date: {dice.randint(1, 28)} Feb 2024 10:0{dice.randint(0, 9)}:00 +0{dice.randint(0, 9)}00")
    if number and dice.random() < 0.6:
        lines.append(f"References: <{dice.randrange(number)}@x>")
    body = f"{word} and {dice.choice(WORDS)} " + "z" * dice.randint(0, 30)
    if dice.random() < 0.3:
        lines += ["MIME-Version: 1.0", "Content-Type: multipart/mixed; boundary=b", ""]
        lines += ["--b", "Content-Type: text/plain; charset=utf-8", "", body]
        lines += ["--b", "Content-Type: application/pdf", "Content-Disposition: attachment", "", "pdf", "--b--", ""]
    else:
        lines += ["Content-Type: text/plain; charset=utf-8", "", body, ""]
    return "\r\n".join(lines).encode()


def quoted(text: str) -> str:
    """For an encoded word."""
    return "".join(f"={octet:02X}" for octet in text.encode())


class Mail:
    """alice's mail, as it is made and changed; all by the owner."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world = world
        self.dice = dice
        self.number = 0
        self.boxes: dict[str, int] = {}

    async def open(self) -> None:
        """Learn the mailboxes' numbers."""
        tree = await self.world.mail.tree(ALICE)
        self.boxes = {box.name: box.id for box in tree.mailboxes}

    async def store(self, count: int) -> None:
        """New messages, each in one or two mailboxes."""
        dice = self.dice
        for _ in range(count):
            prepared = await self.world.mail.prepare(letter(dice, self.number))
            self.number += 1
            words = [word for word in KEYWORDS[2:] if dice.random() < 0.3]
            flags = dice.choice((0, 1, 4, 5))
            item = Item(prepared, 1_700_000_000_000 + dice.randint(0, 40) * 700, flags, tuple(words))
            chosen = dice.sample(BOXES, dice.choice((1, 1, 1, 2)))
            await self.world.mail.place(ALICE, sorted(self.boxes[name] for name in chosen), [item])

    async def emails(self) -> list[int]:
        """All there are."""
        mirror = await self.world.mail.mirror(ALICE)
        found: set[int] = set()
        for box in mirror.account.mailboxes.values():
            if box.index is not None:
                found.update(box.index.emails.tolist())
        return sorted(found)

    async def change(self) -> None:
        """Any one thing."""
        dice, mail = self.dice, self.world.mail
        emails = await self.emails()
        some = dice.sample(emails, min(len(emails), dice.randint(1, 3)))
        what = dice.randrange(6)
        if what == 0 or not some:
            await self.store(dice.randint(1, 2))
        elif what == 1:
            bits = dice.choice((1, 4))
            edits = [EmailEdit(one, set=bits) if dice.random() < 0.5 else EmailEdit(one, clear=bits) for one in some]
            await mail.edit(ALICE, edits)
        elif what == 2:
            word = dice.choice(KEYWORDS[2:])
            edits = [
                EmailEdit(one, add=(word,)) if dice.random() < 0.5 else EmailEdit(one, remove=(word,)) for one in some
            ]
            await mail.edit(ALICE, edits)
        elif what == 3:
            await mail.edit(ALICE, [EmailEdit(one, only=(self.boxes[dice.choice(BOXES)],)) for one in some])
        elif what == 4:
            await mail.edit(ALICE, [EmailEdit(one, into=(self.boxes[dice.choice(BOXES)],)) for one in some])
        else:
            await mail.edit(ALICE, [EmailEdit(one, only=()) for one in some[:1]])

    async def hide(self, client: Any) -> None:
        r"""Over IMAP: \Deleted is set, or cleared, of a message of INBOX; or a flag of one place alone."""
        dice = self.dice
        hold = await self.world.mail.select(ALICE, "INBOX", read_only=True, changed=lambda: None)
        uids = hold.view.index.uids.tolist()
        await hold.close()
        if uids:
            flag = dice.choice((r"\Deleted", r"\Seen"))
            await client.ok(f"UID STORE {dice.choice(uids)} {dice.choice('+-')}FLAGS.SILENT ({flag})")


class Naive:
    """Every email that somebody sees, and what a query must find of them."""

    def __init__(self, emails: Sequence[dict[str, Any]], raws: dict[str, tuple[bytes, Record]]) -> None:
        self.emails = emails
        self.raws = raws
        self.threads: dict[str, list[dict[str, Any]]] = {}
        for one in emails:
            self.threads.setdefault(one["threadId"], []).append(one)

    @classmethod
    async def of(cls, world: World, login: str, account_id: str, numbers: Sequence[int]) -> "Naive":
        """All that `login` sees of alice's; by Email/get."""
        answer = await world.call(
            login,
            "Email/get",
            accountId=account_id,
            ids=None,
            properties=["threadId", "mailboxIds", "keywords", "size", "receivedAt", "sentAt", "hasAttachment"],
        )
        raws: dict[str, tuple[bytes, Record]] = {}
        for number, message in zip(numbers, await world.mail.messages(ALICE, numbers), strict=True):
            if message is not None:
                raw = await world.mail.content(message)
                raws[f"{account_id}_E{number:x}"] = raw, read_message(raw)
        return cls(answer["list"], raws)

    def find(self, tree: Any, sort: Sequence[dict[str, Any]], *, collapses: bool) -> list[str]:
        """The ids, in order."""
        found = [one for one in self.emails if tree is None or self.matches(tree, one)]
        sort = sort or [{"property": "receivedAt", "isAscending": False}]
        found.sort(key=lambda one: int(one["id"].rpartition("E")[2], 16), reverse=not sort[0].get("isAscending", True))
        for comparator in reversed(sort):
            down = not comparator.get("isAscending", True)
            keys = {one["id"]: self.key(comparator, one) for one in found}
            found.sort(key=lambda one, keys=keys: keys[one["id"]], reverse=down)  # type: ignore[misc]
        if collapses:
            first: dict[str, dict[str, Any]] = {}
            for one in found:
                first.setdefault(one["threadId"], one)
            found = list(first.values())
        return [one["id"] for one in found]

    def key(self, comparator: dict[str, Any], one: dict[str, Any]) -> Any:
        _raw, record = self.raws[one["id"]]
        spells: dict[str, Callable[[str], str]] = {"i;octet": str, "i;ascii-casemap": ascii_upper}
        spell = spells.get(comparator.get("collation", ""), fold)
        match comparator["property"]:
            case "receivedAt":
                return read_utc(one["receivedAt"]).timestamp()
            case "sentAt":
                return read_utc(one["receivedAt"]).timestamp() if record.sent_s is None else record.sent_s
            case "size":
                return one["size"]
            case "subject":
                return spell(record.base_subject).encode()
            case "from":
                return spell(shown_from(record)).encode()
            case "to":
                return spell(shown_to(record)).encode()
            case "hasKeyword":
                return comparator["keyword"] in one["keywords"]
        among = [comparator["keyword"] in other["keywords"] for other in self.threads[one["threadId"]]]
        return all(among) if comparator["property"].startswith("all") else any(among)

    def matches(self, tree: dict[str, Any], one: dict[str, Any]) -> bool:
        if "operator" in tree:
            found = [self.matches(inner, one) for inner in tree["conditions"]]
            if tree["operator"] == "AND":
                return all(found)
            return any(found) is (tree["operator"] == "OR")
        return all(self.holds(name, value, one) for name, value in tree.items())

    def holds(self, name: str, value: Any, one: dict[str, Any]) -> bool:
        raw, record = self.raws[one["id"]]
        if "Keyword" in name:
            return self.holds_keyword(name, value, one)
        if name == "inMailbox":
            return value in one["mailboxIds"]
        if name == "inMailboxOtherThan":
            return any(box not in value for box in one["mailboxIds"])
        if name in ("before", "after"):
            return (read_utc(one["receivedAt"]) >= read_utc(value)) is (name == "after")
        if name in ("minSize", "maxSize"):
            return (one["size"] >= value) is (name == "minSize")
        if name == "hasAttachment":
            return one["hasAttachment"] is value
        if name == "header":
            lines = [line.partition(": ") for line in raw.split(b"\r\n\r\n")[0].decode().split("\r\n")]
            values = [text for field, _, text in lines if field.lower() == value[0].lower()]
            return any(fold("".join(value[1:])) in fold(text) for text in values)
        return all(self.has(name, term.text, raw, record) for term in read_terms(value))

    def holds_keyword(self, name: str, value: str, one: dict[str, Any]) -> bool:
        among = [value in other["keywords"] for other in self.threads[one["threadId"]]]
        match name:
            case "hasKeyword":
                return value in one["keywords"]
            case "notKeyword":
                return value not in one["keywords"]
            case "allInThreadHaveKeyword":
                return all(among)
            case "someInThreadHaveKeyword":
                return any(among)
        return not any(among)

    def has(self, name: str, text: str, raw: bytes, record: Record) -> bool:
        if name in ("text", "body"):
            found = (content.search_text if name == "text" else content.body_text)(raw, record)
            return fold(text) in found or (
                "".join(text.split()) != text and on_one_line(fold(text)) in on_one_line(found)
            )
        return any(fold(text) in fold(one) for one in content.field_texts(record, name))


def on_one_line(text: str) -> str:
    return " ".join(text.split())


def ascii_upper(text: str) -> str:
    """i;ascii-casemap."""
    return text.encode().upper().decode()


class Asker:
    """Makes random queries."""

    def __init__(self, dice: random.Random, mailboxes: Sequence[str]) -> None:
        self.dice = dice
        self.mailboxes = mailboxes

    def filter(self, depth: int = 0) -> Any:
        dice = self.dice
        if depth < 3 and dice.random() < 0.45:
            conditions = [self.filter(depth + 1) for _ in range(dice.randint(0, 3))]
            return {"operator": dice.choice(("AND", "OR", "NOT")), "conditions": conditions}
        names = ["inMailbox", "inMailboxOtherThan", "before", "after", "minSize", "maxSize", "hasKeyword", "notKeyword"]
        names += ["allInThreadHaveKeyword", "someInThreadHaveKeyword", "noneInThreadHaveKeyword", "hasAttachment"]
        names += ["text", "from", "to", "cc", "bcc", "subject", "body", "header"]
        return {name: self.value(name) for name in dice.sample(names, dice.choice((0, 1, 1, 1, 1, 2, 3)))}

    def value(self, name: str) -> Any:
        dice = self.dice
        if name == "inMailbox":
            return dice.choice(self.mailboxes)
        if name == "inMailboxOtherThan":
            return dice.sample(self.mailboxes, dice.randint(0, 2))
        if name in ("before", "after"):
            return f"2023-11-14T22:13:{dice.randint(20, 48):02}Z"
        if name.endswith("Size"):
            return dice.randint(150, 400)
        if "Keyword" in name:
            return dice.choice((*KEYWORDS, "$none"))
        if name == "hasAttachment":
            return dice.random() < 0.5
        if name == "header":
            header = dice.choice(("X-Number", "cc", "References", "X-None"))
            return [header] if dice.random() < 0.3 else [header, dice.choice(("1", "ALPHA", "beta", "@cc"))]
        texts = (
            *WORDS,
            "'gamma delta'",
            '"delta gamma"',
            "alph",
            "and",
            "a b",
            "bob",
            "example.org",
            "Straße",
            "",
            "zz",
        )
        return dice.choice(texts)

    def sort(self) -> list[dict[str, Any]]:
        dice = self.dice
        sort: list[dict[str, Any]] = []
        for _ in range(dice.choice((0, 1, 1, 2, 3))):
            name = dice.choice(SORTS["Email"])
            one: dict[str, Any] = {"property": name}
            if "Keyword" in name:
                one["keyword"] = dice.choice(KEYWORDS)
            if dice.random() < 0.5:
                one["isAscending"] = dice.random() < 0.5
            if name in ("from", "to", "subject") and dice.random() < 0.4:
                one["collation"] = dice.choice(("i;octet", "i;ascii-casemap", "i;unicode-casemap"))
            sort.append(one)
        return sort
