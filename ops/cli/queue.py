"""`rookery queue`: mail on its way to other servers."""

import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from ops.cli.connect import Admin, ask, data_option
from ops.cli.output import Group, json_option, plain, print_json, print_table, size, visible
from wire import admin_pb2 as pb

STATUSES: Final = ("pending", "waiting", "scheduled", "held", "lent", "delivered", "failed", "cancelled")
_ENDED: Final = ("delivered", "failed", "cancelled")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_SPAN: Final = re.compile(r"(\d{1,9})\s*([smhdw]?)")

Function = TypeVar("Function", bound=Callable[..., Any])


class Span(click.ParamType[int]):
    """A time as people write it: 90s, 30m, 4h, 5d; seconds."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds."""
        if isinstance(value, int):
            return value
        found = _SPAN.fullmatch(str(value).strip().lower())
        if found is None:
            self.fail(f"{value!r} is no time; write it like 90s, 30m, 4h or 5d.", param, ctx)
        return int(found[1]) * _UNITS[found[2] or "s"]


_FILTERS: Final = (
    click.option("--sender", default="", help="From this address, or `@domain`; `<>` is mail without a sender."),
    click.option("--recipient", default="", help="To this address, or `@domain`."),
    click.option("--domain", default="", help="Whose recipients are at this domain."),
    click.option("--older-than", "older_than_s", type=Span(), default="0", help="Queued longer ago, like 4h or 2d."),
    click.option(
        "--status",
        type=click.Choice(STATUSES),
        help="What is so; `pending`: has not ended, `lent`: is being delivered now.",
    ),
)


def filter_options(function: Function) -> Function:
    """The options that say which entries are meant."""
    for option in reversed(_FILTERS):
        function = option(function)
    return function


def _filter(chosen: dict[str, Any]) -> pb.QueueFilter:
    age_s = chosen["older_than_s"]
    return pb.QueueFilter(
        sender=chosen["sender"],
        recipient=chosen["recipient"],
        domain=chosen["domain"],
        status=chosen["status"] or "",
        before_ms=time.time_ns() // 1_000_000 - age_s * 1000 if age_s else 0,
    )


@click.group(cls=Group)
def queue() -> None:
    """Mail on its way to other servers: what waits and why, and what to do about it.

    \b
      rookery queue status
      rookery queue list --domain example.org --older-than 4h
      rookery queue show 0a1b...
      rookery queue retry --domain example.org
      rookery queue cancel --sender spammer@example.org
    """


@queue.command()
@filter_options
@json_option
@data_option
def status(as_json: bool, data: Path, **chosen: Any) -> None:
    """Tell what waits, by destination, and why."""
    request = pb.GetQueueStatusRequest(filter=_filter(chosen))

    async def reading(server: Admin) -> pb.QueueStatus:
        return await server.queue.GetQueueStatus(request)

    found = ask(data, reading).destinations
    if as_json:
        return print_json(map(plain, found))
    rows = [
        (
            one.destination or "(others)",
            str(one.entries),
            str(one.recipients),
            str(one.held) if one.held else "",
            str(one.lent) if one.lent else "",
            _when(one.oldest_ms),
            _when(one.due_ms),
            one.why,
        )
        for one in found
    ]
    columns = ("To", "Messages", "Recipients", "Held", "Lent", "Oldest", "Next due", "Why")
    return print_table(columns, rows, empty="The queue is empty.")


@queue.command(name="list")
@filter_options
@click.option("--ended", is_flag=True, help="Also what was delivered, given up or cancelled lately.")
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="How many at most.")
@json_option
@data_option
def list_(ended: bool, limit: int, as_json: bool, data: Path, **chosen: Any) -> None:
    """List entries of the queue: those that have not ended, unless --status or --ended says otherwise."""
    if not ended and not chosen["status"]:
        chosen["status"] = "pending"
    request = pb.ListQueueRequest(filter=_filter(chosen), limit=limit + 1)

    async def listing(server: Admin) -> list[pb.QueueEntry]:
        return [entry async for entry in server.queue.ListQueue(request)]

    entries = ask(data, listing)
    if len(entries) > limit:
        del entries[limit:]
        click.echo(f"There are more than {limit}: --limit shows more, `rookery queue status` counts them.", err=True)
    if as_json:
        return print_json(map(plain, entries))
    rows = [
        (
            entry.id,
            entry.domain,
            entry.sender or "<>",
            str(len(entry.recipients)),
            size(entry.size),
            entry.word,
            str(entry.tries),
            _when(_due_ms(entry)),
            _why(entry),
        )
        for entry in entries
    ]
    columns = ("Id", "To", "From", "Recipients", "Size", "Status", "Tries", "Due", "Why")
    return print_table(columns, rows, empty="The queue is empty, or has nothing of the kind.")


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
    click.echo(f"{found.id}: {found.word}, from {found.sender or '<>'} to {found.domain}, {size(found.size)}")
    for name, value in _particulars(found):
        click.echo(visible(f"{name:12}{value}"))
    people = [
        (one.address, one.result.outcome or "waiting", _when(one.at_ms), _result(one.result)) for one in found.people
    ]
    print_table(("Recipient", "Is", "Since", "Because"), people, empty="")
    rows = [row for step in found.steps for row in _rows(step, found)]
    if found.forgotten:
        click.echo(f"{found.forgotten} older events are not kept.")
    return print_table(("When", "What", "Until", "For", "Said"), rows, empty="It has no history.")


def _due_ms(entry: pb.QueueEntry) -> int:
    """When something is due; 0 where all has been done, and `due_ms` says when it is forgotten."""
    return 0 if entry.status in _ENDED else entry.due_ms


def _particulars(found: pb.QueueEntry) -> list[tuple[str, str]]:
    facts = (
        ("queued", _when(found.queued_ms)),
        ("forgotten" if found.status in _ENDED else "due", _when(found.due_ms)),
        ("message-id", found.message_id),
        ("trace", found.ident),
        ("route", found.route),
        ("sent to", found.target),
        ("given up", _when(found.expires_ms)),
        ("priority", str(found.priority) if found.priority else ""),
        ("to be told", ", ".join(one.kind for one in found.owed)),
    )
    return [(name, value) for name, value in facts if value]


def _rows(step: pb.QueueStep, found: pb.QueueEntry) -> list[tuple[str, str, str, str, str]]:
    """One row for each result of an attempt, one for anything else."""
    when, until = _when(step.at_ms), _when(step.until_ms)
    if not step.told:
        said = step.said or (str(step.value) if step.what == "prioritised" else _when(step.value))
        return [(when, step.what, until, "", said)]
    return [
        (when, told.result.outcome, until, _names(told.recipients, found), _result(told.result)) for told in step.told
    ]


def _names(indices: Any, found: pb.QueueEntry) -> str:
    if len(indices) == len(found.recipients) > 1:
        return "all"
    names = [found.recipients[index] for index in indices[:3]]
    return ", ".join(names) + (f" and {len(indices) - 3} more" if len(indices) > 3 else "")


def _why(entry: pb.QueueEntry) -> str:
    """What one that waits, or was given up, heard last."""
    return next((_result(one.result) for one in entry.people if one.result.outcome in ("deferred", "failed")), "")


def _result(result: pb.QueueResult) -> str:
    reply = f"{result.code} {result.said}" if result.code else result.said
    where = f"{result.host or result.ip} said: " if result.code and (result.host or result.ip) else ""
    return where + (reply or result.cause)


# -- changes ---------------------------------------------------------------------------------------------------------


def _change(
    what: "pb.QueueChange.ValueType",
    entries: tuple[str, ...],
    data: Path,
    wish: pb.QueueWish,
    chosen: dict[str, Any],
    *,
    status: str = "",
) -> None:
    """Named entries, or all that the options mean; `status`: of these, where the options say nothing of it."""
    everything = chosen.pop("everything")
    which = _filter(chosen)
    if bool(entries) == (everything or which != pb.QueueFilter()):
        raise click.UsageError("Name entries, or say with options which are meant; --all for all there are.")
    which.status = which.status or status

    async def named(server: Admin) -> int:
        for entry in entries:
            await server.queue.ChangeQueueEntry(pb.ChangeQueueEntryRequest(id=entry, change=what, wish=wish))
        return len(entries)

    async def many(server: Admin) -> int:
        request = pb.ChangeQueueRequest(filter=which, change=what, wish=wish, all=everything)
        return await _shown(server, request)

    changed = ask(data, named if entries else many)
    click.echo(f"{changed} changed." if changed != 1 else "1 changed.", err=True)


async def _shown(server: Admin, request: pb.ChangeQueueRequest) -> int:
    """Carried out, with a bar where there is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.fields[changed]} of {task.fields[seen]} entries"), BarColumn())
    changed = 0
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as bar:
        task = bar.add_task("changing", total=None, changed=0, seen=0)
        async for progress in server.queue.ChangeQueue(request):
            changed = progress.changed
            bar.update(task, completed=progress.slots, total=progress.of, changed=changed, seen=progress.seen)
    return changed


def _changes(function: Function) -> Function:
    """What all commands that change entries take."""
    everything = click.option("--all", "everything", is_flag=True, help="All there are.")
    return click.argument("entries", nargs=-1)(filter_options(everything(data_option(function))))


@queue.command()
@_changes
def hold(entries: tuple[str, ...], data: Path, **chosen: Any) -> None:
    """Send them to nobody until they are released."""
    _change(pb.QUEUE_CHANGE_HOLD, entries, data, pb.QueueWish(), chosen)


@queue.command()
@_changes
def release(entries: tuple[str, ...], data: Path, **chosen: Any) -> None:
    """End a hold."""
    _change(pb.QUEUE_CHANGE_RELEASE, entries, data, pb.QueueWish(), chosen)


@queue.command()
@_changes
def cancel(entries: tuple[str, ...], data: Path, **chosen: Any) -> None:
    """Never send them, and tell nobody; `expire --after 0` tells the senders."""
    _change(pb.QUEUE_CHANGE_CANCEL, entries, data, pb.QueueWish(), chosen)


@queue.command()
@_changes
def retry(entries: tuple[str, ...], data: Path, **chosen: Any) -> None:
    """Try them now. What is held, or scheduled for later, is meant only by its id or with --status."""
    _change(pb.QUEUE_CHANGE_RETRY, entries, data, pb.QueueWish(), chosen, status="waiting")


@queue.command()
@_changes
@click.option("--route", default="", help="By this route of the settings ([outbound.route]).")
@click.option("--to", "target", default="", help="To the servers of this domain.")
def reroute(entries: tuple[str, ...], data: Path, route: str, target: str, **chosen: Any) -> None:
    """Send them another way, at once; with neither --route nor --to by their domain's own again."""
    if route and target:
        raise click.UsageError("Give --route or --to, not both.")
    _change(pb.QUEUE_CHANGE_REROUTE, entries, data, pb.QueueWish(route=route, target=target), chosen)


@queue.command()
@_changes
@click.option("--after", "after_s", type=Span(), help="Give them up in this time, like 2h; 0: now.")
@click.option("--by-schedule", is_flag=True, help="When the schedule says, again.")
def expire(entries: tuple[str, ...], data: Path, after_s: int | None, by_schedule: bool, **chosen: Any) -> None:
    """Give them up at another time, and tell their senders."""
    if (after_s is None) != by_schedule:
        raise click.UsageError("Give --after TIME, or --by-schedule.")
    expires_ms = 0 if after_s is None else time.time_ns() // 1_000_000 + after_s * 1000
    _change(pb.QUEUE_CHANGE_EXPIRE, entries, data, pb.QueueWish(expires_ms=expires_ms), chosen)


@queue.command()
@_changes
@click.option("--priority", type=click.IntRange(-9, 9), required=True, help="9 goes first; 0 is usual.")
def prioritise(entries: tuple[str, ...], data: Path, priority: int, **chosen: Any) -> None:
    """Send them before others, or after."""
    _change(pb.QUEUE_CHANGE_PRIORITISE, entries, data, pb.QueueWish(priority=priority), chosen)


@queue.command()
@_changes
def recall(entries: tuple[str, ...], data: Path, **chosen: Any) -> None:
    """Take back what a process has under way that is dead for sure; else it may be sent twice."""
    _change(pb.QUEUE_CHANGE_RECALL, entries, data, pb.QueueWish(), chosen)


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ") if at_ms else ""
