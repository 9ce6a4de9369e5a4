"""`rookery audit`: who changed what."""

from datetime import UTC, datetime
from pathlib import Path

import click

from ops.cli.connect import Admin, ask, data_option
from ops.cli.output import json_option, plain, print_json, print_table
from wire import admin_pb2 as pb


@click.command()
@click.option("--limit", type=click.IntRange(min=1, max=100_000), default=50, show_default=True, help="How many.")
@json_option
@data_option
def audit(limit: int, as_json: bool, data: Path) -> None:
    """Changes made by operators, the newest first: when, by whom, what, and how it ended.

    \b
      rookery audit --limit 200
      rookery audit --server mail1.example.org:2090 --json
    """

    async def listing(server: Admin) -> list[pb.Change]:
        return [change async for change in server.audit.ListChanges(pb.ListChangesRequest(limit=limit))]

    changes = ask(data, listing)
    if as_json:
        print_json(map(plain, changes))
    else:
        rows = [(_when(change.at_ms), change.who, change.call, change.request, change.outcome) for change in changes]
        print_table(("When", "Who", "Call", "Request", "Outcome"), rows, empty="Nothing was changed yet.")


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
