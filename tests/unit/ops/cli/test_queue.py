"""`rookery queue` on a data directory where no server runs."""

import asyncio
from pathlib import Path

import pytest

from actors.queue.types import Envelope, Recipient, Result, Told
from cluster.blobs.blobs import digest_of
from cluster.blobs.codec import pack
from ops.core import opened
from tests.unit.ops.cli.conftest import Run, objects

BODY = b"Subject: hello\r\n\r\nhello\r\n"


@pytest.fixture
def entries(data: Path) -> list[str]:
    """Three messages, two of them to a.example; the first was tried."""

    async def fill() -> list[str]:
        async with opened(data) as core:
            ids = []
            for number, domain in enumerate(("a.example", "b.example", "a.example")):
                people = tuple(Recipient(f"you{n}@{domain}") for n in range(number + 1))
                mail = Envelope(domain, "me@example.org", people, digest_of(BODY), len(BODY), message_id="x@y")
                ids.append(await core.queue.enqueue(mail, b"%d" % number, pack(BODY)))
            slot = int.from_bytes(ids[0][:2], "big")
            (work,) = (await core.queue.due(slot, 1, 60)).work
            result = Result("deferred", 451, "4.7.0", "come again", "mx.a.example", cause="greylisted")
            await core.queue.report(work, (Told(result, (0,)),), until_ms=4_000_000_000_000)
            return [entry.hex() for entry in ids]

    return asyncio.run(fill())


def test_an_empty_queue_says_so(run: Run) -> None:
    assert "empty" in run("queue", "status").stderr
    assert objects(run("queue", "list", "--json")) == []


def test_status_tells_why_by_destination(run: Run, entries: list[str]) -> None:
    first, second = objects(run("queue", "status", "--json"))
    assert (first["destination"], first["entries"], first["recipients"]) == ("a.example", 2, 4)
    assert first["why"] == "greylisted: come again"
    assert (second["destination"], second["entries"]) == ("b.example", 1)
    assert "come again" in run("queue", "status").stdout


def test_list_takes_filters(run: Run, entries: list[str]) -> None:
    def listed(*options: str) -> set[str]:
        return {found["id"] for found in objects(run("queue", "list", "--json", *options))}

    assert listed() == set(entries)
    assert listed("--domain", "b.example") == {entries[1]}
    assert listed("--recipient", "You2@a.example") == {entries[2]}
    assert listed("--sender", "@example.org") == set(entries)
    assert listed("--sender", "<>") == set()
    assert listed("--older-than", "1h") == set()
    assert listed("--status", "held") == set()
    assert "451 come again" in run("queue", "list").stdout


def test_list_has_what_has_ended_only_where_it_is_asked_for(run: Run, entries: list[str]) -> None:
    run("queue", "cancel", entries[0])
    assert {found["id"] for found in objects(run("queue", "list", "--json"))} == set(entries[1:])
    assert {found["id"] for found in objects(run("queue", "list", "--json", "--ended"))} == set(entries)
    (found,) = objects(run("queue", "list", "--json", "--status", "cancelled"))
    told = run("queue", "list", "--status", "cancelled").stdout
    assert found["due_ms"] > 0
    assert "Z" not in told.split("cancelled")[1].splitlines()[0], "nothing is due of it any more"
    assert "forgotten" in run("queue", "show", entries[0]).stdout


def test_list_says_that_there_is_more(run: Run, entries: list[str]) -> None:
    cut = run("queue", "list", "--json", "--limit", "2")
    assert len(objects(cut)) == 2
    assert "more than 2" in cut.stderr
    assert "more than" not in run("queue", "list", "--limit", "3").stderr


def test_show_has_the_words_of_every_attempt(run: Run, entries: list[str]) -> None:
    (found,) = objects(run("queue", "show", entries[0], "--json"))
    assert [step["what"] for step in found["steps"]] == ["queued", "lent", "deferred"]
    told = run("queue", "show", entries[0]).stdout
    for words in ("mx.a.example said: 451 come again", "x@y", "you0@a.example"):
        assert words in told


def test_named_entries_and_many_are_changed(run: Run, entries: list[str]) -> None:
    def words() -> list[str]:
        return [objects(run("queue", "show", entry, "--json"))[0]["word"] for entry in entries]

    assert "1 changed" in run("queue", "hold", entries[1]).stderr
    assert words() == ["waiting", "held", "waiting"]
    assert "2 changed" in run("queue", "retry", "--all").stderr, "not what is held"
    assert "2 changed" in run("queue", "hold", "--domain", "a.example").stderr
    assert words() == ["held"] * 3
    run("queue", "release", "--all")
    run("queue", "retry", "--all")
    run("queue", "reroute", "--all", "--route", "relay")
    run("queue", "prioritise", "--domain", "b.example", "--priority", "5")
    run("queue", "expire", entries[2], "--after", "2h")
    shown = [objects(run("queue", "show", entry, "--json"))[0] for entry in entries]
    assert [one["route"] for one in shown] == ["relay"] * 3
    assert [one["priority"] for one in shown] == [0, 5, 0]
    assert shown[2]["expires_ms"] > 0
    assert "retried" in {step["what"] for step in shown[0]["steps"]}
    run("queue", "recall", "--all")
    run("queue", "cancel", "--recipient", "@a.example")
    assert words() == ["cancelled", "waiting", "cancelled"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("hold",),
        ("hold", "00" * 16, "--all"),
        ("reroute", "--all", "--route", "a", "--to", "b"),
        ("expire", "--all"),
        ("expire", "--all", "--after", "1h", "--by-schedule"),
        ("list", "--older-than", "soon"),
    ],
)
def test_what_is_not_clear_is_asked_back(run: Run, arguments: tuple[str, ...]) -> None:
    assert run("queue", *arguments).exit_code == 2
