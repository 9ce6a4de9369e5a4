"""Notifications that came back for submissions: of delivery (RFC 3464) and of disposition (RFC 8098).

The law: of what came since somebody looked last all reports are read, up to a bound, and each is told of once. A report
is what somebody wrote: it says more of a recipient only where the queue has no more to say, and never what is wrong
with what is here.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import replace

from actors.mailbox import events as ev
from actors.mailbox.client import Message
from actors.mailbox.stamps import DELIVERY
from cluster.errors import NotFound
from gateway.access.parts import Pace
from gateway.jmap import blobs
from gateway.jmap.parts import ObjectChange
from gateway.jmap.records import Records
from gateway.jmap.submission_records import Delivered, Status, Submission, with_statuses
from gateway.jmap.turn import Reached, Turn
from mail.dsn.parse import Parsed, ParsedRecipient
from mail.dsn.parse import parse as parse_dsn
from mail.mdn.parse import original_id
from mail.mdn.parse import parse as parse_mdn

LOOKED: Final = "EmailSubmissionLooked"
ENTRIES_MAX: Final = 20_000  # of the log that are looked through at once
REMEMBERED_FROM: Final = 200  # entries without anything: so often it is noted how far that was
REPORTS_MAX: Final = 50  # of one submission that are told of
_NAME: Final = "log"
_READ_AT_ONCE: Final = 64
_ACTIONS: Final[dict[str, Delivered]] = {
    "failed": "no",
    "delivered": "yes",
    "relayed": "unknown",
    "expanded": "unknown",
}


async def with_reports(
    turn: Turn, reached: Reached, records: Records[Submission], changed: dict[int, Submission | None]
) -> list[ObjectChange]:
    """Add what came to `changed`; what is to be written with it, to know how far this was. Raises Trouble."""
    known = records.all | {number: one for number, one in changed.items() if one is not None}
    if not known:
        return []
    mail = turn.services.mail
    until = (await turn.sight(reached)).account.stamp(DELIVERY)
    stored = await mail.object(reached.number, LOOKED, _NAME)
    since = min(one.born for one in known.values()) if stored is None else msgspec.msgpack.decode(stored, type=int)
    since = max(since, until - ENTRIES_MAX)
    if until <= since:
        return []
    found = _Found(reached, records, known)
    emails: dict[int, None] = {}
    async for page in mail.log(reached.number, since, until):
        for _modseq, entry in page:
            emails |= dict.fromkeys(_came(entry))
    pace = Pace(turn.services.clock)
    numbers = list(emails)
    for start in range(0, len(numbers), _READ_AT_ONCE):
        part = numbers[start : start + _READ_AT_ONCE]
        for email, message in zip(part, await mail.messages(reached.number, part), strict=True):
            await pace.breathe()
            if message is not None and _is_report(message):
                try:
                    found.take(email, message, await mail.content(message))
                except NotFound:  # swept meanwhile
                    continue
    changed |= found.changed
    if not found.changed and until - since < REMEMBERED_FROM:
        return []
    return [(LOOKED, _NAME, msgspec.msgpack.encode(until))]


def _came(entry: ev.Entry) -> Iterable[int]:
    for event in entry.events:
        if isinstance(event, ev.MessagesAdded) and event.came in (ev.DELIVERED, ev.CAME):
            yield from (row.email for row in event.rows)


def _is_report(message: Message) -> bool:
    root = message.record.root
    return (root.type, root.subtype) == ("multipart", "report")


class _Found:
    """What reports say."""

    def __init__(self, reached: Reached, records: Records[Submission], known: dict[int, Submission]) -> None:
        self.changed: dict[int, Submission] = {}
        self._reached = reached
        self._records = records
        self._known = known
        self._by_message = {one.message_id: number for number, one in known.items() if one.message_id}

    def take(self, email: int, message: Message, raw: bytes) -> None:
        """Look at a report."""
        blob = blobs.message_id(self._reached, email)
        dsn = parse_dsn(raw)
        if dsn is not None:
            self._delivered(blob, dsn)
            return
        mdn = parse_mdn(raw, message.record)
        number = self._by_message.get(original_id(mdn) or "") if mdn is not None else None
        if mdn is not None and number is not None:
            is_displayed = mdn["disposition"]["type"] == "displayed"
            self._displayed(blob, number, _address(mdn["finalRecipient"]), is_displayed=is_displayed)

    def _delivered(self, blob: str, dsn: Parsed) -> None:
        """`envid` is the id that we gave it; else its Message-ID says what it is about."""
        number = self._records.number_of(dsn.envid)
        if number is None:
            number = self._by_message.get(dsn.original_id)
        one = self._known.get(number) if number is not None else None
        if number is None or one is None or blob in one.dsns or len(one.dsns) >= REPORTS_MAX:
            return
        statuses: dict[int, Status] = {}
        for told in dsn.recipients:
            how = _ACTIONS.get(told.action)
            for place, recipient in enumerate(one.recipients):
                if how is not None and recipient.delivered == "unknown" and _is(recipient.email, told):
                    statuses[place] = Status(how, _said(told))
        self._put(number, replace(with_statuses(one, statuses, relayed=False), dsns=(*one.dsns, blob)))

    def _displayed(self, blob: str, number: int, final: str, *, is_displayed: bool) -> None:
        one = self._known[number]
        if blob in one.mdns or len(one.mdns) >= REPORTS_MAX:
            return
        recipients = tuple(
            replace(recipient, displayed=True)
            if is_displayed and recipient.email.lower() == final.lower()
            else recipient
            for recipient in one.recipients
        )
        self._put(number, replace(one, recipients=recipients, mdns=(*one.mdns, blob)))

    def _put(self, number: int, one: Submission) -> None:
        self.changed[number] = self._known[number] = one


def _is(email: str, told: ParsedRecipient) -> bool:
    return email.lower() in {told.final.lower(), told.original.lower()}


def _said(told: ParsedRecipient) -> str:
    """A reply, be it the remote server's or made of the status."""
    said = " ".join(told.diagnostic.split())
    if said[:3].isdigit() and said[3:4] in {" ", ""}:
        return said
    code = {"failed": "550"}.get(told.action, "250")
    return f"{code} {told.status or code[0] + '.0.0'} {said or told.action}"


def _address(typed: str | None) -> str:
    return (typed or "").partition(";")[2].strip()
