"""JMAP clients that hold a copy of an account, and keep it by /changes and by an event source alone: what they believe
must be what is there, whatever befell the server.

The law: a believer knows only what it was told, and remembers it between connections: of each type the state and the
objects, and of its event source the last id. A state that was left is never told again.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.load.clients import Load
from tests.load.jmap import GET_MAX, JmapClient, every_email, flags_of
from tests.load.ledger import Broken, Flags
from tests.load.wire import Address, Imap, logged_in
from tests.running import PASSWORD

LOOK_S: Final = (0.0, 0.3)  # between two looks
COME_BACK_S: Final = 0.1
TOLD_S_MAX: Final = 10.0  # until an event source has told of everything, when all is quiet
TYPES: Final[Mapping[str, Sequence[str]]] = {
    "Email": ("mailboxIds", "keywords", "threadId"),
    "Mailbox": ("name", "parentId", "role", "totalEmails", "unreadEmails", "totalThreads", "myRights"),
    "Thread": ("emailIds",),
    "EmailSubmission": ("emailId", "undoStatus"),
}
OTHERS: Final = b'"Other Users/'
_STATUS: Final = re.compile(rb"\* STATUS (.+) \(MAILBOXID \(([^)]+)\)\)")
Objects = dict[str, dict[str, Any]]


@dataclass
class Copy:
    """All objects of one type, and the state they are of."""

    kind: str
    state: str = ""
    left: set[str] = field(default_factory=set)  # states that were left
    objects: Objects = field(default_factory=dict)

    def goes_to(self, state: str) -> None:
        """It is told of a state. Raises Broken."""
        if state != self.state:
            if state in self.left:
                raise Broken(f"{self.kind}: the state went back from {self.state} to {state}")
            self.left.add(self.state)
            self.state = state

    def take(self, changes: Mapping[str, Any], shown: Mapping[str, Any] | None, properties: Sequence[str]) -> None:
        """What a /changes tells, and what a /get then shows of these properties: all of them, or those that alone have
        changed. Raises Broken."""
        if changes["oldState"] != self.state:
            raise Broken(f"{self.kind}/changes since {self.state} tells of {changes['oldState']}")
        named = [*changes["created"], *changes["updated"], *changes["destroyed"]]
        if len(named) != len(set(named)):
            raise Broken(f"{self.kind}/changes since {self.state} tells of an id twice: {changes}")
        if named and changes["newState"] == self.state:
            raise Broken(f"{self.kind}/changes since {self.state} goes nowhere: {changes}")
        self.goes_to(changes["newState"])
        for name in (*changes["destroyed"], *(shown["notFound"] if shown is not None else ())):
            self.objects.pop(name, None)
        for one in shown["list"] if shown is not None else ():
            if not {*TYPES[self.kind]} <= {*properties} and one["id"] not in self.objects:
                raise Broken(
                    f"{self.kind}/changes tells of {properties} of {one['id']} alone, which it has not told of"
                )
            self.objects[one["id"]] = self.objects.get(one["id"], {}) | one


class Believer:
    """One client of one account."""

    def __init__(self, login: str) -> None:
        self.login = login
        self.copies = {kind: Copy(kind) for kind in TYPES}
        self.told: dict[str, str] = {}  # states, by the event source
        self.caught_up = 0  # how often with something to hear
        self.heard = Counter[str]()  # how often it was told of each type
        self._last = ""  # event id

    async def believe(self, load: Load) -> None:
        """Ask for changes until the load rests or the server dies."""
        async with JmapClient(load.door("https"), self.login) as client:
            await self._begin(client)
            await load.begin()
            while await load.goes_on():
                await self.catch_up(client)
                await asyncio.sleep(load.dice.uniform(*LOOK_S))

    async def listen(self, load: Load) -> None:
        """Be told, until the load is over; come back with the last id."""
        await load.begin()
        while not load.is_over:
            try:
                async with JmapClient(load.door("https"), self.login) as client:
                    await self.hear(client, load)
            except ConnectionError:
                if load.ready is not None:  # the server is gone for this round
                    return
                await asyncio.sleep(COME_BACK_S)

    async def hear(self, client: JmapClient, load: Load | None = None) -> None:
        """Until the load is over, or the event source ends. Raises Broken."""
        first = not self._last
        if first:
            self.told.clear()
        async for last, changed in client.events(self._last):
            if first:
                await self._know_states(client)
                first = False
            self._last = last or self._last
            for kind, state in changed.items():
                self.told[kind] = state
                self.heard[kind] += 1
            if load is not None and load.is_over:
                return

    async def compare(self, client: JmapClient, imap: Imap) -> None:
        """When nothing changes any more: catch up, and be right; so must the event source, and IMAP. Raises Broken."""
        await self._begin(client)
        await self.catch_up(client)
        threads = {one["threadId"] for one in self.copies["Email"].objects.values()}
        names = {"Email": await every_email(client), "Thread": sorted(threads)}
        for kind, copy in self.copies.items():
            fresh, state = await _read(client, kind, names.get(kind))
            self._same(kind, copy.objects, fresh)
            if state != copy.state:
                raise Broken(f"{self.login}: {kind}/changes goes to {copy.state}, and {kind}/get is of {state}")
        self._counts_are_right()
        await self._same_by_imap(imap)

    async def knows(self, client: JmapClient) -> None:
        """Its event source tells of the last state of each type, soon. Raises Broken."""
        if not self._last:
            return
        now = {kind: (await client.ask(f"{kind}/get", ids=[]))["state"] for kind in TYPES}
        deadline = asyncio.get_running_loop().time() + TOLD_S_MAX
        while wrong := {kind: self.told.get(kind) for kind, state in now.items() if self.told.get(kind) != state}:
            if asyncio.get_running_loop().time() > deadline:
                raise Broken(f"an event source of {self.login} tells of {wrong}, but the states are {now}")
            await asyncio.sleep(0.05)

    async def _know_states(self, client: JmapClient) -> None:
        """Before anything is told."""
        for kind in TYPES:
            self.told.setdefault(kind, (await client.ask(f"{kind}/get", ids=[]))["state"])

    async def _begin(self, client: JmapClient) -> None:
        """Everything is read once; what changes meanwhile is told of afterwards."""
        if self.copies["EmailSubmission"].state:
            return
        states = {kind: (await client.ask(f"{kind}/get", ids=[]))["state"] for kind in TYPES}
        read: dict[str, Objects] = {}
        read["Email"], _ = await _read(client, "Email", await every_email(client))
        read["Thread"], _ = await _read(client, "Thread", sorted({one["threadId"] for one in read["Email"].values()}))
        for kind in ("Mailbox", "EmailSubmission"):
            read[kind], _ = await _read(client, kind, None)
        for kind, copy in self.copies.items():
            copy.state, copy.objects = states[kind], read[kind]

    async def catch_up(self, client: JmapClient) -> None:
        """Hear of all that has changed."""
        for kind, copy in self.copies.items():
            while True:
                changes = await client.ask(f"{kind}/changes", sinceState=copy.state, maxChanges=GET_MAX)
                self.caught_up += changes["newState"] != changes["oldState"]
                wanted = [*changes["created"], *changes["updated"]]
                narrow = changes.get("updatedProperties") and not changes["created"]
                asked = [*changes["updatedProperties"]] if narrow else [*TYPES[kind]]
                shown = await client.ask(f"{kind}/get", ids=wanted, properties=asked) if wanted else None
                copy.take(changes, shown, asked)  # only now: the server may have died between the two
                if not changes["hasMoreChanges"]:
                    break

    def _same(self, kind: str, believed: Objects, fresh: Objects) -> None:
        gone, new = believed.keys() - fresh.keys(), fresh.keys() - believed.keys()
        other = [
            (name, believed[name], fresh[name])
            for name in believed.keys() & fresh.keys()
            if any(believed[name].get(each) != fresh[name][each] for each in TYPES[kind])
        ]
        if gone or new or other:
            raise Broken(
                f"a JMAP client of {self.login} that follows {kind}/changes believes in {sorted(gone)[:9]}, does not "
                f"know {sorted(new)[:9]}, and these are other: {other[:3]}; its state is {self.copies[kind].state}"
            )

    def _counts_are_right(self) -> None:
        """Each Mailbox counts the emails that are in it, and those that are neither seen nor drafts (RFC 8621 2)."""
        total, unread = Counter[str](), Counter[str]()
        for one in self.copies["Email"].objects.values():
            total.update(one["mailboxIds"])
            unread.update(one["mailboxIds"] if not {"$seen", "$draft"} & one["keywords"].keys() else ())
        for name, box in self.copies["Mailbox"].objects.items():
            if (box["totalEmails"], box["unreadEmails"]) != (total[name], unread[name]):
                raise Broken(f"{self.login}: {box} has {total[name]} emails, {unread[name]} of them unread")

    async def _same_by_imap(self, imap: Imap) -> None:
        """An Email is the message with that EMAILID (RFC 8474), in the same mailboxes; where it is in one, its keywords
        are the flags there (RFC 8621 4.1.1)."""
        emails = self.copies["Email"].objects
        there: dict[str, dict[str, Flags]] = {}
        listed = await imap.done('LIST "" * RETURN (STATUS (MAILBOXID))')
        named = (_STATUS.match(line) for line, _literals in listed.untagged)
        boxes = {one[2].decode(): one[1] for one in named if one and not one[1].startswith(OTHERS)}
        if boxes.keys() != (believed := self.copies["Mailbox"].objects.keys()):
            raise Broken(f"{self.login}: IMAP has mailboxes {sorted(boxes)}, and JMAP {sorted(believed)}")
        for name, path in boxes.items():
            await imap.done(f"EXAMINE {path.decode()}")
            answer = await imap.done("UID FETCH 1:* (UID FLAGS EMAILID)")
            for number, flags in answer.emails().items():
                if "\\deleted" not in flags:  # what is about to go is in no Mailbox
                    there.setdefault(number, {})[name] = flags
        for number in emails.keys() | there.keys():
            one, found = emails.get(number, {"mailboxIds": {}, "keywords": {}}), there.get(number, {})
            if one["mailboxIds"].keys() != found.keys() or (
                len(found) == 1 and [flags_of(one["keywords"])] != [*found.values()]
            ):
                raise Broken(f"{self.login}: JMAP has {number} as {one}, and IMAP as {found}")


async def _read(client: JmapClient, kind: str, names: Sequence[str] | None) -> tuple[Objects, str]:
    """All objects of a type, by now, and the state."""
    found: Objects = {}
    state = ""
    parts = [names[at : at + GET_MAX] for at in range(0, len(names) or 1, GET_MAX)] if names is not None else [None]
    for part in parts:
        answer = await client.ask(f"{kind}/get", ids=part, properties=list(TYPES[kind]))
        found |= {one["id"]: one for one in answer["list"]}
        state = answer["state"]
    return found, state


async def compare_believers(web: Address, imap: Address, believers: Sequence[Believer]) -> None:
    """Each, one after the other, when nothing changes; whoever does not listen now comes back first. Raises Broken."""
    for believer in believers:
        async with JmapClient(web, believer.login) as client, logged_in(imap, believer.login, PASSWORD) as session:
            await believer.compare(client, session)
            hearing = asyncio.create_task(believer.hear(client))
            try:
                await believer.knows(client)
            finally:
                hearing.cancel()
                (ended,) = await asyncio.gather(hearing, return_exceptions=True)
            if isinstance(ended, Broken):
                raise ended
