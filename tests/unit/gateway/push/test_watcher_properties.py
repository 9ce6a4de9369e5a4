"""Whatever happens in which order, and however slowly it is taken: at rest each listener knows the newest state of each
type that he wants, of each account that he may see, and of no other."""

import asyncio
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.mailbox.rights import of_account
from gateway.push import changing
from gateway.push.audience import Listener
from gateway.push.watcher import Watcher
from mail.jmap.push import read_mark
from tests.unit.gateway.push.world import ALICE, BOB, CAROL, Mail, People, Time

USERS = [ALICE, BOB, CAROL]
RIGHTS = ["", "l", "r", "lr"]
TYPES = st.one_of(st.none(), st.frozensets(st.sampled_from(changing.TYPES), min_size=1, max_size=3))
ACCOUNT = st.sampled_from(USERS)
BOX = st.integers(1, 3)
STEP = st.one_of(
    st.tuples(st.just("change"), ACCOUNT, st.sampled_from(["new", "flags", "gone", "role"]), BOX),
    st.tuples(st.just("object"), ACCOUNT, st.sampled_from(["Identity", "VacationResponse", "upload"])),
    st.tuples(st.just("share"), ACCOUNT, BOX, ACCOUNT, st.sampled_from(RIGHTS)),
    st.tuples(st.just("make"), ACCOUNT, BOX, ACCOUNT, st.sampled_from(RIGHTS)),
    st.tuples(st.just("remove"), ACCOUNT, BOX),
    st.tuples(st.just("lose"), ACCOUNT),
    st.tuples(st.just("pass"), st.sampled_from([0.0, 0.05, 0.2])),
    st.tuples(st.just("take"), st.integers(0, 5)),
    st.tuples(st.just("again"), st.integers(0, 5)),
    st.tuples(st.just("look"), ACCOUNT),
)


class Reader:
    """A client that takes when it is told to, keeps what it was told, and comes back with its mark."""

    def __init__(self, user: int, types: frozenset[str] | None) -> None:
        self.user, self.types = user, types
        self.known: dict[tuple[str, str], int] = {}
        self.mark = ""
        self.listener: Listener | None = None
        self.woken = False

    async def come(self, watcher: Watcher) -> None:
        if self.listener is not None:
            self.listener.close()
        self.listener = await watcher.listen(self.user, self.types, mark=self.mark, woken=self._wake)
        if not self.mark:
            self.mark = self.listener.mark
        self.woken = True  # who comes looks first

    def _wake(self) -> None:
        self.woken = True

    def take(self, sees: Callable[[int, int], bool]) -> None:
        assert self.listener is not None
        self.woken = False
        told = self.listener.take()
        if told is None:
            return
        self.mark = told.mark
        for account, states in told.changed.items():
            assert sees(self.user, int(account[1:], 16)), "nobody hears of an account that he may not see"
            for name, state in states.items():
                assert self.types is None or name in self.types
                assert int(state) >= self.known.get((account, name), 0), "a state never goes back"
                self.known[account, name] = int(state)


class Truth:
    """What somebody may see, worked out without the watcher: when each type changed last for him."""

    def __init__(self, mail: Mail) -> None:
        self.mail = mail
        self.last: dict[tuple[int, int, str], int] = {}  # by user, account, type

    def sees(self, user: int, account: int) -> bool:
        boxes = self.mail[account].boxes.values()
        return user == account or any("l" in _rights(user, box.acl) for box in boxes)

    def note(self, account: int, mailbox: int, types: list[str], before: Any = None) -> None:
        box = self.mail[account].boxes.get(mailbox)
        for user in USERS:
            rights = "lr" if user == account else "".join(_rights(user, one.acl) for one in (box, before) if one)
            for name in types:
                shared = name == "Mailbox" or (name in ("Email", "Thread", "EmailDelivery") and "r" in rights)
                if user == account or (shared and "l" in rights):
                    self.last[user, account, name] = self.mail[account].modseq


def _rights(user: int, acl: Any) -> str:
    return str(dict(acl).get(of_account(user), ""))


OF_KIND = {
    "new": ["Mailbox", "Email", "Thread", "EmailDelivery", "Quota"],
    "flags": ["Mailbox", "Email"],
    "gone": ["Mailbox", "Email", "Thread", "Quota"],
    "role": ["Mailbox"],
}


class Run:
    def __init__(self) -> None:
        self.mail, self.time = Mail(), Time()
        self.watcher = Watcher(self.mail, People(), self.time)
        self.truth = Truth(self.mail)
        self.readers: list[Reader] = []

    async def begin(self, wanted: list[tuple[int, frozenset[str] | None]]) -> None:
        for user in USERS:
            acl = tuple((of_account(one), "lr") for one in USERS if one != user)
            self.mail[user].share(1, acl)
            self.mail[user].make(3, acl)
        for user, types in wanted:
            self.readers.append(Reader(user, types))
            await self.readers[-1].come(self.watcher)

    async def step(self, step: tuple[Any, ...]) -> None:
        do: Callable[..., Any] = getattr(self, f"do_{step[0]}")
        done = do(*step[1:])
        if done is not None:
            await done

    def do_change(self, account: int, kind: Any, mailbox: int) -> None:
        if mailbox in self.mail[account].boxes:
            self.mail[account].change(kind, mailbox)
            self.truth.note(account, mailbox, OF_KIND[kind])

    def do_object(self, account: int, kind: str) -> None:
        self.mail[account].put_object(kind)
        if kind != "upload":
            self.truth.last[account, account, kind] = self.mail[account].modseq

    def do_share(self, account: int, mailbox: int, user: int, rights: str) -> None:
        if mailbox in self.mail[account].boxes and user != account:
            self.mail[account].share(mailbox, ((of_account(user), rights),) if rights else ())

    def do_make(self, account: int, mailbox: int, user: int, rights: str) -> None:
        if mailbox not in self.mail[account].boxes and user != account:
            self.mail[account].make(mailbox, ((of_account(user), rights),) if rights else ())
            self.truth.note(account, mailbox, ["Mailbox"])

    def do_remove(self, account: int, mailbox: int) -> None:
        before = self.mail[account].boxes.get(mailbox)
        if before is not None:
            self.mail[account].remove(mailbox)
            self.truth.note(account, mailbox, OF_KIND["gone"], before)

    def do_lose(self, account: int) -> None:
        self.mail[account].lose()

    def do_pass(self, seconds: float) -> None:
        self.time.pass_(seconds)

    def do_take(self, number: int) -> None:
        reader = self.readers[number % len(self.readers)]
        if reader.woken:
            reader.take(self.truth.sees)

    def do_again(self, number: int) -> Any:
        return self.readers[number % len(self.readers)].come(self.watcher)

    def do_look(self, account: int) -> Any:
        return self.watcher.look(account)

    async def rest(self) -> None:
        for user in USERS:
            await self.watcher.look(user)
        self.time.pass_(1.0)
        for reader in self.readers:
            if reader.woken:
                reader.take(self.truth.sees)
            assert reader.listener is not None
            assert reader.listener.take() is None, "who was not woken has nothing to take"

    def check(self) -> None:
        for reader in self.readers:
            for (user, account, name), modseq in self.truth.last.items():
                wanted = reader.types is None or name in reader.types
                if user == reader.user and wanted and self.truth.sees(user, account):
                    assert reader.known.get((f"A{account:x}", name), 0) >= modseq, (account, name)
            assert reader.listener is not None
            seen = {account for account in USERS if self.truth.sees(reader.user, account)}
            assert set(read_mark(reader.listener.mark)) == seen


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(ACCOUNT, TYPES), min_size=1, max_size=4), st.lists(STEP, max_size=40))
def test_at_rest_the_newest_is_known(
    wanted: list[tuple[int, frozenset[str] | None]], steps: list[tuple[Any, ...]]
) -> None:
    async def run() -> None:
        world = Run()
        await world.begin(wanted)
        for step in steps:
            await world.step(step)
        await world.rest()
        world.check()

    asyncio.run(run())
