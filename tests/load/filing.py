"""JMAP clients under load: each makes, imports, changes, moves, sends and destroys emails in a mailbox of its own, and
mailboxes below that; and what must be there afterwards.

The law: as of clients.py and ledger.py: what is going to be asked is noted first; an answer is believed when all of it
has come. What was not answered may have happened or not, but each object's part of it wholly, and once. Only what the
protocol lets one ask again is asked again: what was to be made in a state that must not have changed (RFC 8620 5.3),
and a submission that the server does not know of.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from tests.load.clients import INBOX, Load
from tests.load.jmap import GET_MAX, JmapClient, every_email, flags_of
from tests.load.ledger import Broken, Doubled, Lost, Sent
from tests.load.messages import message
from tests.load.wire import Address, Imap, logged_in
from tests.running import PASSWORD

WORDS: Final = ("a", "b", "c", "$seen", "$flagged")
KEEP_MAX: Final = 150  # emails of one client
UPLOADS_MAX: Final = 400  # in its life: an account may have a thousand, and two of these
BLOBS_MAX: Final = 10  # that are looked for
HOME, AWAY = "home", "away"  # its mailbox, and one below that
BELOW: Final = ("x", "y", "z")  # more of them, which come and go

Where = tuple[str, frozenset[str]] | None  # mailbox and keywords of an email; None: it is gone


class Again(NamedTuple):
    """Emails that were to be made in a state, of which nothing was heard."""

    create: dict[str, Any]
    state: str


@dataclass
class Kept:
    """What one client of one account knows."""

    login: str
    name: str
    boxes: dict[str, str] = field(default_factory=dict)  # ids of HOME and AWAY
    emails: dict[str, set[Where]] = field(default_factory=dict)  # what they may be now, by subject, which is told once
    ids: dict[str, str] = field(default_factory=dict)
    below: dict[str, set[bool]] = field(default_factory=dict)  # by name: whether it may be there
    blobs: dict[str, bytes] = field(default_factory=dict)  # digests
    again: Again | None = None
    sending: dict[str, list[Sent]] = field(default_factory=dict)  # by subject: not known to be sent
    uploads: int = 0
    made: int = 0

    def next(self) -> str:
        """A name that nothing had, of who can send mail under it (messages.py)."""
        self.made += 1
        return f"{self.name}.{self.made}-by-{self.login.partition('@')[0]}"


async def file(load: Load, kept: Kept, others: Sequence[str]) -> None:
    """Until the load rests or the server dies. `others`: who may be sent to. Raises Broken."""
    async with JmapClient(load.door("https"), kept.login) as client:
        filer = _Filer(load, kept, others, client)
        await filer.begin()
        await load.begin()
        while await load.goes_on():
            await filer.go_on()


class _Filer:
    def __init__(self, load: Load, kept: Kept, others: Sequence[str], client: JmapClient) -> None:
        self._load = load
        self._kept = kept
        self._others = others
        self._client = client

    async def begin(self) -> None:
        """Its mailboxes are made once; what has had no answer is asked again."""
        kept = self._kept
        for key, name, parent in ((HOME, kept.name, None), (AWAY, f"{kept.name}-away", HOME)):
            if key not in kept.boxes:
                kept.boxes[key] = await self._mailbox(name, kept.boxes[parent] if parent else None)
        if kept.again is not None:
            await self._make(*kept.again, is_new=False)
        for subject in list(kept.sending):
            await self._send_again(subject)

    async def go_on(self) -> None:
        """One thing, or several of them."""
        work: list[Callable[[], Awaitable[None]]] = [
            self._create, self._create, self._import, self._update, self._update, self._move, self._destroy,
            self._below, self._upload, self._send,
        ]  # fmt: skip
        await self._load.dice.choice(work)()

    async def _mailbox(self, name: str, parent: str | None) -> str:
        """The id of a mailbox that may be there, if the server died before it said so."""
        found = await self._client.ask("Mailbox/query", filter={"name": name, "parentId": parent})
        if found["ids"]:
            return str(found["ids"][0])
        made = await self._client.ask("Mailbox/set", create={"k": {"name": name, "parentId": parent}})
        return str(made["created"]["k"]["id"])

    def _words(self) -> frozenset[str]:
        return frozenset(self._load.dice.sample(WORDS, self._load.dice.randint(0, 3)))

    def _new(self, words: frozenset[str]) -> dict[str, Any]:
        return {"mailboxIds": {self._kept.boxes[HOME]: True}, "keywords": dict.fromkeys(words, True)}

    def _sure(self) -> list[str]:
        """Some emails of which is known what they are."""
        kept, dice = self._kept, self._load.dice
        unsure = {*kept.sending, *(kept.again.create if kept.again is not None else ())}
        known = [name for name, may_be in kept.emails.items() if len(may_be) == 1 and name not in unsure]
        return dice.sample(known, min(len(known), dice.choice((1, 3, 20))))

    async def _create(self) -> None:
        dice, create = self._load.dice, {}
        for _ in range(dice.choice((1, 1, 3, 20))):
            subject, words = self._kept.next(), self._words()
            create[subject] = self._new(words) | {"subject": subject}
            self._kept.emails[subject] = {(HOME, words), None}
        state = ""
        if dice.random() < 0.5:
            state = (await self._client.ask("Email/get", ids=[]))["state"]
            self._kept.again = Again(create, state)
        await self._make(create, state)

    async def _make(self, create: dict[str, Any], state: str, *, is_new: bool = True) -> None:
        """Emails; in this state only, if it is one."""
        kept = self._kept
        for subject, one in create.items():
            if None in kept.emails[subject]:
                kept.emails[subject] = {(HOME, frozenset(one["keywords"])), None}
        more = {"ifInState": state} if state else {}
        with self._load.ledger.trying("Email/set create"):
            named = {f"k{number}": one for number, one in enumerate(create.values())}  # a subject is no Id
            kind, told = await self._client.call("Email/set", create=named, **more)
        kept.again = None
        if state and kind == "error" and told["type"] == "stateMismatch":
            if is_new:  # else what was asked first may have been done
                for subject in create:
                    del kept.emails[subject]
            return
        if kind == "error" or told["notCreated"]:
            raise Broken(f"Email/set: {told}")
        for name, made in told["created"].items():
            self._made(named[name]["subject"], made["id"], frozenset(named[name]["keywords"]))
        self._load.ledger.said("Email/set create", kept.login)

    def _made(self, subject: str, number: str, words: frozenset[str]) -> None:
        kept = self._kept
        if kept.ids.setdefault(subject, number) != number:
            raise Doubled(f"{kept.login}: {subject} is {kept.ids[subject]}, and was made again as {number}")
        kept.emails[subject] = {(HOME, words)}

    async def _uploaded(self, raw: bytes) -> str:
        kept = self._kept
        kept.uploads += 1
        with self._load.ledger.trying("upload"):
            blob = await self._client.upload(raw)
        kept.blobs = dict([*kept.blobs.items(), (blob, hashlib.sha256(raw).digest())][-BLOBS_MAX:])
        self._load.ledger.said("upload", kept.login)
        return blob

    async def _upload(self) -> None:
        if self._kept.uploads < UPLOADS_MAX:
            await self._uploaded(message(self._kept.next()))

    async def _import(self) -> None:
        await self._imported(self._words())

    async def _imported(self, words: frozenset[str]) -> str:
        """Its subject; empty where no more can be uploaded."""
        if self._kept.uploads >= UPLOADS_MAX:
            return ""
        subject = self._kept.next()
        blob = await self._uploaded(message(subject))
        self._kept.emails[subject] = {(HOME, words), None}
        with self._load.ledger.trying("Email/import"):
            told = await self._client.ask("Email/import", emails={"k": self._new(words) | {"blobId": blob}})
        if not told["created"]:
            raise Broken(f"Email/import: {told}")
        self._made(subject, told["created"]["k"]["id"], words)
        self._load.ledger.said("Email/import", self._kept.login)
        return subject

    async def _update(self) -> None:
        words = self._words()
        patch = {"keywords": dict.fromkeys(words, True)}
        await self._change("update", patch, lambda where: (where[0], words))

    async def _move(self) -> None:
        to = self._load.dice.choice((HOME, AWAY))
        patch = {"mailboxIds": {self._kept.boxes[to]: True}}
        await self._change("move", patch, lambda where: (to, where[1]))

    async def _change(
        self, what: str, patch: dict[str, Any], after: Callable[[tuple[str, frozenset[str]]], Where]
    ) -> None:
        kept, some = self._kept, self._sure()
        expected = {}
        for subject in some:
            (before,) = kept.emails[subject]
            assert before is not None
            expected[subject] = after(before)
            kept.emails[subject].add(expected[subject])
        with self._load.ledger.trying(f"Email/set {what}"):
            told = await self._client.ask("Email/set", update={kept.ids[subject]: patch for subject in some})
        if set(told["updated"] or ()) != {kept.ids[subject] for subject in some}:
            raise Broken(f"not all of {some} are updated: {told}")
        kept.emails |= {subject: {where} for subject, where in expected.items()}
        self._load.ledger.said(f"Email/set {what}", kept.login)

    async def _destroy(self) -> None:
        kept = self._kept
        if len(kept.emails) < KEEP_MAX and self._load.dice.random() < 0.5:
            return
        some = self._sure()
        for subject in some:
            kept.emails[subject].add(None)
        with self._load.ledger.trying("Email/set destroy"):
            told = await self._client.ask("Email/set", destroy=[kept.ids[subject] for subject in some])
        if set(told["destroyed"] or ()) != {kept.ids[subject] for subject in some}:
            raise Broken(f"not all of {some} are destroyed: {told}")
        for subject in some:
            del kept.emails[subject]
        self._load.ledger.said("Email/set destroy", kept.login)

    async def _below(self) -> None:
        """A mailbox comes, or goes."""
        kept = self._kept
        name = f"{kept.name}-{self._load.dice.choice(BELOW)}"
        may_be = kept.below.setdefault(name, {False})
        if len(may_be) > 1:
            return
        (is_there,) = may_be
        arguments: dict[str, Any] = {"create": {"k": {"name": name, "parentId": kept.boxes[HOME]}}}
        if is_there:
            found = await self._client.ask("Mailbox/query", filter={"name": name, "parentId": kept.boxes[HOME]})
            arguments = {"destroy": found["ids"]}
        kept.below[name] = {False, True}
        with self._load.ledger.trying("Mailbox/set"):
            told = await self._client.ask("Mailbox/set", **arguments)
        if not told["destroyed" if is_there else "created"]:
            raise Broken(f"Mailbox/set: {told}")
        kept.below[name] = {not is_there}
        self._load.ledger.said("Mailbox/set", kept.login)

    async def _send(self) -> None:
        """A draft, to one of the others or to all."""
        load, kept = self._load, self._kept
        subject = await self._imported(frozenset({"$draft"}))
        if not subject:
            return
        to = load.dice.sample(self._others, load.dice.choice((1, 1, len(self._others))))
        kept.sending[subject] = [load.ledger.sending(subject, (login, INBOX), traced=True, own=True) for login in to]
        await self._submit(subject)

    async def _send_again(self, subject: str) -> None:
        """What no answer was heard of, unless the server knows of it."""
        load, kept = self._load, self._kept
        known = await self._client.ask("EmailSubmission/query", filter={"emailIds": [kept.ids[subject]]})
        if known["ids"]:
            self._is_sent(subject)
            return
        for one in kept.sending[subject]:
            load.ledger.sending(subject, one.place, traced=True, own=True)
        await self._submit(subject)

    async def _submit(self, subject: str) -> None:
        load, kept, client = self._load, self._kept, self._client
        identity = (await client.ask("Identity/get", ids=None))["list"][0]["id"]
        rcpts = [{"email": one.place[0]} for one in kept.sending[subject]]
        one = {
            "identityId": identity,
            "emailId": kept.ids[subject],
            "envelope": {"mailFrom": {"email": kept.login}, "rcptTo": rcpts},
        }
        sent = {"mailboxIds": {kept.boxes[AWAY]: True}, "keywords/$draft": None, "keywords/$seen": True}
        kept.emails[subject].add((AWAY, frozenset({"$seen"})))
        with load.ledger.trying("EmailSubmission/set", kept.sending[subject]):
            found = await client.calls("EmailSubmission/set", create={"k": one}, onSuccessUpdateEmail={"#k": sent})
        if not found[0][1].get("created"):
            raise Broken(f"EmailSubmission/set: {found}")
        self._is_sent(subject)
        if found[1][1].get("updated"):  # else it could not be done just now, or perhaps it was
            kept.emails[subject] = {(AWAY, frozenset({"$seen"}))}

    def _is_sent(self, subject: str) -> None:
        for one in self._kept.sending.pop(subject):
            self._load.ledger.acknowledge(one, "EmailSubmission/set")


async def verify_all_filed(door: Callable[[str], Address], kept: Sequence[Kept]) -> None:
    """What each knows. Raises Broken."""
    for one in kept:
        async with JmapClient(door("https"), one.login) as client, logged_in(door("imap"), one.login, PASSWORD) as imap:
            await verify_filed(client, imap, one)


async def verify_filed(client: JmapClient, imap: Imap, kept: Kept) -> None:
    """What JMAP shows against what must be there, and IMAP against that. Raises Broken."""
    if HOME not in kept.boxes:
        return
    there: dict[str, Where] = {}
    for box, number in kept.boxes.items():
        shown = await _emails_in(client, number)
        for one in shown:
            subject, words = one["subject"], frozenset(one["keywords"])
            if subject in there:
                raise Doubled(f"{kept.login}: {subject} is there twice")
            there[subject] = box, words
            if kept.ids.setdefault(subject, one["id"]) != one["id"]:
                raise Broken(f"{kept.login}: {subject} was {kept.ids[subject]} and is {one['id']}")
        await _same_by_imap(imap, kept, box, {one["id"]: frozenset(one["keywords"]) for one in shown})
    boxes = await client.ask("Mailbox/get", ids=None, properties=["name", "parentId"])
    compare_filed(kept, there, [box["name"] for box in boxes["list"] if box["parentId"] == kept.boxes[HOME]])
    for blob, digest in kept.blobs.items():
        if hashlib.sha256(await client.download(blob)).digest() != digest:
            raise Broken(f"{kept.login}: {blob} is not what was uploaded")


async def _emails_in(client: JmapClient, box: str) -> list[dict[str, Any]]:
    names = await every_email(client, filter={"inMailbox": box})
    found: list[dict[str, Any]] = []
    for at in range(0, len(names), GET_MAX):
        shown = await client.ask("Email/get", ids=names[at : at + GET_MAX], properties=["subject", "keywords"])
        found += shown["list"]
    return found


async def _same_by_imap(imap: Imap, kept: Kept, box: str, shown: dict[str, frozenset[str]]) -> None:
    """An Email is the message with that EMAILID (RFC 8474), and its keywords are the flags (RFC 8621 4.1.1)."""
    name = kept.name if box == HOME else f"{kept.name}/{kept.name}-away"
    await imap.done(f"EXAMINE {name}")
    answer = await imap.done("UID FETCH 1:* (UID FLAGS EMAILID)") if shown else None
    there = answer.emails() if answer is not None else {}
    flags = {number: flags_of(words) for number, words in shown.items()}
    if there != flags:
        wrong = [number for number in {*there, *flags} if there.get(number) != flags.get(number)]
        told = [(number, flags.get(number), there.get(number)) for number in wrong[:5]]
        raise Broken(f"{kept.login} {name}: JMAP and IMAP do not agree: {told}")


def compare_filed(kept: Kept, there: dict[str, Where], below: list[str]) -> None:
    """Against what was found; what may be is then what is. Raises Broken."""
    if strange := there.keys() - kept.emails.keys():
        raise Broken(f"{kept.login}: {sorted(strange)[:9]} should not be there")
    for subject, may_be in list(kept.emails.items()):
        if (found := there.get(subject)) not in may_be:
            raise Lost(f"{kept.login}: {subject} is {found}, expected one of {may_be}")
        kept.emails[subject] = {found}
        if found is None and not (kept.again is not None and subject in kept.again.create):
            del kept.emails[subject]
    for name, may_exist in kept.below.items():
        if below.count(name) not in may_exist:
            raise Lost(f"{kept.login}: mailbox {name} is there {below.count(name)} times, expected {may_exist}")
        kept.below[name] = {name in below}
