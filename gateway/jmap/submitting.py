"""Sending an Email: what is sent, under which name, and what of it is on record when (RFC 8621 7.5).

The law: the order is note, queue, record. The note has all that is needed to send the mail again under the same name,
and is durable before anything is queued; the record takes its place in one write. Whoever asks for submissions later
finishes what has only a note: what was queued already is not queued twice under one name, so a crash loses nothing and
doubles nothing. The other order, mail before any note, would leave mail that was sent and that nobody knows of. Where
nobody can say whether anything was queued, the sender is told that it failed, and the note keeps the name: who asks for
the same again gets the same.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from cluster.errors import Corrupt, NotFound, OverQuota, Stale, Trouble
from gateway.jmap.envelopes import without_bcc
from gateway.jmap.records import Records, again
from gateway.jmap.submission_records import (
    BEGUN,
    VERSION,
    Begun,
    Recipient,
    Status,
    Submission,
    begun_decoder,
    encode,
    with_statuses,
)
from gateway.jmap.submission_status import first_status
from gateway.jmap.turn import Reached, Turn
from gateway.smtp import replies
from gateway.smtp.header import message_id
from gateway.smtp.submitting import Address, Letter, Rejected, Submitted
from gateway.smtp.trace import head_of
from mail.jmap.errors import SetError
from mail.smtp.replies import Reply

SUBMISSIONS_MAX: Final = 1000  # on record for an account
KEPT_MS: Final = 90 * 86_400_000  # of settled ones
SWEPT_MAX: Final = 100  # at once
FAILED_MAX: Final = 100  # notes of an account that keep the names of what failed: the newest
_FOR_GOOD: Final = 500  # replies from here on
_TOO_MUCH: Final = "4.7.1"  # of throttles
_TOO_MANY: Final = "4.5.3"
_TOO_LARGE: Final = "5.3.4"
_CONTENT: Final = "5.6."


async def send(turn: Turn, reached: Reached, records: Records[Submission], one: Submission) -> tuple[int, Submission]:
    """Send it: its number, and what is on record of it. Raises SetError, Trouble."""
    if len(records.all) - len(_to_sweep(turn, records)) >= SUBMISSIONS_MAX:
        raise OverQuota("Too much is on its way already; try again when some of it has arrived.")
    known = await notes(turn, reached)
    for number, begun in known.items():
        if replace(begun.submission, ident=one.ident) == one:  # asked for before, by who heard no answer or a bad one
            if begun.failed:
                await _note(turn, reached, number, begun.submission)
            return number, await finish(turn, reached, records, number, begun.submission)
    failed = sorted((begun.at_ms, number) for number, begun in known.items() if begun.failed)
    number = records.fresh()
    one = replace(one, ident=f"{number:014x}.1")
    await _note(turn, reached, number, one, without=[old for _at, old in failed[:-FAILED_MAX]])
    return number, await finish(turn, reached, records, number, one)


async def _note(
    turn: Turn, reached: Reached, number: int, one: Submission, *, failed: bool = False, without: Sequence[int] = ()
) -> None:
    """Write down that it is under way, or that it failed. `without`: notes that go. Raises Trouble."""
    note = encode(Begun(VERSION, turn.services.clock.now_ms(), one, failed))
    gone = [(BEGUN, f"{old:x}", None) for old in without]
    await turn.services.mail.put_objects(reached.number, [*gone, (BEGUN, f"{number:x}", note)])


async def notes(turn: Turn, reached: Reached) -> dict[int, Begun]:
    """What was begun and is not on record. Raises Unavailable, Corrupt."""
    try:
        stored = await turn.services.mail.objects(reached.number, BEGUN)
        return {int(name, 16): begun_decoder.decode(value) for name, value in stored}
    except msgspec.MsgspecError as error:
        raise Corrupt("A submission's note is damaged.", log=f"{BEGUN}: {error}") from error


async def finish(
    turn: Turn, reached: Reached, records: Records[Submission], number: int, one: Submission
) -> Submission:
    """Queue what has a note, and put it on record. Raises SetError, Trouble."""
    mail, name = turn.services.mail, f"{number:x}"
    try:
        raw = await content(turn, reached, one.email)
        submitted = await turn.sending.submissions.submit(_letter(turn, records.id_of(number), one, without_bcc(raw)))
    except Rejected as rejected:
        if rejected.what == "message" and rejected.reply.code < _FOR_GOOD:
            await _note(turn, reached, number, one, failed=True)
        else:  # before anything was queued, or all of it
            await mail.put_objects(reached.number, [(BEGUN, name, None)])
        raise await refusal(turn, rejected) from rejected
    except SetError:
        await mail.put_objects(reached.number, [(BEGUN, name, None)])
        raise
    except Exception:
        await _note(turn, reached, number, one, failed=True)
        raise
    done = _recorded(replace(one, message_id=message_id(head_of(raw))), submitted)
    try:
        return await again(lambda: _record(turn, records, number, done))
    except Trouble as trouble:  # it is sent, and its note is durable: it will be on record
        turn.services.log.warning("jmap.submission_unrecorded", id=one.ident, why=trouble.log)
        return done


async def _record(turn: Turn, records: Records[Submission], number: int, done: Submission) -> Submission:
    if number in records.all:  # by who else has finished it
        return records.all[number]
    one = replace(done, born=records.stamp)
    try:
        swept: dict[int, Submission | None] = dict.fromkeys(_to_sweep(turn, records))
        await records.write(swept | {number: one}, [(BEGUN, f"{number:x}", None)])
    except Stale:
        await records.read()
        raise
    return one


def _to_sweep(turn: Turn, records: Records[Submission]) -> list[int]:
    """Settled ones that are old, or too many to be kept; the oldest first."""
    old_ms = turn.services.clock.now_ms() - KEPT_MS
    settled = sorted((one.made_ms, number) for number, one in records.all.items() if one.settled)
    over = len(records.all) + 1 - SUBMISSIONS_MAX
    return [number for place, (made_ms, number) in enumerate(settled) if place < over or made_ms < old_ms][:SWEPT_MAX]


async def content(turn: Turn, reached: Reached, email: int) -> bytes:
    """An Email's message. Raises SetError where it is gone."""
    (message,) = await turn.services.mail.messages(reached.number, [email])
    try:
        if message is not None:
            return await turn.services.mail.content(message)
    except NotFound:  # swept meanwhile
        pass
    raise SetError("invalidProperties", "There is no such email.", properties=["emailId"])


def _letter(turn: Turn, name: str, one: Submission, body: bytes) -> Letter:
    recipients = tuple(Address(each.email, each.parameters or {}) for each in one.recipients)
    sender = Address(one.sender, one.parameters or {})
    return Letter(one.ident, turn.principal, sender, recipients, body, turn.ip, envid=name)


def _recorded(one: Submission, submitted: Submitted) -> Submission:
    """With where it all went."""
    recipients: list[Recipient] = []
    statuses: dict[int, Status] = {}
    entries: dict[bytes, int] = {}
    for place, (recipient, path) in enumerate(zip(one.recipients, submitted.paths, strict=True)):
        places = tuple((entries.setdefault(entry, len(entries)), at) for entry, at in path.entries)
        recipients.append(replace(recipient, here=path.here, places=places))
        statuses[place] = first_status(recipients[-1])
    made_ms = submitted.taken_ms
    send_ms = submitted.due_ms or made_ms
    one = replace(one, recipients=tuple(recipients), entries=tuple(entries), made_ms=made_ms, send_ms=send_ms)
    return with_statuses(one, statuses, relayed=any(recipient.here for recipient in recipients))


async def refusal(turn: Turn, rejected: Rejected) -> SetError:
    """What a client is told (RFC 8621 7.5)."""
    reply, said = rejected.reply, _said(rejected.reply)
    if reply.status == _TOO_MUCH:
        return SetError("rateLimit", said)
    match rejected.what:
        case "parameters":
            return SetError("invalidProperties", said, properties=["envelope"])
        case "recipients" if reply.status == _TOO_MANY:
            offered = await turn.sending.submissions.offered(turn.principal, turn.ip)
            return SetError("tooManyRecipients", said, maxRecipients=offered.limits.recipients_max)
        case "recipients":
            return SetError("invalidRecipients", said, invalidRecipients=list(rejected.recipients))
    if reply is replies.NOT_YOUR_ADDRESS:
        return SetError("forbiddenMailFrom", said)
    if reply is replies.NOT_YOUR_FROM:
        return SetError("forbiddenFrom", said)
    if reply.code < _FOR_GOOD:
        return SetError("rateLimit", said)
    if reply.status == _TOO_LARGE:
        offered = await turn.sending.submissions.offered(turn.principal, turn.ip)
        return SetError("tooLarge", said, maxSize=offered.limits.message_bytes_max)
    if reply.status.startswith(_CONTENT):
        return SetError("invalidEmail", said, properties=[])
    return SetError("forbiddenToSend", said)


def _said(reply: Reply) -> str:
    return f"{reply.code} {reply.status} {reply.text}"
