"""What a decision is made from and what it is: the words that all parts of decide.py share. Pure.

The law: as decide.py has it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from actors.mailbox import events as ev
from actors.mailbox import names
from actors.mailbox.index import Array, Index
from actors.mailbox.state import Account, Mailbox
from actors.mailbox.types import Done, Open, Prepared, Quota, Ranges, Reply
from cluster.errors import NotFound, Refused

NO_QUOTA: Final = Quota()
Grants = list[tuple[str, bool]]  # identifiers that something of the account is shared with, or nothing any more
Cut = TypeVar("Cut", Sequence[ev.Row], Sequence[ev.MailboxRenamed], Ranges, Array, tuple[str, ...])


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision may know of the world."""

    now_ms: int
    quota: Quota = NO_QUOTA
    watched: Callable[[int], bool] = lambda _mailbox: False  # does a session claim its \Recent?
    thread_of: Callable[[bytes], int | None] = lambda _key: None  # the thread that a message id is of


@dataclass(slots=True)
class Decision:
    """What to commit. `events[i]` become the entry with the i-th next MODSEQ."""

    events: list[tuple[ev.Event, ...]] = field(default_factory=list)
    stored: list[tuple[int, Prepared]] = field(default_factory=list)  # (email, message) to write
    answers: list[ev.Answer] = field(
        default_factory=list
    )  # one an entry, stored with it if there is a key; of Add none
    copied: list[int] = field(default_factory=list)  # emails with one membership more
    dropped: list[Array] = field(default_factory=list)  # emails with one membership less
    cleared: list[int] = field(default_factory=list)  # mailboxes whose index pages go
    threads: dict[bytes, int] = field(default_factory=dict)  # message ids and the threads they are of now
    grants: Grants = field(default_factory=list)
    objects: list[tuple[str, str, bytes | None]] = field(default_factory=list)  # to write, or to remove
    idem: bytes = b""
    reply: Callable[[Account], Reply] = lambda account: Done(account.modseq)


def loaded(account: Account, mailbox: int) -> tuple[Mailbox, Index]:
    box = account.mailboxes.get(mailbox)
    if box is None:
        raise NotFound("The mailbox was deleted.")
    assert box.index is not None, "the shard loads what indexes_needed names"
    return box, box.index


def named(account: Account, name: str) -> Mailbox:
    box = account.named(loose(name))
    if box is None:
        raise NotFound("There is no mailbox of that name.")
    return box


def to_open(account: Account, command: Open) -> Mailbox | None:
    return account.mailboxes.get(command.mailbox) if command.mailbox else account.named(loose(command.name))


def loose(name: str) -> str:
    """A name to look up: as stored if it could be stored, else something that no mailbox has."""
    try:
        return names.normal(name)
    except Refused:
        return ""


def chunks(rows: Cut, size: int) -> Iterator[Cut]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
