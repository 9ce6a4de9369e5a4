"""`rookery import` and `rookery export`: mail from and to files, with a progress bar."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from cluster.errors import Misconfigured
from ops.cli.connect import Admin, ask, data_option
from ops.cli.output import size
from ops.transfer.export import Exported, path_of
from ops.transfer.export import export as write_all
from ops.transfer.find import Format, folders
from ops.transfer.folder import Folder
from ops.transfer.journal import Journal
from ops.transfer.send import Problem, Report, Sender
from ops.transfer.write_maildir import MaildirWriter
from ops.transfer.write_mbox import MboxWriter
from wire import admin_pb2 as pb

JOURNALS: Final = "imports"  # in the data directory, so that they go with it


@click.command("import")
@click.argument("address")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--format", "format_", type=click.Choice(["auto", "mbox", "maildir"]), default="auto", help="What PATH is."
)
@click.option("--mailbox", default="", metavar="NAME", help="Where to; otherwise by the folders' own names.")
@click.option(
    "--resume/--from-start",
    "resume",
    default=True,
    show_default=True,
    help="Pass over what an earlier import of the same PATH has done, or import all of it.",
)
@data_option
def import_(address: str, paths: tuple[Path, ...], format_: Format, mailbox: str, resume: bool, data: Path) -> None:
    """Read mail from mbox files and Maildirs into the account ADDRESS.

    PATH is an mbox file, a Maildir (with its folders), or a directory with either in it. Folders become mailboxes of
    the same name; Sent, Spam, Deleted Items and the like go to the account's own. Flags and dates are kept.

    Interrupted in any way, the same command goes on where it was, and run again later it imports what is new since.
    A message that cannot be read is named at the end and keeps nothing else out; the exit code is then 1.

    \b
      rookery import alice@example.org ~/Maildir
      rookery import alice@example.org old.mbox --mailbox Archive/2019
    """
    report = Report()

    async def importing(server: Admin) -> None:
        tree = await server.mailboxes.ListMailboxes(pb.ListMailboxesRequest(account=address))
        roles = {box.role: box.name for box in tree.mailboxes if box.role}
        sources = _sources(paths, format_, mailbox, roles)
        with _progress("Importing", sum(folder.size for folder in sources)) as progress:
            sender = Sender(server.mailboxes, address, report, progress)
            await sender.open()
            for folder in sources:
                subject = f"{tree.account_id:016x} {folder.identity} > {folder.mailbox}"
                with Journal(data / JOURNALS, subject, from_start=not resume) as journal:
                    await sender.send(folder, journal)
            await sender.close()

    started = time.monotonic()
    with told_how_to_go_on(report, resume=resume):
        ask(data, importing)
    took_s = time.monotonic() - started
    click.echo(f"Imported {report.stored} messages ({size(report.stored_bytes)}) in {took_s:.1f} s.")
    _end_with(report.problems, report.failed, "could not be imported")


@click.command()
@click.argument("address")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--format", "format_", type=click.Choice(["maildir", "mbox"]), default="maildir", show_default=True)
@click.option("--mailbox", "names", multiple=True, metavar="NAME", help="Only this one; may be repeated.")
@data_option
def export(address: str, directory: Path, format_: str, names: tuple[str, ...], data: Path) -> None:
    """Write the mail of the account ADDRESS into DIRECTORY.

    A Maildir (with folders as in Maildir++) can be exported again: messages that are there already only get their new
    flags, new ones are added, and nothing is removed. mbox files are written anew each time.

    \b
      rookery export alice@example.org alice-mail
      rookery export alice@example.org alice-mail --format mbox --mailbox INBOX
    """
    lost: set[str] = set()

    def writer_of(box: pb.Mailbox) -> MaildirWriter | MboxWriter:
        if format_ == "mbox":
            return MboxWriter(path_of(directory, box.name))
        writer = MaildirWriter(directory, box.name)
        writer.lost = lost
        return writer

    async def exporting(server: Admin) -> Exported:
        tree = await server.mailboxes.ListMailboxes(pb.ListMailboxesRequest(account=address))
        boxes = _chosen(tree.mailboxes, names)
        with _progress("Exporting", sum(box.bytes for box in boxes)) as progress:
            return await write_all(server.mailboxes, address, boxes, writer_of, progress)

    try:
        directory.mkdir(parents=True, exist_ok=True)
        report = ask(data, exporting)
    except OSError as error:
        raise Misconfigured(f"The export cannot be written: {error}; the same command goes on.") from error
    kept = f", {report.kept} were there" if report.kept else ""
    click.echo(f"Exported {report.written} messages to {directory}{kept}.")
    if lost:
        click.echo(f"Maildir has room for 26 keywords; these were left out: {' '.join(sorted(lost))}", err=True)
    _end_with(report.problems, len(report.problems), "could not be exported")


@contextmanager
def told_how_to_go_on(report: Report, *, resume: bool) -> Iterator[None]:
    """Whatever ends an import early, a person learns what is in already."""
    try:
        yield
    except BaseException as error:
        if report.stored:
            command = "the same command" if resume else "the same command without --from-start"
            click.echo(f"{report.stored} messages are in; {command} goes on from there.", err=True)
        if isinstance(error, OSError):
            raise Misconfigured(f"The import cannot go on: {error}") from error
        raise


def _sources(paths: Sequence[Path], format_: Format, mailbox: str, roles: dict[str, str]) -> list[Folder]:
    """The folders of all paths, each once."""
    try:
        found = [folder for path in paths for folder in folders(path, format_, mailbox, roles)]
    except OSError as error:
        raise Misconfigured(f"The mail cannot be read: {error}") from error
    return list({(folder.identity, folder.mailbox): folder for folder in found}.values())


def _chosen(boxes: Iterable[pb.Mailbox], names: Sequence[str]) -> list[pb.Mailbox]:
    known = {box.name: box for box in boxes}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise Misconfigured(f"The account has no mailbox {unknown[0]}; it has: {', '.join(known)}.")
    return [known[name] for name in names] if names else list(known.values())


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, where that is a terminal."""
    messages = 0
    with Progress(
        TextColumn(what),
        BarColumn(),
        TextColumn("{task.fields[messages]} messages"),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    ) as bar:
        task = bar.add_task(what, total=total, messages=0)

        def advance(bytes_: int, count: int) -> None:
            nonlocal messages
            messages += count
            bar.update(task, advance=bytes_, messages=messages)

        yield advance


def _end_with(problems: Sequence[Problem], failed: int, what: str) -> None:
    """Name the problems; the exit code is 1 where a message was left out."""
    for problem in problems:
        click.echo(f"{problem.where}: {problem.says}", err=True)
    if failed:
        click.echo(f"{failed} messages {what}.", err=True)
        sys.exit(1)
