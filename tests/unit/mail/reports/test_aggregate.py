"""Aggregate reports: errors as people's writers make them, attacks, and what is written."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.reports import aggregate
from mail.reports.aggregate import Aggregate, Checked, Published, Reason, Record
from mail.reports.errors import ReportError
from tests.unit.mail.reports import rfc7489_schema

HEAD = (
    "<feedback><report_metadata><org_name>o</org_name><date_range><begin>1</begin><end>2</end></date_range>"
    "</report_metadata><policy_published><domain>x.test</domain></policy_published>"
)
ROW = "<record><row><source_ip>192.0.2.1</source_ip><count>1</count></row></record>"


def test_what_is_not_a_record_is_left_out_and_told() -> None:
    rows = ROW + ROW.replace("192.0.2.1", "nobody") + ROW.replace("<count>1", "<count>" + "9" * 400)
    report = aggregate.parse(f"{HEAD}{rows}</feedback>".encode())
    assert len(report.records) == 1
    assert len(report.problems) == 2


@pytest.mark.parametrize(
    "document",
    [
        "",
        "<html></html>",
        f'<!DOCTYPE feedback [<!ENTITY a "b">]>{HEAD}{ROW}</feedback>',
        f"{HEAD}{'<a>' * 100}",
        HEAD.replace("<begin>1", "<begin>soon") + "</feedback>",
        HEAD.replace("x.test", "") + "</feedback>",
    ],
)
def test_no_report_or_a_hostile_one(document: str) -> None:
    with pytest.raises(ReportError):
        aggregate.parse(document.encode())


def test_texts_with_entities_cdata_and_comments() -> None:
    head = HEAD.replace("<org_name>o", "<org_name>a &lt;&#98;&amp;lt; <![CDATA[<c>]]><!-- <d> -->")
    report = aggregate.parse(f"{head}{ROW}</feedback>".encode())
    assert report.org_name == "a <b&lt; <c>"


def test_utf16_and_a_byte_order_mark() -> None:
    document = f"{HEAD}{ROW}</feedback>"
    for data in (b"\xef\xbb\xbf" + document.encode(), document.encode("utf-16")):
        assert len(aggregate.parse(data).records) == 1


WORD = st.from_regex(r"[a-z0-9.-]{1,12}", fullmatch=True)
PLAIN = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=20)
CHECKED = st.builds(Checked, WORD, st.sampled_from(["pass", "fail"]), WORD, st.sampled_from(["", "mfrom"]), PLAIN)
RECORD = st.builds(
    Record,
    st.ip_addresses().map(str),
    st.integers(0, 10**11),
    st.sampled_from(["none", "quarantine", "reject", "pass"]),
    st.sampled_from(["pass", "fail"]),
    st.sampled_from(["pass", "fail"]),
    WORD,
    WORD,
    WORD,
    st.lists(st.builds(Reason, WORD, PLAIN), max_size=2).map(tuple),
    st.lists(CHECKED, max_size=2).map(tuple),
    st.lists(CHECKED, max_size=2).map(tuple),
)


@given(st.lists(RECORD, max_size=4), PLAIN)
def test_what_is_written_is_read(records: list[Record], org: str) -> None:
    policy = Published("x.test", "reject", "none", "none", "r", "s", "", "1", "n", "treewalk")
    report = Aggregate(org, "a@b", "id", 1, 2, policy, tuple(records), "contact", "generator", ("an error",))
    assert aggregate.parse(aggregate.render(report, rfc9990=True)) == report


MARKS = ["<", "</a>", "<a ", "<![CDATA[", "<!--", "<?", "&#x110000;", "</record>", "<record>"]


@given(st.text(), st.sampled_from(MARKS))
def test_any_text_is_a_report_or_an_error(text: str, mark: str) -> None:
    for document in (text, f"{HEAD}{text}{mark}{text}{ROW}</feedback>"):
        with contextlib.suppress(ReportError):
            assert isinstance(aggregate.parse(document.encode("utf-8", "replace")), Aggregate)


DOMAIN = st.from_regex(r"[a-z0-9.-]{1,12}", fullmatch=True)
RESULT = st.sampled_from(["none", "pass", "fail", "neutral", "temperror", "permerror"])
REASON = st.sampled_from(["sampled_out", "policy_test_mode", "local_policy", "made up"])
PLAIN_RECORD = st.builds(
    Record,
    st.ip_addresses().map(str),
    st.integers(0, 10**11),
    st.sampled_from(["none", "quarantine", "reject", "pass"]),
    st.sampled_from(["pass", "fail"]),
    st.sampled_from(["pass", "fail"]),
    DOMAIN,
    st.sampled_from(["", "a.test"]),
    st.sampled_from(["", "b.test"]),
    st.lists(st.builds(Reason, REASON, PLAIN), max_size=2).map(tuple),
    st.lists(st.builds(Checked, DOMAIN, RESULT, DOMAIN, st.just(""), PLAIN), max_size=2).map(tuple),
    st.lists(
        st.builds(Checked, DOMAIN, RESULT, st.just(""), st.sampled_from(["mfrom", "helo"]), PLAIN), max_size=2
    ).map(tuple),
)


@given(st.lists(PLAIN_RECORD, min_size=1, max_size=4), st.text(max_size=20))
def test_what_is_written_is_as_the_schema_of_rfc_7489(records: list[Record], words: str) -> None:
    policy = Published("x.test", p="none", testing="n", np="reject")
    xml = aggregate.render(Aggregate(f"o{words}", "a@b", "id", 1, 2, policy, tuple(records), words, "g", (words,)))
    rfc7489_schema.check(xml)
    assert [record.count for record in aggregate.parse(xml).records] == [record.count for record in records]


def test_a_reason_that_rfc_7489_does_not_know_is_another() -> None:
    record = Record("192.0.2.1", 1, "none", "fail", "fail", "x.test", reasons=(Reason("policy_test_mode"),))
    report = Aggregate("o", "a@b", "id", 1, 2, Published("x.test", p="none"), (record,))
    (old,) = aggregate.parse(aggregate.render(report)).records
    (new,) = aggregate.parse(aggregate.render(report, rfc9990=True)).records
    assert old.reasons == (Reason("other", "policy_test_mode"),)
    assert new.reasons == (Reason("policy_test_mode"),)
