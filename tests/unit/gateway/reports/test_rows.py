"""Messages and sessions as rows, and rows as reports."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.report.client import ROW_BYTES_MAX, Ledger
from actors.report.types import DMARC, Counted
from cluster.clock import ManualClock
from cluster.meta.memory import MemoryStore
from gateway.reports.rows import POLICIES_MAX, SIGNATURES_MAX, Us, aggregates, dmarc_row, tls_report, tls_rows
from gateway.trust.verdict import Verdict
from mail.reports.aggregate import Aggregate, Checked, Reason
from mail.reports.tls import Failure, Policy, Summary
from tests.unit.gateway.reports.world import DAY, RECORD, Problem, Session, Signature, TlsPolicy, verdict
from tests.virtual import run

US = Us("mx.test", "Example", "noreply-dmarc@mx.test", "postmaster@mx.test")


def reported(*verdicts: Verdict, applied: str = "none", reasons: Sequence[str] = ()) -> list[Aggregate]:
    rows = [dmarc_row(one, applied, reasons, "Ours.test") for one in verdicts]
    counted = [Counted(row[1], number) for number, row in enumerate(rows, 1) if row is not None]
    return aggregates(counted, US, "x.test", DAY)


def test_a_message_is_in_the_report_of_the_domain_of_the_record() -> None:
    signatures = [Signature("pass", "y.test"), Signature("pass", "y.test"), Signature("fail", "x.test", "s2")]
    one = verdict(dkim=signatures, domain="sub.x.test", disposition="reject")
    row = dmarc_row(one, "quarantine", ("local_policy",), "ours.test")
    assert row is not None
    assert row[0] == "x.test"
    (report,) = reported(one, applied="quarantine", reasons=["local_policy"])
    (record,) = report.records
    assert (record.source_ip, record.count, record.disposition) == ("192.0.2.1", 1, "quarantine")
    assert (record.dkim, record.spf) == ("fail", "fail")
    assert (record.header_from, record.envelope_from, record.envelope_to) == ("sub.x.test", "y.test", "ours.test")
    assert record.reasons == (Reason("local_policy"),)
    assert record.dkim_results == (Checked("y.test", "pass", "s1"), Checked("x.test", "fail", "s2"))
    assert record.spf_results == (Checked("y.test", "fail", scope="mfrom"),)
    assert (report.policy.domain, report.policy.p, report.policy.sp, report.policy.fo) == (
        "x.test",
        "reject",
        "quarantine",
        "0",
    )
    assert (report.begin_s, report.end_s) == (DAY * 86_400, DAY * 86_400 + 86_399)


def test_no_local_part_of_anybody_is_counted() -> None:
    row = dmarc_row(verdict(sender="secret@y.test"), "none", (), "ours.test")
    assert row is not None
    assert b"secret" not in row[1]
    assert b"@" not in row[1]


@pytest.mark.parametrize(
    "one",
    [
        verdict("none"),
        verdict("temperror"),
        verdict(record=b"v=DMARC1; p=reject"),
        verdict(record=b"v=spf1"),
    ],
)
def test_what_nobody_wants_to_know(one: Verdict) -> None:
    assert dmarc_row(one, "none") is None


def test_why_less_was_done_is_told() -> None:
    for relaxed_by, reason in (("testing", "policy_test_mode"), ("sampled", "sampled_out")):
        (report,) = reported(verdict(relaxed_by=relaxed_by))
        assert report.records[0].reasons == (Reason(reason),)


def test_a_pass_and_the_null_reverse_path() -> None:
    (report,) = reported(verdict("pass", sender="", spf="pass", spf_aligned=True))
    (record,) = report.records
    assert (record.disposition, record.spf, record.envelope_from) == ("pass", "pass", "")
    assert record.spf_results == (Checked("helo.y.test", "pass", scope="helo"),)


def test_many_signatures_and_long_names_fit_a_row() -> None:
    many = [Signature("fail", f"{number}.{'x' * 500}.test", "s" * 500) for number in range(100)]
    row = dmarc_row(verdict(dkim=many), "none", ["x" * 500] * 3, "ours.test")
    assert row is not None
    assert len(row[1]) < ROW_BYTES_MAX
    (report,) = reported(verdict(dkim=many))
    assert len(report.records[0].dkim_results) == SIGNATURES_MAX


def test_a_report_for_each_policy_but_not_for_hundreds() -> None:
    other = RECORD.replace(b"reject", b"none")
    one, two = reported(verdict(), verdict(record=other))
    assert one.report_id != two.report_id
    assert {one.policy.p, two.policy.p} == {"reject", "none"}
    many = [verdict(record=b"v=DMARC1; p=none; pct=%d; rua=mailto:a@x.test" % number) for number in range(50)]
    reports = reported(*many)
    assert len(reports) == POLICIES_MAX
    assert sum(record.count for report in reports for record in report.records) == sum(range(1, 51))


def test_rows_of_others_are_left_out() -> None:
    good = dmarc_row(verdict(), "none")
    assert good is not None
    rows = [Counted(b"", 1), Counted(b"\xff\xff", 2), Counted(good[1], 3), Counted(b"\x80", 4)]
    (report,) = aggregates(rows, US, "x.test", DAY, is_whole=False)
    assert [record.count for record in report.records] == [3]
    assert report.errors
    assert tls_report(rows[:2], US, "x.test", DAY) is None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.sampled_from(["pass", "fail"])), max_size=60))
def test_what_several_ledgers_count_adds_up(seen: list[tuple[int, int, str]]) -> None:
    async def counting() -> list[Aggregate]:
        store, clock = MemoryStore(), ManualClock()
        ledgers = [Ledger(store, clock) for _ in range(3)]
        for number, (ledger, source, result) in enumerate(seen):
            row = dmarc_row(verdict(result, ip=f"192.0.2.{source}"), "none")
            assert row is not None
            ledgers[ledger].count(DMARC, *row)
            if number % 7 == 0:
                await ledgers[ledger].flush()
        for one in ledgers:
            await one.stop()
        counted = await ledgers[0].counted(DMARC, clock.ms // 86_400_000, "x.test", 1000)
        return aggregates(counted, US, "x.test", clock.ms // 86_400_000)

    reports = run(counting())
    records = [record for report in reports for record in report.records]
    assert sum(record.count for record in records) == len(seen)
    for record in records:
        result = "pass" if record.disposition == "pass" else "fail"
        assert record.count == sum(
            f"192.0.2.{source}" == record.source_ip and result == what for _, source, what in seen
        )


# -- TLS -------------------------------------------------------------------------------------------------------------


def test_sessions_are_summed_up_by_policy() -> None:
    other = Session(policy=TlsPolicy("no-policy-found", "", (), ()))
    seen = [Session(), Session("certificate-expired", "it ended"), Session("what?"), other]
    rows: list[Counted] = []
    for count, session in enumerate(seen, 1):
        found = tls_rows(session)
        assert found is not None
        assert found[0] == "x.test"
        rows += [Counted(row, count) for row in found[1]]
    report = tls_report(rows, US, "x.test", DAY)
    assert report is not None
    by_type = {one.policy.policy_type: one for one in report.policies}
    sts = by_type["sts"]
    assert sts.summary == Summary(1, 5)
    assert sts.policy == Policy("sts", list(TlsPolicy().strings), "x.test", ["mx.x.test"])
    where = {"sending_mta_ip": "198.51.100.1", "receiving_mx_hostname": "mx.x.test", "receiving_ip": "192.0.2.9"}
    assert sts.failure_details == [
        Failure("validation-failure", 3, **where),
        Failure("certificate-expired", 2, **where, failure_reason_code="it ended"),
    ]
    assert by_type["no-policy-found"].summary == Summary(4, 0)
    assert by_type["no-policy-found"].policy == Policy("no-policy-found", policy_domain="x.test")


def test_what_went_wrong_before_is_under_its_own_policy() -> None:
    problem = Problem("sts", "sts-policy-fetch-error", "HTTP status 500")
    found = tls_rows(Session(policy=TlsPolicy("no-policy-found", "", (), (), (problem,))))
    assert found is not None
    report = tls_report([Counted(row, 1) for row in found[1]], US, "x.test", DAY)
    assert report is not None
    by_type = {one.policy.policy_type: one for one in report.policies}
    assert by_type["no-policy-found"].summary == Summary(1, 0)
    assert by_type["sts"].summary == Summary(0, 1)
    assert by_type["sts"].failure_details == [
        Failure("sts-policy-fetch-error", 1, failure_reason_code="HTTP status 500")
    ]


def test_a_problem_of_the_policy_that_was_used_is_the_same_session() -> None:
    session = Session("validation-failure", policy=TlsPolicy(problems=(Problem("sts", "sts-policy-invalid"),)))
    found = tls_rows(session)
    assert found is not None
    report = tls_report([Counted(row, 1) for row in found[1]], US, "x.test", DAY)
    assert report is not None
    (one,) = report.policies
    assert one.summary == Summary(0, 1)
    assert {failure.result_type for failure in one.failure_details or ()} == {
        "validation-failure",
        "sts-policy-invalid",
    }


def test_large_policies_fit_a_row_and_addresses_have_no_report() -> None:
    found = tls_rows(Session(why="w" * 5000, failure="x", policy=TlsPolicy(strings=("s" * 900,) * 900)))
    assert found is not None
    assert all(len(row) < ROW_BYTES_MAX for row in found[1])
    assert tls_rows(Session(domain="[192.0.2.1]")) is None
