"""mail/dsn/build.py: golden files, whole; what parses; and what nobody can put into a notification.

A golden file is written anew by `python -m tests.unit.mail.dsn.test_build`; read the difference before it is committed.
"""

from email import message_from_bytes, policy
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail.dsn.build import LINE_BYTES_MAX, UNASKED_BYTES_MAX, build
from mail.dsn.parse import parse
from mail.dsn.report import Report, Told

GOLDEN = Path(__file__).parent / "golden"
ARRIVED = 1_700_000_000_000
MAIL = b"From: me@example.org\r\nTo: b@example.net\r\nSubject: hello\r\nMessage-ID: <x@y>\r\n\r\nHello there.\r\n"
WIDE = "From: jörg@bücher.example\r\nSubject: grüße\r\nMessage-ID: <x@y>\r\n\r\nhallo, jörg\r\n".encode()

NOBODY = Told(
    "b@example.net", "failed", "5.1.1", "", "mx.example.net", "192.0.2.1", 550, "5.1.1 No such user here",
    "bad-mailbox", ARRIVED + 60_000,
)  # fmt: skip
FULL = NOBODY._replace(final="e@example.net", said="5.2.2 Over quota", cause="mailbox-full", status="5.2.2")
LATE = Told(
    "c@example.net", "delayed", "4.4.1", "rfc822;c@alias.example", said="connection refused", cause="unreachable",
    at_ms=ARRIVED + 60_000, until_ms=ARRIVED + 432_000_000,
)  # fmt: skip
PASSED = Told("d@example.net", "relayed", "2.0.0", "", "mx.example.net", code=250, said="ok")
WIDE_NOBODY = Told(
    "jürgen@example.net", "failed", "5.1.1", "utf-8;jürgen+x@example.net", "mx.example.net", code=550,
    said="5.1.1 <jürgen@example.net> unbekannt", cause="bad-mailbox",
)  # fmt: skip


def report(*told: Told, **other: object) -> Report:
    fields: dict[str, object] = {
        "host": "mail.example.org",
        "sender": "me@example.org",
        "now_ms": ARRIVED + 120_000,
        "message_id": "0123@mail.example.org",
        "boundary": "=_0123",
        "recipients": told,
        "arrived_ms": ARRIVED,
        "original": MAIL,
        "original_id": "x@y",
    }
    return Report(**fields | other)  # type: ignore[arg-type]


CASES = {
    "failed": report(NOBODY),
    "failed-headers": report(NOBODY, ret="HDRS", envid="e+1"),
    "failed-gone": report(NOBODY, original=None),
    "expired": report(NOBODY._replace(code=0, said="no answer", cause="expired", status="4.4.7", remote="", ip="")),
    "delayed": report(LATE),
    "relayed": report(PASSED),
    "delivered": report(PASSED._replace(action="delivered", remote="", said="", code=0)),
    "expanded": report(PASSED._replace(action="expanded", remote="", said="", code=0)),
    "several": report(NOBODY, LATE, PASSED, FULL),
    "wide-to-ascii": report(WIDE_NOBODY, original=WIDE),
    "wide-to-wide": report(WIDE_NOBODY, original=WIDE, sender="jörg@bücher.example"),
    "wide-headers": report(WIDE_NOBODY, original=WIDE, sender="jörg@bücher.example", ret="HDRS"),
}


@pytest.mark.parametrize("name", CASES)
def test_golden(name: str) -> None:
    assert build(CASES[name]).message == (GOLDEN / f"{name}.eml").read_bytes()


def test_there_is_no_golden_file_without_a_case() -> None:
    assert {path.stem for path in GOLDEN.iterdir()} == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_what_is_built_parses(name: str) -> None:
    case = CASES[name]
    built = build(case)
    parsed = parse(built.message)
    assert parsed is not None
    assert (parsed.reporting, parsed.envid) == (case.host, case.envid)
    assert parsed.original_id == ("x@y" if case.original else "")
    for told, found in zip(case.recipients, parsed.recipients, strict=True):
        assert (found.final, found.action, found.remote) == (told.final, told.action, told.remote)
        assert found.original == told.original.partition(";")[2]
    assert built.smtputf8 == (not case.sender.isascii())
    assert built.eight_bit == (not built.message.partition(b"\r\n\r\n")[2].isascii())


@pytest.mark.parametrize("name", CASES)
def test_the_standard_library_reads_the_same_parts(name: str) -> None:
    """An oracle for the shape: RFC 6522."""
    message = message_from_bytes(build(CASES[name]).message, policy=policy.default)
    assert message.get_content_type() == "multipart/report"
    kinds = [part.get_content_type() for part in message.iter_parts()]
    assert kinds[0] == "text/plain"
    assert kinds[1] in ("message/delivery-status", "message/global-delivery-status")
    assert len(kinds) == (2 if CASES[name].original is None else 3)
    assert message["Auto-Submitted"] == "auto-replied"


def test_only_a_failure_returns_the_message_whole_and_only_while_it_is_small() -> None:
    large = MAIL + b"x" * 70 + b"\r\n" * UNASKED_BYTES_MAX
    for case, whole in (
        (report(NOBODY, ret="FULL"), True),
        (report(LATE, ret="FULL"), False),
        (report(PASSED, ret="FULL"), False),
        (report(NOBODY, original=large), False),
        (report(NOBODY, original=large, ret="FULL"), True),
        (report(NOBODY, original=MAIL + b"\0"), False),
        (report(NOBODY, original=MAIL + b"y" * 1000 + b"\r\n"), False),
        (report(NOBODY, original=MAIL + b"bare\n"), False),
    ):
        assert (b"Content-Type: message/rfc822\r\n" in build(case).message) is whole
        assert b"Subject: hello" in build(case).message


HOSTILE = st.text(st.characters(codec="utf-8"), max_size=300) | st.sampled_from(
    ["a\r\nBcc: x@y", "\r\n\r\n--=_0123--\r\n", "x" * 3000, "ä" * 2000, "\x00\x1b[2J", "a\u2028b", "= _ +"]
)


@settings(max_examples=200, deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE, HOSTILE, st.sampled_from(["me@example.org", "jörg@bücher.example"]))
def test_nothing_that_others_wrote_ends_a_field_or_a_part(
    said: str, host: str, address: str, envid: str, sender: str
) -> None:
    told = Told(f"x{address}", "failed", said, f"rfc822;{address}", host, host, 550, said, "bad-mailbox", ARRIVED)
    built = build(report(told, envid=envid, sender=sender, original_id=said))
    head, _, body = built.message.partition(b"\r\n\r\n")
    assert built.message.count(b"\n") == built.message.count(b"\r\n")
    assert max(map(len, built.message.split(b"\r\n"))) <= LINE_BYTES_MAX
    assert b"\nBcc:" not in head
    assert body.count(b"\r\n--=_0123") == 3  # the first part begins the body
    parsed = parse(built.message)
    assert parsed is not None
    assert len(parsed.recipients) == 1


if __name__ == "__main__":
    for file, case in CASES.items():
        (GOLDEN / f"{file}.eml").write_bytes(build(case).message)
