"""A mailbox as people have them, of so many messages: conversations, senders, dates; and what searches must find there.

The law: everything follows from a message's number and how many there are, so both servers get the same bytes, and
what SORT, THREAD and SEARCH must answer is known without asking either.
"""

import datetime as dt
import random
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

from ops.bench import texts

SENDERS: Final = 500
IN_A_THREAD: Final = 5
ANSWERS: Final = (-1, 0, 0, 1, 3)  # of the messages of a thread, which each answers: a tree, not only a chain
START: Final = dt.datetime(2023, 1, 1, tzinfo=dt.UTC)
YEARS_S: Final = 3 * 365 * 86_400
ANSWERED_WITHIN_S: Final = 2 * 86_400
# All the same: Dovecot's THREAD REFS goes by when the newest was sent, ours, as the draft has it, by when it arrived.
ARRIVED_AFTER_S: Final = 20
BODY_BYTES: Final = (300, 2000)
SUBJECT_WORDS: Final = (2, 6)
ZONES_H: Final = (-8, -5, 0, 1, 2, 9)


class Letter(NamedTuple):
    """What is in the header of one message, of which numbers begin with 1 as in IMAP. Times are seconds since 1970."""

    number: int
    thread: int
    place: int  # in its thread
    sender: int
    subject: str  # without Re:
    sent_s: int
    arrived_s: int


class Mailbox:
    """So many letters; of the threads all have the same number of messages, so `count` is a multiple of IN_A_THREAD."""

    def __init__(self, count: int) -> None:
        assert count % IN_A_THREAD == 0
        self.count = count
        self._threads = count // IN_A_THREAD

    def letter(self, number: int) -> Letter:
        """One by its number. A thread's messages are spread over the mailbox."""
        place, thread = divmod(number - 1, self._threads)
        started = random.Random(f"thread {thread}")  # noqa: S311 - not for secrets
        sent_s = int(START.timestamp()) + started.randrange(YEARS_S)
        words = started.sample(_words(), started.randint(*SUBJECT_WORDS))
        for _ in range(place):
            sent_s += started.randint(1, ANSWERED_WITHIN_S)
        dice = random.Random(number)  # noqa: S311 - not for secrets
        subject = f"{' '.join(words)} {thread}"
        return Letter(number, thread, place, dice.randrange(SENDERS), subject, sent_s, sent_s + ARRIVED_AFTER_S)

    def raw(self, letter: Letter) -> bytes:
        """The whole message; one in NEEDLE_EVERY has the needle in its text."""
        dice = random.Random(f"text {letter.number}")  # noqa: S311 - not for secrets
        zone = dt.timezone(dt.timedelta(hours=dice.choice(ZONES_H)))
        date = dt.datetime.fromtimestamp(letter.sent_s, zone).strftime("%a, %d %b %Y %H:%M:%S %z")
        top = (
            f"From: {sender_name(letter.sender)} <{sender(letter.sender)}>\r\nTo: <user0@peer.test>\r\n"
            f"Subject: {'Re: ' * (letter.place > 0)}{letter.subject}\r\nDate: {date}\r\n"
            f"Message-ID: {message_id(letter.thread, letter.place)}\r\n"
        )
        if ancestors := [message_id(letter.thread, place) for place in _ancestors(letter.place)]:
            top += f"In-Reply-To: {ancestors[-1]}\r\nReferences: {' '.join(ancestors)}\r\n"
        needle = f"{texts.NEEDLE}\r\n" if has_needle(letter.number) else ""
        return f"{top}\r\n{needle}".encode() + _prose().text(dice, dice.randint(*BODY_BYTES))

    def letters(self) -> Iterator[Letter]:
        """All, in the order of their numbers."""
        return map(self.letter, range(1, self.count + 1))

    def mbox(self, first: int, last: int) -> bytes:
        """Those from first to last as an mbox file (RFC 4155), with when they arrived."""
        parts = []
        for letter in map(self.letter, range(first, last + 1)):
            arrived = dt.datetime.fromtimestamp(letter.arrived_s, dt.UTC).strftime("%a %b %e %H:%M:%S %Y")
            parts.append(b"From - %b\n%b\n" % (arrived.encode(), self.raw(letter).replace(b"\r\n", b"\n")))
        return b"".join(parts)

    def threads(self, *, newest_last: bool = False) -> str:
        """What THREAD REFERENCES answers (RFC 5256 3): by when they began; or REFS: by their newest message."""
        order = [self.letter(thread + 1).sent_s for thread in range(self._threads)]
        if newest_last:
            last = (IN_A_THREAD - 1) * self._threads + 1
            order = [self.letter(last + thread).sent_s for thread in range(self._threads)]
        return "".join(self._nested(thread) for thread in sorted(range(self._threads), key=lambda at: order[at]))

    def _nested(self, thread: int) -> str:
        return f"({self._below(thread, 0)})"

    def _below(self, thread: int, place: int) -> str:
        number = str(place * self._threads + thread + 1)
        answers = [at for at, to in enumerate(ANSWERS) if to == place]  # which are sent in the order of their places
        if len(answers) > 1:
            return f"{number} " + "".join(f"({self._below(thread, at)})" for at in answers)
        return " ".join([number, *(self._below(thread, at) for at in answers)])


def has_needle(number: int) -> bool:
    """Whether the needle is in this message."""
    return number % texts.NEEDLE_EVERY == 0


def sender(number: int) -> str:
    """An address; what stands before @ is what SORT (FROM) looks at."""
    return f"person{number:03d}@example{number % 7}.test"


def sender_name(number: int) -> str:
    """A name that no other has."""
    dice = random.Random(f"sender {number}")  # noqa: S311 - not for secrets
    return " ".join(word.capitalize() for word in dice.sample(_words(), 2)) + f" {number}"


def message_id(thread: int, place: int) -> str:
    """As programs make them."""
    return f"<{thread}.{place}@mail.example{thread % 7}.test>"


@cache
def _words() -> list[str]:
    return sorted(texts.words())


@cache
def _prose() -> texts.Pool:
    return texts.prose()


def _ancestors(place: int) -> list[int]:
    found: list[int] = []
    while (place := ANSWERS[place]) >= 0:
        found.insert(0, place)
    return found
