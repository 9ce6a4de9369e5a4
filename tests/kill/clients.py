"""The load: clients that send until the server dies, and write every acknowledgement down.

The law: a client notes what it is about to do before the first byte leaves, and an acknowledgement only when it has
read it. None retries but `send_again`, which does what a relay does after a crash.
"""

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Final

from tests.kill.ledger import Box, Broken, Flags, Ledger, Sent
from tests.kill.messages import message, stuffed
from tests.kill.wire import Answer, Imap, Wire, connected, logged_in
from tests.running import DOMAIN, PASSWORD

LOGINS: Final = (f"alice@{DOMAIN}", f"bob@{DOMAIN}")
INBOX: Final = "INBOX"
APPENDED: Final = "Archive"
MAILBOXES: Final = (INBOX, APPENDED)
KEEP_MAX: Final = 400  # messages of a mailbox; above it more is expunged than comes in
_FLAGS: Final = ("\\Seen", "\\Answered", "\\Flagged", "$Kept", "Later")


@dataclass
class Load:
    """What the clients of a round share."""

    ports: dict[str, int]
    ledger: Ledger
    name: str  # of the round: the beginning of its tokens
    dice: random.Random
    ready: asyncio.Barrier  # all clients are logged in: now they begin together

    def tokens(self, client: str) -> Iterable[str]:
        """A new token each."""
        return (f"{self.name}.{client}.{number}" for number in count())


async def smtp(load: Load, client: str, *, lmtp: bool = False) -> None:
    """Messages to one or both accounts; SMTP answers once, LMTP once a recipient (RFC 2033 4.2)."""
    async with connected(load.ports["lmtp" if lmtp else "smtp"]) as wire:
        await _hello(wire, lmtp=lmtp)
        await load.ready.wait()
        for token in load.tokens(client):
            logins = load.dice.choice(((LOGINS[0],), (LOGINS[1],), LOGINS))
            sent = [load.ledger.sending(token, (login, INBOX), traced=True) for login in logins]
            await _transaction(wire, load, sent, lmtp=lmtp)


async def send_again(load: Load, unanswered: Sequence[Sent]) -> None:
    """What was neither acknowledged nor found, as a relay would: now it must be there once, and only once."""
    by_token: dict[str, list[Sent]] = {}
    for one in unanswered:
        by_token.setdefault(one.token, []).append(one)
    async with connected(load.ports["smtp"]) as wire:
        await _hello(wire, lmtp=False)
        await load.ready.wait()
        for token, sent in by_token.items():
            await _transaction(wire, load, [load.ledger.sending(token, one.place, traced=True) for one in sent])


async def append(load: Load, client: str, login: str) -> None:
    """APPEND with flags; the UID that is promised (RFC 4315 3) is noted."""
    async with logged_in(load.ports["imap"], login, PASSWORD) as imap:
        await load.ready.wait()
        for token in load.tokens(client):
            flags = frozenset(load.dice.sample(_FLAGS, load.dice.randint(0, 2)))
            sent = load.ledger.sending(token, (login, APPENDED), traced=False, flags=flags)
            answer = await imap.done(f"APPEND {APPENDED} ({' '.join(sorted(flags))})", message(token))
            load.ledger.acknowledge(sent, "APPEND", answer.number(rb"APPENDUID \d+ (\d+)"))


async def change(load: Load, box: Box) -> None:
    """STORE and EXPUNGE on what earlier rounds have brought."""
    login, mailbox = box.place
    async with logged_in(load.ports["imap"], login, PASSWORD) as imap:
        await imap.done(f"SELECT {mailbox}")
        await load.ready.wait()
        while box.known:
            uids = _some(load.dice, sorted(box.known))
            if len(box.known) > KEEP_MAX or load.dice.random() < 0.2:
                await _expunge(imap, box, uids)
                load.ledger.acknowledged["EXPUNGE"] += 1
            else:
                await _store(imap, box, uids, load.dice)
                load.ledger.acknowledged["STORE"] += 1


async def _hello(wire: Wire, *, lmtp: bool) -> None:
    await wire.reply()
    await wire.send(b"LHLO kill.test\r\n" if lmtp else b"EHLO kill.test\r\n")
    await wire.reply()


async def _transaction(wire: Wire, load: Load, sent: Sequence[Sent], *, lmtp: bool = False) -> None:
    """One message, pipelined as far as RFC 2920 allows: with BDAT all of it, with DATA up to the 354."""
    raw = message(sent[0].token)
    envelope = b"MAIL FROM:<load@kill.test>\r\n" + b"".join(b"RCPT TO:<%b>\r\n" % one.place[0].encode() for one in sent)
    if load.dice.random() < 0.5:
        await wire.send(envelope + b"BDAT %d LAST\r\n%b" % (len(raw), raw))
        await _expect(wire, 250, 1 + len(sent))
    else:
        await wire.send(envelope + b"DATA\r\n")
        await _expect(wire, 250, 1 + len(sent))
        await _expect(wire, 354)
        await wire.send(stuffed(raw))
    for one in sent if lmtp else sent[:1]:
        await _expect(wire, 250)
        for acknowledged in [one] if lmtp else sent:
            load.ledger.acknowledge(acknowledged, "LMTP" if lmtp else "SMTP")


async def _expect(wire: Wire, code: int, times: int = 1) -> None:
    for _ in range(times):
        found, line = await wire.reply()
        if found == 421:  # the server was asked to stop
            raise ConnectionResetError
        if found != code:
            raise Broken(f"expected {code}, got {line!r}")


def _some(dice: random.Random, uids: Sequence[int]) -> Sequence[int]:
    start = dice.randrange(len(uids))
    return uids[start : start + dice.choice((1, 1, 3, 20, 200))]


async def _store(imap: Imap, box: Box, uids: Sequence[int], dice: random.Random) -> None:
    sign = dice.choice(("+", "-", ""))
    flags = frozenset(dice.sample(_FLAGS, dice.randint(1, 3)))

    def after(before: Flags) -> Flags:
        return before | flags if sign == "+" else before - flags if sign == "-" else flags

    words = " ".join(sorted(flags))
    await _change_flags(imap, box, uids, f"{sign}FLAGS.SILENT ({words})", after)


async def _expunge(imap: Imap, box: Box, uids: Sequence[int]) -> None:
    await _change_flags(imap, box, uids, "+FLAGS.SILENT (\\Deleted)", lambda before: before | {"\\Deleted"})
    for uid in uids:
        box.known[uid].may_be_gone = True
    await imap.done(f"UID EXPUNGE {_set_of(uids)}")
    box.expunged(uids)


async def _change_flags(
    imap: Imap, box: Box, uids: Sequence[int], change: str, after: Callable[[Flags], Flags]
) -> Answer:
    """Until the answer is here both the flags before and after may be found, then only those after."""
    known = [box.known[uid] for uid in uids]
    changed = [{after(flags) for flags in one.may_be} for one in known]
    for one, new in zip(known, changed, strict=True):
        one.may_be |= new
    answer = await imap.done(f"UID STORE {_set_of(uids)} {change}")
    for one, new in zip(known, changed, strict=True):
        one.may_be = new
    return answer


def _set_of(uids: Sequence[int]) -> str:
    return ",".join(map(str, uids))
