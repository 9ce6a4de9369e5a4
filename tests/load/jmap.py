"""A JMAP client under load, over HTTPS: it makes, imports, changes and destroys emails in a mailbox of its own, and
mailboxes below that, until the server dies; and what must be there afterwards.

The law: as of clients.py and ledger.py: what is going to be asked is noted first; an answer is believed when all of it
has come. What was not answered may have happened or not, but each object's part of it wholly, and once.
"""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any, Final, Self

import httpx

from tests.load.ledger import Broken, Doubled, Lost
from tests.running import PASSWORD

USING: Final = ["urn:ietf:params:jmap:core", "urn:ietf:params:jmap:mail"]
WORDS: Final = ("a", "b", "c", "$seen", "$flagged")
KEEP_MAX: Final = 200
TIMEOUT_S: Final = 30.0
_DOWN: Final = (httpx.TransportError, ConnectionError)
Words = frozenset[str]


@dataclass
class Kept:
    """What one client of one account knows. A value of `emails`: the sets of keywords that it may have; None among
    them: it may be gone."""

    login: str
    name: str
    root: str = ""  # its mailbox
    emails: dict[str, set[Words | None]] = field(default_factory=dict)  # by subject, which is told once
    ids: dict[str, str] = field(default_factory=dict)
    boxes: dict[str, set[bool]] = field(default_factory=dict)  # by name: whether it may be there
    done: int = 0
    made: int = 0

    def next(self) -> str:
        """A name that nothing had."""
        self.made += 1
        return f"{self.name}.{self.made}"


class JmapClient:
    """A connection."""

    def __init__(self, port: int, login: str) -> None:
        self._url = f"https://127.0.0.1:{port}"
        # The server's certificate is for another name: who it is matters nothing here.
        self._http = httpx.AsyncClient(verify=False, auth=(login, PASSWORD), timeout=TIMEOUT_S)
        self.account = ""

    async def __aenter__(self) -> Self:
        session = (await self._http.get(f"{self._url}/.well-known/jmap", follow_redirects=True)).json()
        self.account = session["primaryAccounts"][USING[1]]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._http.aclose()

    async def ask(self, name: str, **arguments: Any) -> dict[str, Any]:
        """The answer to one call. Raises Broken for an error that says more than to come again."""
        calls = [[name, {"accountId": self.account, **arguments}, "c"]]
        said = await self._http.post(f"{self._url}/jmap/api", json={"using": USING, "methodCalls": calls})
        if said.status_code >= 500:
            raise ConnectionResetError
        ((kind, answer, _call),) = said.json()["methodResponses"]
        if kind == "error":
            if answer["type"] == "serverUnavailable":
                raise ConnectionResetError
            raise Broken(f"{name}: {answer}")
        return dict(answer)

    async def upload(self, raw: bytes) -> str:
        """A blob's id."""
        said = await self._http.post(
            f"{self._url}/jmap/upload/{self.account}", content=raw, headers={"Content-Type": "message/rfc822"}
        )
        if said.status_code != 201:
            raise ConnectionResetError
        return str(said.json()["blobId"])


async def play(port: int, kept: Kept, dice: random.Random, ready: asyncio.Barrier | None = None) -> None:
    """Until the server dies. Raises Broken."""
    try:
        async with JmapClient(port, kept.login) as client:
            await _begin(client, kept)
            if ready is not None:
                await ready.wait()
            while True:
                await dice.choice((_create, _create, _import, _update, _update, _destroy, _mailbox))(client, kept, dice)
    except _DOWN:
        return


async def _begin(client: JmapClient, kept: Kept) -> None:
    if kept.root:
        return
    boxes = await client.ask("Mailbox/get", ids=None, properties=["name"])
    kept.root = next((box["id"] for box in boxes["list"] if box["name"] == kept.name), "")
    if not kept.root:
        made = await client.ask("Mailbox/set", create={"k": {"name": kept.name}})
        kept.root = made["created"]["k"]["id"]


def _words(dice: random.Random) -> Words:
    return frozenset(dice.sample(WORDS, dice.randint(0, 3)))


async def _create(client: JmapClient, kept: Kept, dice: random.Random) -> None:
    wanted = {kept.next(): _words(dice) for _ in range(dice.choice((1, 1, 3, 20)))}
    kept.emails |= {subject: {words, None} for subject, words in wanted.items()}
    create = {
        f"k{number}": {"mailboxIds": {kept.root: True}, "keywords": dict.fromkeys(words, True), "subject": subject}
        for number, (subject, words) in enumerate(wanted.items())
    }
    told = await client.ask("Email/set", create=create)
    for number, (subject, words) in enumerate(wanted.items()):
        kept.ids[subject] = told["created"][f"k{number}"]["id"]
        kept.emails[subject] = {words}
    kept.done += 1


async def _import(client: JmapClient, kept: Kept, dice: random.Random) -> None:
    subject, words = kept.next(), _words(dice)
    blob = await client.upload(f"From: a@x.test\r\nSubject: {subject}\r\n\r\ntext of {subject}\r\n".encode())
    kept.emails[subject] = {words, None}
    wanted = {"blobId": blob, "mailboxIds": {kept.root: True}, "keywords": dict.fromkeys(words, True)}
    told = await client.ask("Email/import", emails={"k": wanted})
    kept.ids[subject] = told["created"]["k"]["id"]
    kept.emails[subject] = {words}
    kept.done += 1


def _sure(kept: Kept, dice: random.Random) -> list[str]:
    known = [subject for subject, may_be in kept.emails.items() if None not in may_be]
    return dice.sample(known, min(len(known), dice.choice((1, 3, 20))))


async def _update(client: JmapClient, kept: Kept, dice: random.Random) -> None:
    some, words = _sure(kept, dice), _words(dice)
    for subject in some:
        kept.emails[subject].add(words)
    patch = {"keywords": dict.fromkeys(words, True)}
    told = await client.ask("Email/set", update={kept.ids[subject]: patch for subject in some})
    if some and (told["updated"] or {}).keys() != {kept.ids[subject] for subject in some}:
        raise Broken(f"not all of {some} are updated: {told}")
    kept.emails |= {subject: {words} for subject in some}
    kept.done += 1


async def _destroy(client: JmapClient, kept: Kept, dice: random.Random) -> None:
    if len(kept.emails) < KEEP_MAX and dice.random() < 0.7:
        return
    some = _sure(kept, dice)
    for subject in some:
        kept.emails[subject].add(None)
    told = await client.ask("Email/set", destroy=[kept.ids[subject] for subject in some])
    if some and set(told["destroyed"] or ()) != {kept.ids[subject] for subject in some}:
        raise Broken(f"not all of {some} are destroyed: {told}")
    for subject in some:
        del kept.emails[subject]
    kept.done += 1


async def _mailbox(client: JmapClient, kept: Kept, dice: random.Random) -> None:
    name = dice.choice([f"{kept.name}-{letter}" for letter in "xyz"])
    may_be = kept.boxes.setdefault(name, {False})
    if len(may_be) > 1:
        return
    if may_be == {False}:
        kept.boxes[name] = {False, True}
        await client.ask("Mailbox/set", create={"k": {"name": name, "parentId": kept.root}})
        kept.boxes[name] = {True}
    else:
        boxes = await client.ask("Mailbox/query", filter={"name": name})
        kept.boxes[name] = {False, True}
        await client.ask("Mailbox/set", destroy=boxes["ids"])
        kept.boxes[name] = {False}
    kept.done += 1


async def verify(port: int, kept: Kept) -> None:
    """What is there against what must be. Raises Broken."""
    async with JmapClient(port, kept.login) as client:
        await _begin(client, kept)
        ids: list[str] = []
        while True:
            page = await client.ask("Email/query", filter={"inMailbox": kept.root}, position=len(ids), limit=400)
            ids += page["ids"]
            if not page["ids"]:
                break
        there: dict[str, Words] = {}
        for start in range(0, len(ids), 400):
            part = await client.ask("Email/get", ids=ids[start : start + 400], properties=["subject", "keywords"])
            for one in part["list"]:
                if one["subject"] in there:
                    raise Doubled(f"{kept.login}: {one['subject']} is there twice")
                there[one["subject"]] = frozenset(one["keywords"])
                if kept.ids.setdefault(one["subject"], one["id"]) != one["id"]:
                    raise Broken(f"{kept.login}: {one['subject']} was {kept.ids[one['subject']]} and is {one['id']}")
        boxes = await client.ask("Mailbox/get", ids=None, properties=["name", "parentId"])
    _compare(kept, there, [box["name"] for box in boxes["list"] if box["parentId"] == kept.root])


def _compare(kept: Kept, there: dict[str, Words], boxes: list[str]) -> None:
    if strange := there.keys() - kept.emails.keys():
        raise Broken(f"{kept.login}: {sorted(strange)[:9]} should not be there")
    for subject, may_be in list(kept.emails.items()):
        if (found := there.get(subject)) not in may_be:
            raise Lost(f"{kept.login}: {subject} is {found}, expected one of {may_be}")
        kept.emails[subject] = {found}
        if found is None:
            del kept.emails[subject]
    for name, may_exist in kept.boxes.items():
        if boxes.count(name) not in may_exist:
            raise Lost(f"{kept.login}: mailbox {name} is there {boxes.count(name)} times, expected {may_exist}")
        kept.boxes[name] = {name in boxes}
