"""TLS reports (RFC 8460 4): as values, from JSON and to JSON.

The law: what is read is bounded and plain; what is not as the RFC has it is left out rather than guessed.
"""

from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from mail.reports.errors import ReportError

POLICIES_MAX: Final = 10_000
FAILURES_MAX: Final = 10_000  # of a policy
STRINGS_MAX: Final = 200  # of a policy

Text = Annotated[str, Meta(max_length=4000)]
Count = Annotated[int, Meta(ge=0, le=10**12)]


class Failure(Struct, frozen=True, omit_defaults=True, rename="kebab"):
    """Sessions that failed alike (RFC 8460 4.3)."""

    result_type: Text
    failed_session_count: Count = 0
    sending_mta_ip: Text | None = None
    receiving_mx_hostname: Text | None = None
    receiving_mx_helo: Text | None = None
    receiving_ip: Text | None = None
    additional_information: Text | None = None
    failure_reason_code: Text | None = None


class Summary(Struct, frozen=True, rename="kebab"):
    """Sessions in numbers."""

    total_successful_session_count: Count = 0
    total_failure_session_count: Count = 0


class Policy(Struct, frozen=True, omit_defaults=True, rename="kebab"):
    """What was applied: tlsa, sts, or no-policy-found."""

    policy_type: Text
    policy_string: Annotated[list[Text], Meta(max_length=STRINGS_MAX)] | Text | None = None
    policy_domain: Text = ""
    mx_host: Annotated[list[Text], Meta(max_length=STRINGS_MAX)] | Text | None = None


class Applied(Struct, frozen=True, omit_defaults=True, rename="kebab"):
    """A policy and how it went with it."""

    policy: Policy
    summary: Summary
    failure_details: Annotated[list[Failure], Meta(max_length=FAILURES_MAX)] | None = None


class Range(Struct, frozen=True, rename="kebab"):
    """From when to when (RFC 3339)."""

    start_datetime: Text
    end_datetime: Text


class TlsReport(Struct, frozen=True, omit_defaults=True, rename="kebab"):
    """A report."""

    organization_name: Text
    date_range: Range
    report_id: Text
    policies: Annotated[list[Applied], Meta(max_length=POLICIES_MAX)]
    contact_info: Text | None = None


_decoder: Final = msgspec.json.Decoder(TlsReport)
_encoder: Final = msgspec.json.Encoder()


def parse(data: bytes) -> TlsReport:
    """Read a report. Raises ReportError."""
    try:
        return _decoder.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ReportError(f"it is no TLS report: {error}") from error


def render(report: TlsReport) -> bytes:
    """A report as JSON."""
    return _encoder.encode(report)


def moment(at_s: int) -> str:
    """A time as the RFC writes it."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def failures(report: TlsReport) -> list[tuple[str, Failure]]:
    """All failures, with the domain of their policy."""
    return [(one.policy.policy_domain, failure) for one in report.policies for failure in one.failure_details or ()]


def totals(report: TlsReport) -> dict[str, Any]:
    """Sessions by policy domain and type, for people."""
    return {
        f"{one.policy.policy_domain} {one.policy.policy_type}": (
            one.summary.total_successful_session_count,
            one.summary.total_failure_session_count,
        )
        for one in report.policies
    }
