"""A message, once it is known what became of it."""

import random
from typing import Any

from actors.report.types import DMARC
from gateway.reports.after import Hearing
from gateway.reports.failing import Failures
from gateway.reports.receiving import Receiving
from gateway.smtp.aftermath import Answered
from gateway.trust.verdict import Verdict
from mail.reports.aggregate import Reason
from mail.smtp.events import MailFrom, RcptTo
from mail.smtp.replies import Reply
from tests.unit.gateway.reports.test_receiving import aggregate_mail
from tests.unit.gateway.reports.world import DAY, World, verdict

TAKEN = (
    b"Received: from a by b for <me@ours.test>; now\r\nReceived: from c by a; before\r\nFrom: a@x.test\r\n\r\nhello\r\n"
)
REPORTS = "dmarc@ours.test"


class Town(World):
    def __init__(self, **settings: Any) -> None:
        super().__init__(None, addresses=(REPORTS,), failure_reports=True)
        self.failures = Failures(
            self.resolver, self.box, self.clock, random.Random(1), self.settings, "mx.test", registry=self.registry
        )
        self.hearing = Hearing(self.noted, self.failures, Receiving(self.ledger, self.clock, self.settings))

    async def hear(
        self,
        *recipients: str,
        code: int = 250,
        message: bytes = TAKEN,
        found: Verdict | None = None,
        overridden: str = "",
    ) -> list[int]:
        """How often what was counted."""
        rcpts = tuple(RcptTo(recipient) for recipient in recipients)
        applied = "none" if code < 300 else "reject"
        await self.hearing.answered(
            Answered(
                "ident.1", "192.0.2.1", MailFrom("a@y.test"), rcpts, rcpts, message, Reply(code, "2.0.0", "x"), found,
                applied, overridden,
            )
        )  # fmt: skip
        await self.failures.stop()
        await self.ledger.flush()
        return [one.count for one in await self.ledger.counted(DMARC, DAY, "x.test", 100)]


async def test_it_is_counted_and_told_of() -> None:
    town = Town()
    assert await town.hear("me@ours.test", found=verdict(), overridden="local_policy") == [1]
    (posted,) = town.box.kept.values()
    assert b"me@ours.test" not in posted.message
    from gateway.reports.rows import Us, aggregates

    counted = await town.ledger.counted(DMARC, DAY, "x.test", 100)
    (report,) = aggregates(counted, Us("mx.test", "o", "a@b"), "x.test", DAY)
    (record,) = report.records
    assert (record.disposition, record.envelope_to) == ("none", "ours.test")
    assert record.reasons == (Reason("local_policy"),)


async def test_what_comes_again_is_counted_when_it_has_come() -> None:
    town = Town()
    assert await town.hear("me@ours.test", code=451, found=verdict()) == []
    assert town.box.asked == 0
    assert await town.hear("me@ours.test", code=550, found=verdict()) == [1]


async def test_what_was_not_checked_is_not_counted() -> None:
    assert await Town().hear("me@ours.test") == []


async def test_what_brings_a_report_is_read_and_not_counted() -> None:
    town = Town()
    assert await town.hear(REPORTS, message=aggregate_mail(), found=verdict()) == []
    assert len(await town.ledger.newest(9)) == 1
    assert town.box.asked == 0
    assert await town.hear(REPORTS, "me@ours.test", message=aggregate_mail(), found=verdict()) == [1]


async def test_what_was_refused_is_not_read() -> None:
    town = Town()
    await town.hear(REPORTS, code=550, message=aggregate_mail(), found=verdict())
    assert await town.ledger.newest(9) == []
