"""The load: clients that send until the server dies or the round is over, and write every acknowledgement down.

The law: a client notes what it is about to do before the first byte leaves, and an acknowledgement only when it has
read it. None retries but `send_again`, which does what a relay does after a crash.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from tests.load.ledger import Box, Broken, Flags, Known, Later, Ledger, Sent
from tests.load.messages import message, stuffed
from tests.load.wire import Address, Answer, Imap, Wire, connected, logged_in
from tests.running import DOMAIN, PASSWORD

LOGINS: Final = (f"alice@{DOMAIN}", f"bob@{DOMAIN}")
INBOX: Final = "INBOX"
APPENDED: Final = "Archive"
COPIED: Final = "Trash"  # where COPY and MOVE from INBOX go to
MAILBOXES: Final = (INBOX, APPENDED, COPIED)  # INBOX first: what is moved is looked for where it was, then where it is
KEEP_MAX: Final = 400  # messages of a mailbox; above it more is expunged than comes in
_FLAGS: Final = ("\\Seen", "\\Answered", "\\Flagged", "$Kept", "Later")


@dataclass
class Load:
    """What the clients of a round share. `door` gives an address for smtp, lmtp or imap: any gateway's."""

    door: Callable[[str], Address]
    ledger: Ledger
    name: str  # of the round: the beginning of its tokens
    dice: random.Random
    ready: asyncio.Barrier | None = None  # where all are to begin together, once they are logged in
    think_s: float = 0.0  # between two commands of a client
    keep_max: int = KEEP_MAX
    is_resting: bool = False  # nothing is changed any more
    is_over: bool = False  # nor watched
    _numbers: dict[str, "count[int]"] = field(default_factory=dict)

    async def tokens(self, client: str) -> AsyncIterator[str]:
        """A new token each, until the round is over."""
        await self.begin()
        while await self.goes_on():
            yield f"{self.name}.{client}.{next(self.numbers(client))}"

    def numbers(self, client: str) -> "count[int]":
        """From 0 on, in this round."""
        return self._numbers.setdefault(client, count())

    async def begin(self) -> None:
        """Wait for the others."""
        if self.ready is not None:
            await self.ready.wait()

    async def goes_on(self) -> bool:
        """Whether to do one thing more, now."""
        if self.think_s:
            await asyncio.sleep(self.think_s * self.dice.uniform(0.5, 1.5))
        return not self.is_resting

    def mailboxes_of(self, login: str) -> AbstractAsyncContextManager[Imap]:
        """An IMAP session."""
        return logged_in(self.door("imap"), login, PASSWORD)


async def smtp(load: Load, client: str, logins: Sequence[str] = LOGINS, *, lmtp: bool = False) -> None:
    """Messages to one of the accounts or all; SMTP answers once, LMTP once a recipient (RFC 2033 4.2)."""
    async with connected(load.door("lmtp" if lmtp else "smtp")) as wire:
        await _hello(wire, lmtp=lmtp)
        async for token in load.tokens(client):
            chosen = load.dice.choice([*((login,) for login in logins), tuple(logins)])
            sent = [load.ledger.sending(token, (login, INBOX), traced=True) for login in chosen]
            await _transaction(wire, load, sent, lmtp=lmtp)


async def send_again(load: Load, unanswered: list[Sent]) -> None:
    """What was neither acknowledged nor found, as a relay would: now it must be there once, and only once.

    What is tried leaves the list, whatever the answer: a client that is cut off and comes back goes on after it, and
    sends nothing a third time before it has looked.
    """
    async with connected(load.door("smtp")) as wire:
        await _hello(wire, lmtp=False)
        await load.begin()
        while unanswered:
            token = unanswered[0].token
            now = [one for one in unanswered if one.token == token]
            unanswered[:] = [one for one in unanswered if one.token != token]
            await _transaction(wire, load, [load.ledger.sending(token, one.place, traced=True) for one in now])


async def append(load: Load, client: str, login: str) -> None:
    """APPEND of one or more messages with flags; the UIDs that are promised (RFC 4315 3) are noted."""
    async with load.mailboxes_of(login) as imap:
        async for token in load.tokens(client):
            flags = frozenset(load.dice.sample(_FLAGS, load.dice.randint(0, 2)))
            tokens = [token, *(f"{token}.{part}" for part in range(load.dice.choice((0, 0, 0, 1, 3))))]
            sent = load.ledger.appending(tokens, (login, APPENDED), flags)
            words = f"({' '.join(sorted(flags))})"
            parts = [part for each in tokens for part in (words, message(each))]
            with load.ledger.trying("APPEND", sent):
                answer = await imap.done(f"APPEND {APPENDED}", *parts)
            for one, uid in zip(sent, answer.appended(len(sent)), strict=True):
                load.ledger.acknowledge(one, "APPEND" if len(sent) == 1 else "MULTIAPPEND", uid)


async def change(load: Load, box: Box) -> None:
    """STORE, EXPUNGE, COPY, MOVE and REPLACE on what earlier rounds have brought."""
    login, mailbox = box.place
    async with load.mailboxes_of(login) as imap:
        await imap.done(f"SELECT {mailbox}")
        await load.begin()
        while await load.goes_on():
            sure = sorted(uid for uid, known in box.known.items() if not known.may_be_gone)
            if not sure:
                if not load.think_s:
                    return
                continue
            uids = _some(load.dice, sure)
            choice = load.dice.random()
            if len(box.known) > load.keep_max or choice < 0.2:
                await _expunge(load, imap, box, uids)
            elif mailbox == INBOX and choice < 0.4:
                await _copy(load, imap, box, uids[:20], move=choice < 0.3)
            elif mailbox == APPENDED and choice < 0.4:
                await _replace(load, imap, box, uids[0])
            else:
                await _store(load, imap, box, uids)


async def _hello(wire: Wire, *, lmtp: bool) -> None:
    await _expect(wire, 220)
    await wire.send(b"LHLO kill.test\r\n" if lmtp else b"EHLO kill.test\r\n")
    await _expect(wire, 250)


async def _transaction(wire: Wire, load: Load, sent: Sequence[Sent], *, lmtp: bool = False) -> None:
    """One message, pipelined as far as RFC 2920 allows: with BDAT all of it, with DATA up to the 354."""
    raw, command = message(sent[0].token), "LMTP" if lmtp else "SMTP"
    envelope = b"MAIL FROM:<load@kill.test>\r\n" + b"".join(b"RCPT TO:<%b>\r\n" % one.place[0].encode() for one in sent)
    with load.ledger.trying(command, sent):
        if load.dice.random() < 0.5:
            await wire.send(envelope + b"BDAT %d LAST\r\n%b" % (len(raw), raw))
            await _expect(wire, 250, 1 + len(sent))
        else:
            await wire.send(envelope + b"DATA\r\n")
            await _expect(wire, 250, 1 + len(sent))
            await _expect(wire, 354)
            await wire.send(stuffed(raw))
        later: Later | None = None
        for one in sent if lmtp else sent[:1]:
            try:
                await _expect(wire, 250)
            except Later as told:  # for this recipient; the next has its own answer
                later = told
                continue
            for acknowledged in [one] if lmtp else sent:
                load.ledger.acknowledge(acknowledged, command)
        if later is not None:
            raise later


async def _expect(wire: Wire, code: int, times: int = 1) -> None:
    for _ in range(times):
        found, line = await wire.reply()
        if found == 421:  # the server was asked to stop
            raise ConnectionResetError
        if 400 <= found < 500:
            raise Later(line.decode(errors="replace").strip())
        if found != code:
            raise Broken(f"expected {code}, got {line!r}")


def _some(dice: random.Random, uids: Sequence[int]) -> Sequence[int]:
    start = dice.randrange(len(uids))
    return uids[start : start + dice.choice((1, 1, 3, 20, 200))]


async def _store(load: Load, imap: Imap, box: Box, uids: Sequence[int]) -> None:
    sign = load.dice.choice(("+", "-", ""))
    flags = frozenset(load.dice.sample(_FLAGS, load.dice.randint(1, 3)))

    def after(before: Flags) -> Flags:
        return before | flags if sign == "+" else before - flags if sign == "-" else flags

    words = " ".join(sorted(flags))
    with load.ledger.trying("STORE"):
        await _change_flags(imap, box, uids, f"{sign}FLAGS.SILENT ({words})", after)
    load.ledger.said("STORE", box.place[0])


async def _expunge(load: Load, imap: Imap, box: Box, uids: Sequence[int]) -> None:
    with load.ledger.trying("EXPUNGE"):
        await _change_flags(imap, box, uids, "+FLAGS.SILENT (\\Deleted)", lambda before: before | {"\\Deleted"})
        for uid in uids:
            box.known[uid].may_be_gone = True
        await imap.done(f"UID EXPUNGE {_set_of(uids)}")
    box.expunged(uids)
    load.ledger.said("EXPUNGE", box.place[0])


async def _copy(load: Load, imap: Imap, box: Box, uids: Sequence[int], *, move: bool) -> None:
    """Each message at most once, so that it can be told apart from one that was doubled."""
    place = (box.place[0], COPIED)
    chosen = [uid for uid in uids if load.ledger.may_copy(box.known[uid], place)]
    if not chosen:
        return
    command = "MOVE" if move else "COPY"
    sent = [load.ledger.copying(box, uid, place, move=move) for uid in chosen]
    with load.ledger.trying(command, sent):
        answer = await imap.done(f"UID {command} {_set_of(chosen)} {COPIED}")
    if move:
        box.expunged(chosen)
    for one, uid in zip(sent, answer.copied(chosen), strict=True):
        load.ledger.acknowledge(one, command, uid)


async def _replace(load: Load, imap: Imap, box: Box, uid: int) -> None:
    """Another message instead of one, in the same mailbox."""
    flags = frozenset(load.dice.sample(_FLAGS, load.dice.randint(0, 2)))
    token = f"{load.name}.r{box.place[0][0]}.{next(load.numbers('replace'))}"
    sent = load.ledger.replacing(token, box, uid, flags)
    words = f"({' '.join(sorted(flags))})"
    with load.ledger.trying("REPLACE", [sent]):
        answer = await imap.done(f"UID REPLACE {uid} {box.place[1]} {words}", message(token))
    box.expunged([uid])
    load.ledger.acknowledge(sent, "REPLACE", answer.appended(1)[0])


async def _change_flags(
    imap: Imap, box: Box, uids: Sequence[int], change: str, after: Callable[[Flags], Flags]
) -> Answer:
    """Until the answer is here both the flags before and after may be found, then only those after."""
    known: list[Known] = [box.known[uid] for uid in uids]
    changed = [{after(flags) for flags in one.may_be} for one in known]
    for one, new in zip(known, changed, strict=True):
        one.may_be |= new
    answer = await imap.done(f"UID STORE {_set_of(uids)} {change}")
    for one, new in zip(known, changed, strict=True):
        one.may_be = new
    return answer


def _set_of(uids: Sequence[int]) -> str:
    return ",".join(map(str, uids))
