"""Email/set, /copy, /import and /parse (RFC 8621 4.6 to 4.9).

The law: an email is there, in all of its mailboxes, or it is not; what is answered is durable. Emails that are made in
one call are committed together where they can be: they are asked for side by side.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
import orjson

from actors.mailbox.sight import Sight
from actors.mailbox.types import ANSWERED, DRAFT, FLAGGED, KEYWORDS_MAX, SEEN, EmailEdit, Fault, Item
from cluster.errors import NotFound, Trouble, Unavailable
from gateway.access.parts import Pace
from gateway.jmap import blobs, emails
from gateway.jmap.positions import Position, check_state, state
from gateway.jmap.setting import Outcome, each, set_error
from gateway.jmap.standard import Answer
from gateway.jmap.turn import Reached, Turn
from mail.jmap.convert import Moment, convert
from mail.jmap.dates import utc
from mail.jmap.email.create import plan_of, write
from mail.jmap.email.errors import Refused
from mail.jmap.email.imported import is_email, parsed_metadata, received_at
from mail.jmap.email.names import BODIES, PART
from mail.jmap.email.view import render, splice
from mail.jmap.errors import SetError, invalid_properties
from mail.jmap.ids import Ids
from mail.jmap.methods import special, standard
from mail.jmap.objects import email as objects
from mail.jmap.objects.kinds import added, same
from mail.jmap.objects.names import PARSED
from mail.message.record import read_message

SIDE_BY_SIDE: Final = 16  # messages that are made ready at once
_MESSAGE_ID_BYTES: Final = 16
_BODY: Final = frozenset({*BODIES, "bodyStructure", "bodyValues"})
_BITS: Final[Mapping[str, int]] = {"$seen": SEEN, "$answered": ANSWERED, "$flagged": FLAGGED, "$draft": DRAFT}
_FAULTS: Final[Mapping[Fault, Callable[[], SetError]]] = {
    "missing": lambda: SetError("notFound"),
    "unplaced": lambda: invalid_properties(["mailboxIds"], "There is no such mailbox, or none is left."),
    "forbidden": lambda: SetError("forbidden", "The mailbox's owner has not given you the right to do that."),
    "quota": lambda: SetError("overQuota"),
    "keywords": lambda: SetError("tooManyKeywords"),
}


async def set_(turn: Turn, asked: standard.Set) -> Answer:
    """RFC 8621 4.6."""
    reached = await turn.reach(asked.account_id)
    old = await _state(turn, reached, asked.if_in_state)
    outcome = await _together(turn, asked.create or {}, partial(_create, turn, reached))
    try:
        await _edit(turn, reached, asked, outcome)
    except Unavailable as trouble:
        if not outcome.created:
            raise
        outcome.not_updated = dict.fromkeys(asked.update or (), _away(trouble)) | outcome.not_updated
        outcome.not_destroyed = dict.fromkeys(asked.destroy or (), _away(trouble)) | outcome.not_destroyed
    new = await _now(turn, reached, old)
    return outcome.answer(asked.account_id, state(Position(old)), state(Position(new)), turn.created.find)


async def import_(turn: Turn, asked: special.EmailImport) -> Answer:
    """RFC 8621 4.8."""
    reached = await turn.reach(asked.account_id)
    old = await _state(turn, reached, asked.if_in_state)
    outcome = await _together(turn, asked.emails, partial(_import, turn, reached))
    new = await _now(turn, reached, old)
    return {
        "accountId": asked.account_id,
        "oldState": state(Position(old)),
        "newState": state(Position(new)),
        "created": outcome.created or None,
        "notCreated": outcome.not_created or None,
    }


async def copy(turn: Turn, asked: standard.Copy) -> Answer:
    """RFC 8621 4.7."""
    reached = await turn.reach(asked.account_id)
    source = await turn.reach(asked.from_account_id, "fromAccountNotFound")
    await _state(turn, source, asked.if_from_in_state)
    old = await _state(turn, reached, asked.if_in_state)
    outcome = await _together(turn, asked.create, partial(_copy, turn, reached, source))
    if asked.on_success_destroy_original and outcome.created:  # RFC 8620 5.4: as if it was called
        again = standard.Set(
            account_id=asked.from_account_id,
            if_in_state=asked.destroy_from_if_in_state,
            destroy=Ids(asked.create[name]["id"] for name in outcome.created),
        )
        await turn.implied("Email/set", lambda: set_(turn, again))
    new = await _now(turn, reached, old)
    return {
        "fromAccountId": asked.from_account_id,
        "accountId": asked.account_id,
        "oldState": state(Position(old)),
        "newState": state(Position(new)),
        "created": outcome.created or None,
        "notCreated": outcome.not_created or None,
    }


async def parse(turn: Turn, asked: special.EmailParse) -> Answer:
    """RFC 8621 4.9."""
    reached = await turn.reach(asked.account_id)
    shown = emails.view_of(asked, tuple(asked.properties) if asked.properties is not None else PARSED)
    parsed: dict[str, Any] = {}
    not_parsable, not_found = [], []
    pace = Pace(turn.services.clock)
    for name in dict.fromkeys(asked.ids):
        await pace.breathe()
        blob = turn.created.find(name)
        raw = await blobs.read(turn, reached, blob) if blob is not None else None
        if raw is None or blob is None:
            not_found.append(name)
            continue
        record = read_message(raw)
        if not is_email(raw, record):
            not_parsable.append(name)
            continue
        told = parsed_metadata(shown.metadata, blob)
        parts = partial(blobs.part_of, blob)
        fragment = splice(render(shown, record, raw, parts), told)
        turn.answers(len(fragment))
        parsed[name] = orjson.Fragment(fragment)
    return {
        "accountId": asked.account_id,
        "parsed": parsed or None,
        "notParsable": not_parsable or None,
        "notFound": not_found or None,
    }


async def _state(turn: Turn, reached: Reached, given: str | None) -> int:
    """The stamp of now. Raises MethodError where a client's state is another."""
    account = (await turn.sight(reached)).account
    stamp = account.stamp("Email")
    check_state(given, stamp, account.modseq)
    return stamp


async def _now(turn: Turn, reached: Reached, old: int) -> int:
    """The stamp after it all; the old one where the owner is away by then: /changes since that tells of all."""
    try:
        return (await turn.sight(reached)).account.stamp("Email")
    except Unavailable:
        return old


def _away(trouble: Unavailable) -> dict[str, Any]:
    """What a part that is away costs one object, where the call has to tell of others that are done: they would be
    asked for again, and be there twice."""
    return SetError("rateLimit", trouble.says).json()


# making them


async def _together(turn: Turn, given: Mapping[str, Any], make: Callable[[Any], Awaitable[dict[str, Any]]]) -> Outcome:
    """Make all, some side by side; told of in the order of the request, and known by their creation ids from then on.
    Raises MethodError; Unavailable where nothing is done."""
    turn.created.need_room(len(given))
    outcome = Outcome()
    free = asyncio.Semaphore(SIDE_BY_SIDE)

    async def one(value: Any) -> Any:
        async with free:
            try:
                return await make(value)
            except Unavailable as trouble:
                return trouble
            except (SetError, Refused, Trouble) as error:
                return set_error(error)

    found = await asyncio.gather(*map(one, given.values()))
    if (away := [made for made in found if isinstance(made, Unavailable)]) and len(away) == len(found):
        raise away[0]
    for name, made in zip(given, found, strict=True):
        if isinstance(made, Unavailable):
            outcome.not_created[name] = _away(made)
        elif isinstance(made, SetError):
            outcome.not_created[name] = made.json()
        else:
            outcome.created[name] = made
            turn.created.add(name, made["id"])
    return outcome


async def _create(turn: Turn, reached: Reached, given: Mapping[str, Any]) -> dict[str, Any]:
    problems: dict[str, str] = {}
    mailboxes, keywords, received = frozenset[str](), frozenset[str](), None
    try:
        mailboxes = objects.mailbox_set(given.get("mailboxIds"), turn.created)
    except ValueError as error:
        problems["mailboxIds"] = str(error)
    try:
        keywords = objects.keyword_set({} if given.get("keywords") is None else given["keywords"])
    except ValueError as error:
        problems["keywords"] = str(error)
    if given.get("receivedAt") is not None:
        try:
            received = int(convert(given["receivedAt"], Moment) * 1000)
        except msgspec.ValidationError:
            problems["receivedAt"] = "it is no UTCDate"
    if problems:
        raise invalid_properties(problems)
    if len(mailboxes) > turn.limits.objects_set_max:
        raise SetError("tooManyMailboxes")
    plan = plan_of(given)
    content = await _contents(turn, reached, plan.blob_ids())
    now_ms = turn.services.clock.now_ms()
    message_id = f"{turn.services.dice.randbytes(_MESSAGE_ID_BYTES).hex()}@{turn.services.hostname}"
    raw = write(plan, content, message_id, now_ms)
    received = now_ms if received is None else received
    made = await _store(turn, reached, raw, mailboxes, keywords, received)
    made |= added(given, {"keywords": dict.fromkeys(sorted(keywords), True), "receivedAt": utc(received // 1000)})
    if "message-id" not in plan.fields:
        made["messageId"] = [message_id]
    if "date" not in plan.fields:
        made["sentAt"] = utc(now_ms // 1000)
    return made


async def _contents(turn: Turn, reached: Reached, names: Sequence[str]) -> dict[str, bytes]:
    """The bytes of those of the blobs that are there."""
    found: dict[str, bytes] = {}
    size = 0
    for name in names:
        blob = turn.created.find(name)
        data = await blobs.read(turn, reached, blob) if blob is not None else None
        if data is not None:
            found[name] = data
            size += len(data)
            if size > turn.limits.size_upload_max_bytes:
                raise SetError("tooLarge", maxSize=turn.limits.size_upload_max_bytes)
    return found


async def _import(turn: Turn, reached: Reached, given: Mapping[str, Any]) -> dict[str, Any]:
    placed = objects.read_import(given, turn.created, turn.limits)
    raw = await blobs.read(turn, reached, placed.source)
    if raw is None:
        raise invalid_properties({"blobId": "there is no such blob"})
    record = read_message(raw)
    if not is_email(raw, record):
        raise SetError("invalidEmail", "This is no message.")
    if placed.received is not None:
        when = int(placed.received * 1000)
    else:
        date = received_at(raw, record)
        when = date.epoch_s * 1000 if date is not None else turn.services.clock.now_ms()
    return await _store(turn, reached, raw, placed.mailboxes, placed.keywords or frozenset(), when)


async def _copy(turn: Turn, reached: Reached, source: Reached, given: Mapping[str, Any]) -> dict[str, Any]:
    placed = objects.read_copy(given, turn.created, turn.limits)
    number = source.email_of(placed.source)
    sight = await turn.sight(source)
    seen = sight.find([number]).get(number) if number is not None else None
    if seen is None:
        raise SetError("notFound")
    keywords = placed.keywords
    if keywords is None:
        keywords = frozenset(emails.keywords_of(seen.flags, sight.account.keywords))
    (message,) = await turn.services.mail.messages(source.number, [seen.email])
    if message is None:
        raise SetError("notFound")
    raw = await turn.services.mail.content(message)
    when = int(placed.received * 1000) if placed.received is not None else seen.date_ms
    return await _store(turn, reached, raw, placed.mailboxes, keywords, when)


async def _store(
    turn: Turn, reached: Reached, raw: bytes, mailboxes: Iterable[str], keywords: Iterable[str], when_ms: int
) -> dict[str, Any]:
    """Raises SetError, Trouble."""
    numbers = [reached.mailbox_of(name) for name in mailboxes]
    account = (await turn.sight(reached)).account
    if None in numbers or not all(number in account.mailboxes for number in numbers):
        raise invalid_properties(["mailboxIds"], "There is no such mailbox.")
    flags, words = flags_of(keywords)
    if len({word.lower() for word in account.keywords}.union(words)) > KEYWORDS_MAX:
        raise SetError("tooManyKeywords")
    prepared = await turn.services.mail.prepare(raw)
    item = Item(prepared, when_ms, flags, words)
    try:
        placed = await turn.services.mail.place(
            reached.number, sorted(number for number in numbers if number), [item], who=reached.who
        )
    except NotFound:
        raise invalid_properties(["mailboxIds"], "There is no such mailbox.") from None
    ((email, thread),) = placed.emails
    return {
        "id": reached.email_id(email),
        "blobId": blobs.message_id(reached, email),
        "threadId": reached.thread_id(thread),
        "size": len(raw),
    }


def flags_of(keywords: Iterable[str]) -> tuple[int, tuple[str, ...]]:
    """System bits, and the other keywords."""
    flags, words = 0, []
    for word in sorted(keywords):
        bit = _BITS.get(word, 0)
        flags |= bit
        if not bit:
            words.append(word)
    return flags, tuple(words)


# changing them


async def _edit(turn: Turn, reached: Reached, asked: standard.Set, outcome: Outcome) -> None:
    """All updates and removals, in one command."""
    edits: dict[int, tuple[EmailEdit, list[str], bool]] = {}  # an email may be named by its id and by a reference
    destroyed = {found for name in asked.destroy or () if (found := turn.created.find(name)) is not None}
    sight = await turn.sight(reached)

    async def update(name: str, patch: Any) -> None:
        found = turn.created.find(name)
        if found in destroyed:
            raise SetError("willDestroy")
        number = reached.email_of(found or "")
        if number is None:
            raise SetError("notFound")
        if number in edits:
            raise SetError("invalidPatch", "There is another patch of this email in the call.")
        read = objects.read_update(patch, turn.created, turn.limits)
        if read.rest:
            await _check_same(turn, reached, number, read.rest)
        _check_count(turn, reached, sight, number, read.mailboxes)
        edits[number] = (_edit_of(reached, sight, number, read), [name], False)

    await each(asked.update, update, {}, outcome.not_updated)
    for name in dict.fromkeys(asked.destroy or ()):
        number = reached.email_of(turn.created.find(name) or "")
        if number is None:
            outcome.not_destroyed[name] = SetError("notFound").json()
        else:
            edits.setdefault(number, (EmailEdit(number, only=()), [], True))[1].append(name)
    if not edits:
        return
    reply = await turn.services.mail.edit(reached.number, [one for one, _, _ in edits.values()], who=reached.who)
    failed = dict(reply.failed)
    for number, (_, names, is_destroyed) in edits.items():
        fault = failed.get(number)
        if fault is not None:
            told = _FAULTS[fault]().json()
            (outcome.not_destroyed if is_destroyed else outcome.not_updated).update(dict.fromkeys(names, told))
        elif is_destroyed:
            outcome.destroyed += names
        else:
            outcome.updated |= dict.fromkeys(names)


def _check_count(turn: Turn, reached: Reached, sight: Sight, number: int, change: objects.Marks) -> None:
    """maxMailboxesPerEmail. Raises SetError."""
    most = turn.limits.objects_set_max
    if len(sight.account.mailboxes) > most and (change.all or change.more):
        seen = sight.find([number]).get(number)
        held = frozenset(reached.mailbox_id(box) for box in seen.mailboxes) if seen is not None else frozenset()
        if len(change.apply(held)) > most:
            raise SetError("tooManyMailboxes")


def _edit_of(reached: Reached, sight: Sight, number: int, read: objects.EmailUpdate) -> EmailEdit:
    mailboxes, keywords = read.mailboxes, read.keywords
    only = into = out = None
    if mailboxes.all is not None:
        only = _numbers(reached, sight, mailboxes.all)
    else:
        into = _numbers(reached, sight, mailboxes.more)
        out = tuple(box for name in mailboxes.less if (box := reached.mailbox_of(name)) is not None)
    if keywords.all is not None:
        flags, words = flags_of(keywords.all)
        return EmailEdit(number, set=flags, add=words, replace=True, only=only, into=into or (), out=out or ())
    flags, words = flags_of(keywords.more)
    clear, less = flags_of(keywords.less)
    return EmailEdit(number, set=flags, clear=clear, add=words, remove=less, only=only, into=into or (), out=out or ())


def _numbers(reached: Reached, sight: Sight, names: Iterable[str]) -> tuple[int, ...]:
    numbers = [reached.mailbox_of(name) for name in names]
    if not all(number in sight.account.mailboxes for number in numbers):
        raise invalid_properties(["mailboxIds"], "There is no such mailbox.")
    return tuple(sorted(number for number in numbers if number))


async def _check_same(turn: Turn, reached: Reached, number: int, rest: Mapping[str, Any]) -> None:
    """What never changes may be sent again, as it is, or as much of a body as was asked for. Raises SetError."""
    asked = special.EmailGet(account_id=reached.id, properties=list(rest), fetch_all_body_values="bodyValues" in rest)
    if not _BODY.isdisjoint(rest):
        asked.body_properties = sorted(PART)
    sight = await turn.sight(reached)
    seen = sight.find([number])
    if number not in seen:
        raise SetError("notFound")
    words = tuple(sight.account.keywords)
    shown = emails.view_of(asked, tuple(rest))
    found = await emails.rendered(turn, reached, [seen[number]], shown, words)
    now = orjson.loads(orjson.dumps(found.get(reached.email_id(number), {})))
    if wrong := [name for name, value in rest.items() if name not in now or not _is_as(name, value, now[name])]:
        raise invalid_properties(dict.fromkeys(wrong, "it never changes"))


def _is_as(name: str, given: Any, now: Any) -> bool:
    return _is_of(given, now) if name in _BODY else same(given, now)


def _is_of(given: Any, now: Any) -> bool:
    """Whether a body, or a part of one, has all this."""
    if isinstance(given, list) and isinstance(now, list):
        return len(given) == len(now) and all(map(_is_of, given, now))
    if not isinstance(given, dict) or not isinstance(now, dict):
        return same(given, now)
    if given.get("isTruncated") is True and isinstance(begin := given.get("value"), str) and "isTruncated" in now:
        given = given | {"isTruncated": now["isTruncated"]}
        if now["value"].startswith(begin):
            given["value"] = now["value"]
    return all(name in now and _is_of(value, now[name]) for name, value in given.items())
