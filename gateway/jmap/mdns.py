"""MDN/send and MDN/parse (RFC 9007).

The law: one notification an email, for `$mdnsent` is set with it and is looked at before, and because its name in the
queue is the email's: asked for again after a crash it is not sent again. It goes from the null sender to whom the
message asked for, and is signed and judged as all that one sends.
"""

from collections.abc import Mapping
from functools import partial
from hashlib import blake2b
from typing import Any, Final

from actors.mailbox.sight import Seen
from gateway.jmap import blobs, emails
from gateway.jmap.identities import Identity, identities
from gateway.jmap.setting import each
from gateway.jmap.standard import Answer
from gateway.jmap.submissions import submissions
from gateway.jmap.submissions_set import on_success, surely
from gateway.jmap.submitting import content, refusal
from gateway.jmap.turn import Reached, Turn
from gateway.smtp.submitting import Address, Letter, Rejected
from mail.jmap.errors import SetError, invalid_arguments
from mail.jmap.methods import special
from mail.jmap.objects.submission import mdn_as_given
from mail.mdn.build import Original, Sender, build
from mail.mdn.parse import original_id, parse
from mail.mdn.wanted import Wanted, request_of, wanted_of
from mail.message.header import header_end
from mail.message.record import read_message

SENT: Final = "$mdnsent"
_NAME_BYTES: Final = 12


async def send(turn: Turn, asked: special.MdnSend) -> Answer:
    """RFC 9007 2.1."""
    reached = await turn.owned(asked.account_id)
    known = await identities(turn, reached)
    number = known.number_of(turn.created.find(asked.identity_id) or "")
    if number is None:
        raise invalid_arguments("There is no such identity.", "identityId")
    updates = {name[1:]: patch for name, patch in (asked.on_success_update_email or {}).items()}
    if unmarked := [name for name in asked.send if not _marks(updates.get(name, {}))]:
        raise invalid_arguments(f"#{unmarked[0]} does not set {SENT} of its email.", "onSuccessUpdateEmail")
    sent: dict[str, Any] = {}
    failed: dict[str, Any] = {}
    patched: dict[str, dict[str, Any]] = {}
    one = partial(_send, turn, reached, known.all[number], updates, patched)
    await each(asked.send, surely(one), sent, failed)
    await on_success(turn, asked.account_id, patched, {})
    return {"accountId": asked.account_id, "sent": sent or None, "notSent": failed or None}


async def parse_(turn: Turn, asked: special.MdnParse) -> Answer:
    """RFC 9007 2.2."""
    reached = await turn.owned(asked.account_id)
    parsed: dict[str, Any] = {}
    not_parsable, not_found = [], []
    for name in dict.fromkeys(asked.blob_ids):
        blob = turn.created.find(name)
        raw = await blobs.read(turn, reached, blob) if blob is not None else None
        if raw is None:
            not_found.append(name)
            continue
        found = parse(raw, read_message(raw))
        if found is None:
            not_parsable.append(name)
        else:
            parsed[name] = {"forEmailId": await _about(turn, reached, found), **found}
    return {
        "accountId": asked.account_id,
        "parsed": parsed or None,
        "notParsable": not_parsable or None,
        "notFound": not_found or None,
    }


async def _send(
    turn: Turn,
    reached: Reached,
    identity: Identity,
    updates: Mapping[str, dict[str, Any]],
    patched: dict[str, dict[str, Any]],
    name: str,
    given: Mapping[str, Any],
) -> dict[str, Any] | None:
    """The properties that the client did not say. `patched`: what is to be changed then, by email."""
    wanted = wanted_of(mdn_as_given(given))
    await _check_final(turn, wanted)
    seen = await _seen(turn, reached, wanted.for_email)
    words = tuple((await turn.sight(reached)).account.keywords)
    email = reached.email_id(seen.email)
    if SENT in emails.keywords_of(seen.flags, words) or email in patched:
        raise SetError("mdnAlreadySent")
    raw = await content(turn, reached, seen.email)
    request = request_of(raw[: header_end(raw, 0, len(raw))])
    if request is None:
        raise SetError("notFound", "The email asks for no notification.")
    record = read_message(raw)
    ident = blake2b(f"mdn {reached.number} {seen.email}".encode(), digest_size=_NAME_BYTES).hexdigest()
    original = Original(record.message_id, record.subject, raw if wanted.include_original else None)
    sender = Sender(identity.name or None, identity.email)
    message_id = f"{turn.services.dice.randbytes(_NAME_BYTES).hex()}@{turn.services.hostname}"
    built = build(wanted, request, original, sender, message_id=message_id, now_ms=turn.services.clock.now_ms())
    recipients = tuple(Address(address) for address in built.to)
    letter = Letter(f"{ident}.1", turn.principal, Address(""), recipients, built.message, turn.ip)
    try:
        await turn.sending.submissions.submit(letter)
    except Rejected as rejected:
        raise await refusal(turn, rejected) from rejected
    patched[email] = updates[name]
    return built.set_by_server or None


async def _check_final(turn: Turn, wanted: Wanted) -> None:
    """finalRecipient is one of one's own addresses. Raises SetError."""
    if wanted.final_recipient is None:
        return
    address = wanted.final_recipient.partition(";")[2].strip()
    if not await turn.services.directory.may_send_as(turn.principal, address):
        raise SetError("forbiddenFrom", "finalRecipient is none of your addresses.")


async def _seen(turn: Turn, reached: Reached, name: str) -> Seen:
    number = reached.email_of(turn.created.find(name) or "")
    seen = (await turn.sight(reached)).find([number]).get(number) if number is not None else None
    if seen is None:
        raise SetError("notFound", "There is no such email.")
    return seen


def _marks(patch: Mapping[str, Any]) -> bool:
    keywords = patch.get("keywords")
    return patch.get(f"keywords/{SENT}") is True or (isinstance(keywords, dict) and keywords.get(SENT) is True)


async def _about(turn: Turn, reached: Reached, found: dict[str, Any]) -> str | None:
    """The email that a notification is about, where it was submitted here."""
    message_id = original_id(found)
    if message_id is None:
        return None
    records = await submissions(turn, reached)
    sent = (one.email for one in records.all.values() if one.message_id == message_id)
    there = (await turn.sight(reached)).find(sent)
    return next((reached.email_id(email) for email in there), None)
