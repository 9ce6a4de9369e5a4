"""Email: what is read of them (RFC 8621 4.2, 4.3).

The law: what never changes is rendered once and kept; where an email is and its keywords are put to it each time. An
answer is bounded: what is too large is to be asked for in pieces.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import orjson

from actors.mailbox.client import Message
from actors.mailbox.sight import Seen
from actors.mailbox.types import DELETED, KEYWORD_SHIFT
from cluster.errors import NotFound
from gateway.access.parts import Pace
from gateway.jmap import blobs
from gateway.jmap.positions import Position, state
from gateway.jmap.standard import Answer, changed, got
from gateway.jmap.turn import Reached, Turn
from mail.jmap.dates import utc
from mail.jmap.email.errors import InvalidArguments
from mail.jmap.email.view import Need, View, render, splice, view
from mail.jmap.errors import MethodError, invalid_arguments
from mail.jmap.methods import special, standard
from mail.jmap.objects.names import unasked

_READ_AT_ONCE: Final = 64
SYSTEM: Final = ("$seen", "$answered", "$flagged", "", "$draft")  # by the bits of types.py; \Deleted is none


async def get(turn: Turn, asked: special.EmailGet) -> Answer:
    """RFC 8621 4.2."""
    reached = await turn.reach(asked.account_id)
    properties = tuple(asked.properties) if asked.properties is not None else unasked("Email", turn.using)
    shown = view_of(asked, properties if "id" in properties else ("id", *properties))
    sight = await turn.sight(reached)
    wanted = turn.wanted(asked)
    if wanted is None:
        numbers: Iterable[int] = sight.table().rows.emails.tolist()
        if len(sight.table().rows.emails) > turn.limits.objects_get_max:
            raise MethodError("requestTooLarge", "There are too many emails; name those that are wanted.")
    else:
        numbers = [number for name in wanted if (number := reached.email_of(name)) is not None]
    seen = sight.find(numbers)
    position, words = state(Position(sight.account.stamp("Email"))), tuple(sight.account.keywords)
    found = await rendered(turn, reached, [seen[number] for number in numbers if number in seen], shown, words)
    return got(asked.account_id, position, found, wanted)


async def changes(turn: Turn, asked: standard.Changes) -> Answer:
    """RFC 8621 4.3."""
    reached = await turn.reach(asked.account_id)
    answer, _ = await changed(turn, reached, asked, "Email", lambda told: told.emails(), reached.email_id)
    return answer


def view_of(asked: special.EmailGet, properties: tuple[str, ...]) -> View:
    """What is to be shown. Raises MethodError."""
    try:
        return view(
            properties,
            tuple(asked.body_properties),
            fetch_text=asked.fetch_text_body_values,
            fetch_html=asked.fetch_html_body_values,
            fetch_all=asked.fetch_all_body_values,
            value_bytes_max=asked.max_body_value_bytes,
        )
    except InvalidArguments as error:
        raise invalid_arguments(error.description, error.argument) from None


async def rendered(
    turn: Turn, reached: Reached, emails: Sequence[Seen], shown: View, words: tuple[str, ...]
) -> dict[str, orjson.Fragment]:
    """Emails as JSON, by id; those that are gone meanwhile are left out."""
    found: dict[str, orjson.Fragment] = {}
    fragments, pace = turn.services.fragments, Pace(turn.services.clock)
    missing: dict[int, bytes] = {}
    held = {one.email: fragments.get((reached.number, one.email, shown)) for one in emails}
    lacking = [email for email, fragment in held.items() if fragment is None] if shown.shown else []
    turn.answers(sum(len(fragment or b"") for fragment in held.values()))
    for start in range(0, len(lacking), _READ_AT_ONCE):
        part = lacking[start : start + _READ_AT_ONCE]
        messages = await turn.services.mail.messages(reached.number, part)
        for email, message in zip(part, messages, strict=True):
            if message is None:
                continue
            await pace.breathe()
            fragment = await _fragment(turn, reached, email, message, shown)
            if fragment is None:
                continue
            missing[email] = fragment
            fragments.put((reached.number, email, shown), fragment)
            turn.answers(len(fragment))
    told = _Told(reached, shown.metadata, words)
    for one in emails:
        fragment = (held[one.email] or missing.get(one.email)) if shown.shown else b""
        if fragment is not None:
            found[reached.email_id(one.email)] = orjson.Fragment(splice(fragment, told.of(one)))
    return found


async def _fragment(turn: Turn, reached: Reached, email: int, message: Message, shown: View) -> bytes | None:
    record = message.record
    raw: bytes | None = None
    needs = shown.needs_of(record)
    if needs is Need.MESSAGE or (needs is Need.HEADER and record.head is None):
        try:
            raw = await turn.services.mail.content(message)
        except NotFound:  # swept meanwhile
            return None
    return render(shown, record, raw, partial(blobs.part_of, blobs.message_id(reached, email)))


class _Told:
    """What may change of an email, or is not in its message."""

    def __init__(self, reached: Reached, names: tuple[str, ...], words: tuple[str, ...]) -> None:
        self._reached = reached
        self._words = words
        self._keywords: dict[int, dict[str, bool]] = {}
        self._boxes: dict[tuple[int, ...], dict[str, bool]] = {}
        known: dict[str, Callable[[Seen], Any]] = {  # METADATA of mail.jmap.email.names
            "id": lambda one: reached.email_id(one.email),
            "blobId": lambda one: blobs.message_id(reached, one.email),
            "threadId": lambda one: reached.thread_id(one.thread),
            "mailboxIds": self._mailbox_ids,
            "keywords": lambda one: self.keywords(one.flags),
            "receivedAt": lambda one: utc(one.date_ms // 1000),
        }
        self._readers = [(name, known[name]) for name in names]

    def of(self, one: Seen) -> Mapping[str, Any]:
        """Those of its properties that are asked for."""
        return {name: read(one) for name, read in self._readers}

    def _mailbox_ids(self, one: Seen) -> dict[str, bool]:
        held = self._boxes.get(one.mailboxes)
        if held is None:
            held = {self._reached.mailbox_id(number): True for number in one.mailboxes}
            self._boxes[one.mailboxes] = held
        return held

    def keywords(self, flags: int) -> dict[str, bool]:
        """RFC 8621 4.1.1."""
        held = self._keywords.get(flags)
        if held is None:
            held = self._keywords[flags] = dict.fromkeys(keywords_of(flags, self._words), True)
        return held


def keywords_of(flags: int, words: Sequence[str]) -> list[str]:
    """The keywords of a flags word, as JMAP has them."""
    flags &= ~DELETED
    found = [name for bit, name in enumerate(SYSTEM) if flags >> bit & 1]
    return found + [word.lower() for bit, word in enumerate(words) if flags >> (bit + KEYWORD_SHIFT) & 1]
