"""`rookery queue`: mail on its way to other servers."""

from datetime import UTC, datetime
from pathlib import Path

import click

from ops.cli.connect import Admin, ask, data_option
from ops.cli.output import json_option, plain, print_json, print_table, size
from wire import admin_pb2 as pb

_CHANGES = {
    "hold": pb.QUEUE_CHANGE_HOLD,
    "release": pb.QUEUE_CHANGE_RELEASE,
    "cancel": pb.QUEUE_CHANGE_CANCEL,
}


@click.group()
def queue() -> None:
    """Mail on its way to other servers: list, show, hold, release, cancel.

    \b
      rookery queue list --domain example.org
      rookery queue show 0a1b...
    """


@queue.command(name="list")
@click.option("--domain", default="", help="Only what goes there.")
@click.option(
    "--status",
    type=click.Choice(["waiting", "lent", "delivered", "failed", "cancelled"]),
    help="Only what is so; `lent` is being delivered now.",
)
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="How many at most.")
@json_option
@data_option
def list_(domain: str, status: str | None, limit: int, as_json: bool, data: Path) -> None:
    """List entries of the queue."""
    request = pb.ListQueueRequest(domain=domain, status=status or "", limit=limit)

    async def listing(server: Admin) -> list[pb.QueueEntry]:
        return [entry async for entry in server.queue.ListQueue(request)]

    entries = ask(data, listing)
    if as_json:
        return print_json(map(plain, entries))
    rows = [
        (
            entry.id,
            entry.domain,
            entry.sender or "<>",
            str(len(entry.recipients)),
            size(entry.size),
            "held" if entry.held else entry.status,
            str(entry.attempts),
            _when(entry.due_ms),
        )
        for entry in entries
    ]
    columns = ("Id", "To", "From", "Recipients", "Size", "Status", "Attempts", "Due")
    return print_table(columns, rows, empty="The queue is empty.")


@queue.command()
@click.argument("entry")
@json_option
@data_option
def show(entry: str, as_json: bool, data: Path) -> None:
    """Show an entry with its whole history."""

    async def reading(server: Admin) -> pb.QueueEntry:
        return await server.queue.GetQueueEntry(pb.GetQueueEntryRequest(id=entry))

    found = ask(data, reading)
    if as_json:
        return print_json([plain(found)])
    click.echo(f"{found.id}: {found.sender or '<>'} to {', '.join(found.recipients)}, {size(found.size)}")
    rows = [(_when(step.at_ms), step.what, _when(step.until_ms), step.said) for step in found.steps]
    return print_table(("When", "What", "Until", "Said"), rows, empty="It has no history.")


@queue.command()
@click.argument("what", type=click.Choice(list(_CHANGES)))
@click.argument("entries", nargs=-1, required=True)
@data_option
def change(what: str, entries: tuple[str, ...], data: Path) -> None:
    """Hold, release or cancel entries."""

    async def changing(server: Admin) -> None:
        for entry in entries:
            await server.queue.ChangeQueueEntry(pb.ChangeQueueEntryRequest(id=entry, change=_CHANGES[what]))

    ask(data, changing)


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if at_ms else ""
