"""`rookery why`: what happened to a message, in words."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import orjson

from ops.cli.connect import Admin, ask, data_option
from ops.cli.output import json_option, print_json, visible
from wire import admin_pb2 as pb


@click.command()
@click.argument("word", metavar="MESSAGE-ID|QUEUE-ID|ADDRESS")
@click.option("--limit", type=click.IntRange(min=1, max=1000), default=3, show_default=True, help="How many messages.")
@click.option("--all", "whole", is_flag=True, help="Every particular, DNS answers too.")
@json_option
@data_option
def why(word: str, limit: int, whole: bool, as_json: bool, data: Path) -> None:
    """What happened to a message, and why: where it came from, what was checked, where it went.

    \b
      rookery why 20261130.1234@mail.example.org       by its Message-ID
      rookery why alice@example.org --limit 10         the newest from or to an address
      rookery why 0a1b2c3d4e5f.1 --all                 by our name of it, which replies and the log tell
    """
    request = pb.WhyRequest(word=word, limit=limit)

    async def asking(server: Admin) -> list[pb.Story]:
        return [story async for story in server.traces.Why(request)]

    stories = ask(data, asking)
    if as_json:
        print_json(map(as_plain, stories))
        return
    if not stories:
        click.echo(f"Nothing is known of {word}: it never came here, or longer ago than traces are kept.")
    for story in stories:
        for line in told(story, whole=whole):
            click.echo(line)


def as_plain(story: pb.Story) -> dict[str, Any]:
    """A story for programs, the particulars as values."""
    return {
        "ident": story.ident,
        "notes": [
            {
                "step": note.step,
                "at_ms": note.at_ms,
                "message_id": note.message_id,
                "sender": note.sender,
                "recipients": list(note.recipients),
                "queue_ids": list(note.queue_ids),
                "how": note.how,
                "facts": [
                    {"what": fact.what, "how": fact.how, "at_ms": fact.at_ms, "of": orjson.loads(fact.of or "{}")}
                    for fact in note.facts
                ],
            }
            for note in story.notes
        ],
    }


def told(story: pb.Story, *, whole: bool) -> Iterator[str]:
    """The lines that tell a story, fit for a terminal: much of it was written by strangers."""
    yield from map(visible, _lines(story, whole=whole))


def _lines(story: pb.Story, *, whole: bool) -> Iterator[str]:
    first = next((note for note in story.notes if note.step == "intake"), None) or story.notes[0]
    name = f" <{first.message_id}>" if first.message_id else ""
    yield f"{story.ident}{name}: from {first.sender or '<>'} to {_some(first.recipients)}"
    for note in story.notes:
        yield f"  {_when(note.at_ms)}  {_title(note)}"
        for fact in note.facts:
            yield from _fact(fact, whole=whole)
    yield ""


def _title(note: pb.Note) -> str:
    if note.step == "intake":
        return {"accepted": "Taken.", "refused": "Refused.", "deferred": "Not taken now."}.get(note.how, note.how)
    if note.step == "outcome":
        return "Could not be stored for all; the sender was told to try again."
    entry, _, attempt = note.step.rpartition(".")
    return f"Delivery attempt {attempt} of {entry}: {note.how}." if entry else f"{note.step}: {note.how}."


def _fact(fact: pb.Fact, *, whole: bool) -> Iterator[str]:
    of = orjson.loads(fact.of or "{}")
    plain = {key: value for key, value in of.items() if whole or not isinstance(value, list | dict)}
    particulars = ", ".join(f"{key} {_value(value)}" for key, value in plain.items() if value not in ("", None))
    how = f" {fact.how}" if fact.how else ""
    yield f"      {fact.what}{how}{': ' + particulars if particulars else ''}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, str | int | float) else orjson.dumps(value).decode()


def _some(names: Any) -> str:
    shown = ", ".join(names[:5]) or "nobody"
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown


def _when(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"
