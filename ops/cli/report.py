"""`rookery report`: what others report about our domains, and what is to be reported to them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from ops.cli.connect import Admin, ask, data_option
from ops.cli.output import Group, json_option, plain, print_json, print_table, visible
from wire import admin_pb2 as pb

KINDS = ("dmarc", "tls", "abuse", "failure")


@click.group(cls=Group)
def report() -> None:
    """Reports of other servers about our domains (DMARC, TLS, abuse), and ours about theirs.

    \b
      rookery report summary --days 7
      rookery report list --domain example.org --kind dmarc
      rookery report pending
    """


@report.command(name="list")
@click.option("--domain", default="", help="Only those about this domain of ours.")
@click.option("--kind", type=click.Choice(KINDS), help="Only of this kind.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many at most.")
@json_option
@data_option
def list_(domain: str, kind: str | None, limit: int, as_json: bool, data: Path) -> None:
    """List reports that came, the newest first."""
    request = pb.ListReportsRequest(domain=domain, kind=kind or "", limit=limit)

    async def listing(server: Admin) -> list[pb.Report]:
        return [found async for found in server.reports.ListReports(request)]

    found = ask(data, listing)
    if as_json:
        return print_json(map(plain, found))
    rows = [
        (
            one.id,
            _when(one.received_ms),
            one.kind,
            one.domain,
            one.organization or one.sender,
            str(one.passed),
            str(one.failed),
        )
        for one in found
    ]
    columns = ("Id", "Received", "Kind", "About", "From", "Passed", "Failed")
    return print_table(columns, rows, empty="No report is here: `[reports] addresses` in the settings says where from.")


@report.command()
@click.argument("name", metavar="ID")
@json_option
@data_option
def show(name: str, as_json: bool, data: Path) -> None:
    """Show what was read of a report."""

    async def reading(server: Admin) -> pb.Report:
        return await server.reports.GetReport(pb.GetReportRequest(id=name))

    found = ask(data, reading)
    if as_json:
        return print_json([plain(found)])
    whose = f"{found.kind} report about {found.domain} by {found.organization or 'somebody'}, sent by {found.sender}"
    click.echo(visible(whose))
    if found.begin_s:
        click.echo(f"  from {_when(found.begin_s * 1000)} to {_when(found.end_s * 1000)}")
    click.echo(f"  passed {found.passed}, failed {found.failed}")
    brought = f"  its id {found.report_id}; brought by the message {found.ident} (rookery why {found.ident})"
    click.echo(visible(brought))
    for problem in found.problems:
        click.echo(visible(f"  problem: {problem}"))
    return print_table(("What failed", "How often"), _counts(found.worst), empty="Nothing failed.")


@report.command()
@click.option("--days", type=click.IntRange(1, 3650), default=7, show_default=True, help="Of so many days.")
@click.option("--domain", default="", help="Only this domain of ours.")
@json_option
@data_option
def summary(days: int, domain: str, as_json: bool, data: Path) -> None:
    """Sum up what came, by domain: what passed, what failed, and where most of it came from."""
    request = pb.ListReportSummariesRequest(days=days, domain=domain)

    async def summing(server: Admin) -> list[pb.ReportSummary]:
        return [found async for found in server.reports.ListReportSummaries(request)]

    found = ask(data, summing)
    if as_json:
        return print_json(map(plain, found))
    rows = [
        (
            one.domain,
            one.kind,
            str(one.reports),
            str(one.passed),
            str(one.failed),
            _share(one.failed, one.passed + one.failed),
            "\n".join(f"{count.what} ({count.count})" for count in one.worst),
        )
        for one in found
    ]
    columns = ("About", "Kind", "Reports", "Passed", "Failed", "", "Worst")
    return print_table(columns, rows, empty=f"No report came in {days} days.")


@report.command()
@click.option("--limit", type=click.IntRange(min=1), default=1000, show_default=True, help="How many at most.")
@json_option
@data_option
def pending(limit: int, as_json: bool, data: Path) -> None:
    """List what has been counted for reports that are not sent yet."""
    request = pb.ListPendingReportsRequest(limit=limit)

    async def listing(server: Admin) -> list[pb.PendingReport]:
        return [found async for found in server.reports.ListPendingReports(request)]

    found = ask(data, listing)
    if as_json:
        return print_json(map(plain, found))
    rows = [
        (one.day, one.kind, one.domain, str(one.count), str(one.rows), "yes" if one.ended else "not yet")
        for one in found
    ]
    columns = ("Day", "Kind", "To the domain", "Counted", "Rows", "Ended")
    return print_table(columns, rows, empty="Nothing is counted.")


@report.command()
@click.option("--now", is_flag=True, required=True, help="Without waiting for their time.")
@json_option
@data_option
def send(now: bool, as_json: bool, data: Path) -> None:  # noqa: ARG001 (the flag is what makes it deliberate)
    """Send the reports of all days that have ended."""

    async def sending(server: Admin) -> pb.SentReports:
        return await server.reports.SendReports(pb.SendReportsRequest())

    found = ask(data, sending)
    if as_json:
        return print_json([plain(found)])
    return click.echo(
        f"{found.sent} sent; {found.nobody} that nobody wants; {found.later} to be tried again; "
        f"{found.given_up} given up."
    )


def _counts(counts: Sequence[pb.ReportCount]) -> list[tuple[str, str]]:
    return [(one.what, str(one.count)) for one in counts]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else ""


def _when(at_ms: int) -> str:
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError, OSError):  # others write what they like
        return "?"
