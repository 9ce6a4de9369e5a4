"""Reports on single messages: what is wanted, what is sent, and what never is."""

import random
from typing import Any

import pytest

from gateway.reports import failing
from gateway.reports.failing import Failures, dmarc_failure
from gateway.trust.verdict import Verdict
from mail.reports.arf import Feedback
from mail.reports.find import reports_in
from tests.unit.gateway.reports.golden_files import same_as
from tests.unit.gateway.reports.world import RECORD, Box, Signature, Signing, World, verdict

HEAD = b"From: a@x.test\r\nSubject: hello\r\n\r\n"
RECORDS: dict[str, Any] = {
    "_report._domainkey.x.test": {"TXT": [b"ra=dkim; rr=v"]},
    "_report._domainkey.z.test": {"TXT": [b"ra=dkim; rr=s"]},
}


class Town(World):
    def __init__(self, **settings: Any) -> None:
        super().__init__(RECORDS, **({"failure_reports": True} | settings))
        self.failures = Failures(
            self.resolver, self.box, self.clock, random.Random(1), self.settings, "mx.test", signer=Signing()
        )

    async def tell(self, *verdicts: Verdict | None, head: bytes = HEAD, to: tuple[str, ...] = ("me@ours.test",)) -> Box:
        for number, one in enumerate(verdicts):
            self.failures.tell(one, "reject", head, f"ident.{number}", to)
        await self.failures.stop()
        return self.box


def fo(options: bytes) -> bytes:
    return RECORD + b"; fo=" + options


async def test_a_failure_report_as_a_file() -> None:
    town = Town()
    await town.tell(verdict(dkim=[Signature("fail", "x.test", why="the body hash does not fit")]))
    (posted,) = town.box.kept.values()
    assert (posted.recipient, posted.sender) == ("ruf@x.test", "")
    same_as("failure.txt", posted.message)
    (report,) = reports_in(posted.message).reports
    assert isinstance(report, Feedback)
    assert report.first("Auth-Failure") == "dmarc"
    assert b"me@ours.test" not in posted.message


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (verdict(), "dmarc"),
        (verdict("pass", dkim_aligned=True), ""),
        (verdict("pass", dkim_aligned=True, record=fo(b"1")), "dmarc"),
        (verdict("pass", dkim_aligned=True, spf_aligned=True, record=fo(b"1")), ""),
        (verdict("pass", spf_aligned=True, record=fo(b"d"), dkim=[Signature("fail", "y.test")]), "signature"),
        (verdict(record=fo(b"d"), dkim=[Signature("fail", "y.test", why="body hash")]), "bodyhash"),
        (verdict(record=fo(b"d"), dkim=[Signature("permerror", "y.test", why="the key is revoked")]), "revoked"),
        (verdict(record=fo(b"d"), dkim=[Signature("pass", "y.test"), Signature("temperror", "y.test")]), ""),
        (verdict(record=fo(b"s")), "spf"),
        (verdict(record=fo(b"s"), spf="neutral"), ""),
        (verdict("temperror"), ""),
        (verdict(record=b"v=DMARC1; p=none; rua=mailto:a@x.test"), ""),
    ],
)
def test_what_a_dmarc_record_asks_for(one: Verdict, kind: str) -> None:
    assert one.dmarc is not None
    failed = dmarc_failure(one.dmarc, one)
    assert (failed.failure if failed is not None else "") == kind


async def test_a_signature_that_asks() -> None:
    quiet = b"v=DMARC1; p=none"
    head = b"DKIM-Signature: d=x.test; s=s1; r=y\r\nDKIM-Signature: d=z.test; s=s1; r=y\r\n" + HEAD
    bad = [Signature("fail", "x.test"), Signature("fail", "y.test"), Signature("fail", "z.test")]
    box = await Town().tell(verdict(record=quiet, dkim=bad, spf="pass"), head=head)
    assert box.recipients == ["dkim@x.test"]
    box = await Town().tell(verdict(record=quiet, dkim=bad, spf="pass"))
    assert box.recipients == []
    box = await Town().tell(verdict(record=quiet, dkim=[Signature("pass", "x.test")], spf="pass"), head=head)
    assert box.recipients == []


async def test_an_spf_record_that_asks() -> None:
    quiet = b"v=DMARC1; p=none"
    asking = "v=spf1 ra=spf rr=f -all"
    assert (await Town().tell(verdict(record=quiet, spf_record=asking))).recipients == ["spf@y.test"]
    assert (await Town().tell(verdict(record=quiet, spf_record=asking, spf="softfail"))).recipients == []
    assert (await Town().tell(verdict(record=quiet, spf_record="v=spf1 ra=spf rp=0 -all"))).recipients == []
    assert (await Town().tell(verdict(record=quiet, spf_record=asking, spf="pass"))).recipients == []


async def test_others_are_sent_them_only_if_they_agree() -> None:
    town = Town()
    box = await town.tell(verdict(record=RECORD.replace(b"ruf@x.test", b"ruf@agent.test")))
    assert box.recipients == []
    town.resolver.records["x.test._report._dmarc.agent.test"] = {"TXT": [b"v=DMARC1"]}
    box = await town.tell(verdict(record=RECORD.replace(b"ruf@x.test", b"ruf@agent.test")))
    assert box.recipients == ["ruf@agent.test"]


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: multipart/report;\r\n\treport-type=feedback-report\r\n" + HEAD,
        b"Auto-Submitted: auto-replied\r\n" + HEAD,
    ],
)
async def test_nothing_is_reported_on_a_report(head: bytes) -> None:
    assert (await Town().tell(verdict(), head=head)).asked == 0


async def test_nor_on_a_bounce_or_on_what_comes_to_report_addresses() -> None:
    assert (await Town().tell(verdict(sender=""))).asked == 0
    assert (await Town(addresses=("dmarc@ours.test",)).tell(verdict(), to=("DMARC@ours.test",))).asked == 0
    assert (await Town().tell(verdict(), to=("noreply-dmarc@mx.test",))).asked == 0
    assert (await Town().tell(None)).asked == 0
    assert (await Town().tell(verdict(), head=b"Auto-Submitted: no\r\n" + HEAD)).asked == 1


async def test_they_are_off_unless_asked_for() -> None:
    assert (await Town(failure_reports=False).tell(verdict())).asked == 0


async def test_never_more_in_a_day_than_the_settings_allow() -> None:
    town = Town(failure_reports_domain_day=3, failure_reports_day=5)
    for _ in range(3):
        await town.tell(*[verdict() for _ in range(3)])
    assert town.box.asked == 3
    asking = [verdict(record=b"", sender=f"a@{number}.test", spf_record="v=spf1 ra=spf -all") for number in range(9)]
    await town.tell(*asking)
    assert town.box.asked == 5
    town.clock.advance(86_400)
    await town.tell(verdict())
    assert town.box.asked == 6


async def test_a_flood_is_left_out() -> None:
    town = Town(failure_reports_domain_day=1000)
    await town.tell(*[verdict() for _ in range(failing.AT_ONCE * 3)])
    assert town.box.asked == failing.AT_ONCE


async def test_trouble_is_told_and_nothing_more() -> None:
    from cluster.errors import Unavailable

    town = Town()
    town.box.trouble = Unavailable("away")
    assert (await town.tell(verdict())).recipients == []
