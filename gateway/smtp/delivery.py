"""One message to all its accounts at once, and one answer for each recipient, or one for all.

Laws. No positive answer before every account of the recipient has the message durably. When some accounts have it
and others do not, SMTP, with its one answer, says 4xx: the peer sends all again, nobody loses mail, and who has it does
not get it twice (partly.py). A permanent failure of one recipient among several thus ends at the peer's next RCPT,
where it can be told.
"""

import asyncio
from collections.abc import Iterable

from cluster.errors import StoreFull, Trouble, Unavailable
from gateway.smtp.parts import Intake, Prepared
from gateway.smtp.replies import PARTLY, reply_to
from mail.smtp.replies import OK, Reply

Outcome = dict[int, Trouble | None]
"""By account: what went wrong, or None."""


async def deliver(
    intake: Intake, raw: bytes, accounts: Iterable[int], *, idem: bytes, tries: int, pause_s: float
) -> Outcome:
    """Prepare once, store everywhere. Never raises Trouble: it is in the outcome."""
    wanted = tuple(dict.fromkeys(accounts))
    try:
        prepared = await intake.prepare(raw)
    except Trouble as trouble:
        return dict.fromkeys(wanted, trouble)
    if len(wanted) == 1:
        return {wanted[0]: await _store(intake, wanted[0], prepared, idem, tries, pause_s)}
    found = await asyncio.gather(*(_store(intake, account, prepared, idem, tries, pause_s) for account in wanted))
    return dict(zip(wanted, found, strict=True))


async def _store(
    intake: Intake, account: int, prepared: Prepared, idem: bytes, tries: int, pause_s: float
) -> Trouble | None:
    """One account, with a few more attempts when its shard is only away for a moment."""
    for attempt in range(tries):
        try:
            await intake.deliver(account, prepared, idem=idem)
            return None
        except Trouble as trouble:
            passing = isinstance(trouble, Unavailable) and not isinstance(trouble, StoreFull)
            if not passing or attempt == tries - 1:
                return trouble
        await asyncio.sleep(pause_s * (attempt + 1))
    raise AssertionError("tries is at least 1")


def verdict(outcome: Outcome, accounts: Iterable[int]) -> Reply:
    """The one answer for these accounts."""
    troubles = [outcome[account] for account in accounts]
    failures = [trouble for trouble in troubles if trouble is not None]
    if not failures:
        return OK
    answers = [reply_to(trouble) for trouble in failures]
    for reply in answers:
        if reply.code < 500:
            return reply
    return answers[0] if len(failures) == len(troubles) else PARTLY
