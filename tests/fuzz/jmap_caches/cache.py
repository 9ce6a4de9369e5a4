"""A client that keeps mailboxes, emails, threads and the results of some queries of one account, and follows them by
/changes and /queryChanges as RFC 8620 5.2 and 5.6 say.

The law: it believes what it is told and asks for nothing else; where changes cannot be calculated it begins anew, which
who owns the account never has to.
"""

from typing import Any, Final

from gateway.access.ids import account_id
from tests.unit.gateway.jmap.world import ACCOUNTS, World

KINDS: Final = ("Mailbox", "Email", "Thread")
EMAIL: Final = ("threadId", "mailboxIds", "keywords", "size", "receivedAt", "subject", "blobId")
PAGES_MAX: Final = 10_000  # of one sync: then it does not come to an end
QUERIES: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("Email", {"sort": [{"property": "receivedAt", "isAscending": False}]}),
    ("Email", {"filter": {"notKeyword": "$seen"}, "sort": [{"property": "subject"}, {"property": "size"}]}),
    ("Email", {"collapseThreads": True, "filter": {"hasKeyword": "$flagged"}}),
    ("Email", {"filter": {"operator": "NOT", "conditions": [{"hasKeyword": "work"}, {"subject": "hello"}]}}),
    ("Mailbox", {"sort": [{"property": "name"}]}),
    ("Mailbox", {"filter": {"hasAnyRole": False}, "sort": [{"property": "sortOrder"}, {"property": "name"}]}),
)
Thing = dict[str, Any]


class NothingShared(Exception):
    """There is no such account any more, for this client."""


class Cache:
    """What one client of `login` knows of the account of `owner`."""

    def __init__(self, world: World, login: str, owner: str, max_changes: int | None) -> None:
        self._world = world
        self._login = login
        self._account = account_id(ACCOUNTS[owner])
        self._is_owner = login == owner
        self._more = {} if max_changes is None else {"maxChanges": max_changes}
        self.states: dict[str, str] = {}
        self.things: dict[str, dict[str, Thing]] = {kind: {} for kind in KINDS}
        self.results: dict[int, tuple[str, list[str]]] = {}
        self.begun = 0  # how often it had to fetch all

    async def sync(self) -> None:
        """Be as the server is, if nothing happens meanwhile."""
        try:
            for kind in KINDS:
                await self._follow(kind)
            for number in range(len(QUERIES)):
                await self._follow_query(number)
        except NothingShared:
            self.states, self.things, self.results = {}, {kind: {} for kind in KINDS}, {}

    async def check(self) -> None:
        """Raises AssertionError where it is not as the server is; nothing may happen meanwhile."""
        if not self.states:
            return
        for kind in KINDS:
            found = await self._get(kind, None)
            theirs = {one["id"]: one for one in found["list"]}
            mine = self.things[kind]
            wrong = {name: (mine.get(name), theirs.get(name)) for name in mine.keys() | theirs.keys()}
            wrong = {name: both for name, both in wrong.items() if both[0] != both[1]}
            assert not wrong, f"{self._login}, in pages of {self._more}: {kind}, as known and as it is: {wrong}"
        for number, (kind, query) in enumerate(QUERIES):
            found = await self._ask(f"{kind}/query", **query)
            held = self.results[number][1]
            assert held == found["ids"], f"{self._login}: {kind} by {query}: {held} is not {found['ids']}"

    async def _ask(self, name: str, **arguments: Any) -> Thing:
        answer: Thing = await self._world.call(self._login, name, accountId=self._account, **arguments)
        if answer.get("type") == "accountNotFound" and not self._is_owner:
            raise NothingShared
        return answer

    async def _get(self, kind: str, ids: list[str] | None, properties: Any = None) -> Thing:
        wanted = properties or (list(EMAIL) if kind == "Email" else None)
        found = await self._ask(f"{kind}/get", ids=ids, properties=wanted)
        assert "list" in found, found
        return found

    async def _begin(self, kind: str) -> None:
        self.begun += 1
        found = await self._get(kind, None)
        self.things[kind] = {one["id"]: one for one in found["list"]}
        self.states[kind] = found["state"]

    async def _follow(self, kind: str) -> None:
        if kind not in self.states:
            await self._begin(kind)
            return
        for _ in range(PAGES_MAX):
            told = await self._ask(f"{kind}/changes", sinceState=self.states[kind], **self._more)
            if told.get("type") == "cannotCalculateChanges" and not self._is_owner:
                await self._begin(kind)
                return
            assert "newState" in told, told
            await self._take(kind, told)
            if not told["hasMoreChanges"]:
                return
        raise AssertionError(f"{kind}/changes does not come to an end")

    async def _take(self, kind: str, told: Thing) -> None:
        things = self.things[kind]
        if self._is_owner and not self._more:  # between pages all may change again
            assert not things.keys() & set(told["created"]), f"{kind}: told again as created: {told}"
        for name in told["destroyed"]:
            things.pop(name, None)
        only = told.get("updatedProperties")
        known = [name for name in told["updated"] if name in things] if only else []
        ids = told["created"] + [name for name in told["updated"] if name not in known]
        for wanted, properties in ((ids, None), (known, only)):
            if not wanted:
                continue
            for one in (await self._get(kind, wanted, properties))["list"]:
                things[one["id"]] = {**things.get(one["id"], {}), **one}  # what is gone meanwhile is told of later
        self.states[kind] = told["newState"]

    async def _follow_query(self, number: int) -> None:
        kind, query = QUERIES[number]
        if number in self.results:
            state, ids = self.results[number]
            told = await self._ask(f"{kind}/queryChanges", sinceQueryState=state, **query)
            if "newQueryState" in told:
                gone = set(told["removed"])
                ids = [name for name in ids if name not in gone]
                for one in told["added"]:
                    assert one["index"] <= len(ids), f"{kind} by {query}: a place beyond the end: {told}"
                    assert one["id"] not in ids, f"{kind} by {query}: added twice: {told}"
                    ids.insert(one["index"], one["id"])
                self.results[number] = (told["newQueryState"], ids)
                return
            assert told["type"] == "cannotCalculateChanges", told
        found = await self._ask(f"{kind}/query", **query)
        self.results[number] = (found["queryState"], found["ids"])
