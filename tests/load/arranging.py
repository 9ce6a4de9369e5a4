"""Annotations, rights and names: each is as it was or as it was asked to be, and what was acknowledged stays.

The law: as of flags in the ledger. Until an answer is here both may be found; once seen, one of them must stay so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.load.clients import INBOX, Load
from tests.load.ledger import Broken
from tests.load.wire import Address, Imap, logged_in
from tests.running import PASSWORD

NAMES: Final = ("wander/here", "wander/there", "elsewhere", "wander/far/away")  # of one mailbox, which has one of them
ENTRIES: Final = ("/private/comment", "/shared/comment", "/private/vendor/kill/x")
IDENTIFIERS: Final = ("anyone", "-anyone")
RIGHTS: Final = ("lr", "lrs", "lrswi", "lrswipkxtea", '""')
_VALUE: Final = re.compile(rb'METADATA \S+ \((/\S+) (?:NIL|"([^"]*)")\)')
_LISTED: Final = re.compile(rb'\* LIST \(([^)]*)\) "/" (\S+)\r\n')
_CODE: Final = re.compile(rb"STATUS \S+ \(MESSAGES (\d+) UIDVALIDITY (\d+) MAILBOXID \((\S+)\)\)")

Key = tuple[str, str, str]  # login, what, of what


@dataclass
class Arranged:
    """What each of these may be now, by its key."""

    may_be: dict[Key, set[str]] = field(default_factory=dict)
    identity: dict[str, tuple[bytes, ...]] = field(default_factory=dict)  # of each login's wandering mailbox

    def values(self, key: Key, first: str) -> set[str]:
        """What it may be; in the beginning it is `first`."""
        return self.may_be.setdefault(key, {first})

    def seen(self, key: Key, value: str, first: str) -> None:
        """It is this. Raises Broken."""
        may_be = self.values(key, first)
        if value not in may_be:
            raise Broken(f"{key} is {value!r}, but may be {sorted(may_be)}")
        self.may_be[key] = {value}


async def arrange(load: Load, arranged: Arranged, login: str) -> None:
    """SETMETADATA, SETACL and RENAME, one after the other; one client an account."""
    async with load.mailboxes_of(login) as imap:
        await _begin(imap, arranged, login)
        async for token in load.tokens(f"w{login[0]}"):
            choice = load.dice.random()
            if choice < 0.4:
                entry = load.dice.choice(ENTRIES)
                await _set(load, imap, arranged, (login, "SETMETADATA", entry), token, f'{INBOX} ({entry} "{token}")')
            elif choice < 0.8:
                who, rights = load.dice.choice(IDENTIFIERS), load.dice.choice(RIGHTS)
                await _set(load, imap, arranged, (login, "SETACL", who), rights.strip('"'), f"{INBOX} {who} {rights}")
            else:
                await _rename(load, imap, arranged, login)


async def _set(load: Load, imap: Imap, arranged: Arranged, key: Key, value: str, arguments: str) -> None:
    may_be = arranged.values(key, "")
    may_be.add(value)
    with load.ledger.trying(key[1]):
        await imap.done(f"{key[1]} {arguments}")
    arranged.may_be[key] = {value}
    load.ledger.said(key[1], key[0])


async def _rename(load: Load, imap: Imap, arranged: Arranged, login: str) -> None:
    key = (login, "RENAME", "")
    may_be = arranged.values(key, NAMES[0])
    if len(may_be) > 1:  # where it is was not told: `verify` finds out
        return
    (before,) = may_be
    after = load.dice.choice([name for name in NAMES if name != before])
    may_be.add(after)
    with load.ledger.trying("RENAME"):
        await imap.done(f"RENAME {before} {after}")
    arranged.may_be[key] = {after}
    load.ledger.said(key[1], key[0])


async def _begin(imap: Imap, arranged: Arranged, login: str) -> None:
    """The mailbox that wanders is made once, with a message in it."""
    if login not in arranged.identity:
        await imap.run(f"CREATE {NAMES[0]}")  # it may be there, if the server died before it said so
        await imap.done(f"APPEND {NAMES[0]}", b"Subject: wanderer\r\n\r\ntext\r\n")
        arranged.identity[login] = await _identity(imap, NAMES[0])


async def _identity(imap: Imap, name: str) -> tuple[bytes, ...]:
    """What a RENAME must not change."""
    answer = await imap.done(f"STATUS {name} (MESSAGES UIDVALIDITY MAILBOXID)")
    found = _CODE.search(b"".join(line for line, _literals in answer.untagged))
    if found is None:
        raise Broken(f"no STATUS of {name}: {answer}")
    return found.groups()


async def verify_arranged(address: Address, arranged: Arranged, logins: Sequence[str]) -> None:
    """Everything that was arranged, after a restart. Raises Broken."""
    for login in logins:
        async with logged_in(address, login, PASSWORD) as imap:
            await _verify_annotations(imap, arranged, login)
            await _verify_rights(imap, arranged, login)
            await _verify_names(imap, arranged, login)


async def _verify_annotations(imap: Imap, arranged: Arranged, login: str) -> None:
    for entry in ENTRIES:
        answer = await imap.done(f"GETMETADATA {INBOX} {entry}")
        found = _VALUE.search(b"".join(line for line, _literals in answer.untagged))
        value = found[2].decode() if found is not None and found[2] is not None else ""
        arranged.seen((login, "SETMETADATA", entry), value, "")


async def _verify_rights(imap: Imap, arranged: Arranged, login: str) -> None:
    answer = await imap.done(f"GETACL {INBOX}")
    words = b"".join(line for line, _literals in answer.untagged).decode().split()[3:]
    rights = {who: _letters(text) for who, text in zip(words[::2], words[1::2], strict=True)}
    for who in IDENTIFIERS:
        key = (login, "SETACL", who)
        arranged.may_be[key] = {_letters(value) for value in arranged.values(key, "")}
        arranged.seen(key, rights.get(who, ""), "")


def _letters(text: str) -> str:
    """Rights in one order, without those that only stand for others (RFC 4314 2.1.1)."""
    return "".join(sorted(set(text) - set('"cd')))


async def _verify_names(imap: Imap, arranged: Arranged, login: str) -> None:
    if login not in arranged.identity:
        return
    answer = await imap.done('LIST "" *')
    lines = b"".join(line for line, _literals in answer.untagged)
    there = [name.decode() for flags, name in _LISTED.findall(lines) if b"\\N" not in flags and name.decode() in NAMES]
    if len(there) != 1:
        raise Broken(f"the mailbox of {login} that wanders is at {there}")
    arranged.seen((login, "RENAME", ""), there[0], NAMES[0])
    if (identity := await _identity(imap, there[0])) != arranged.identity[login]:
        raise Broken(f"a mailbox that was renamed was {arranged.identity[login]} and is {identity}")
