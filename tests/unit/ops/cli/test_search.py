"""`rookery search`: how an index stands, and a new one."""

from ops.cli.search import told
from tests.unit.ops.cli.conftest import Run, objects
from wire import admin_pb2 as pb


def test_it_is_told_in_words() -> None:
    assert told(pb.SearchIndex()).startswith("No index: it is made when")
    assert told(pb.SearchIndex(wanted=True, rebuilding=True)) == "A new index is about to be made."
    index = pb.SearchIndex(wanted=True, newest=9, watermark=9, messages=9, segments=2, entries=3, bytes=6144)
    assert told(index) == "9 messages, all but the newest 3 in 2 segments of 6.0 KiB; up to date."
    index.newest = 15
    assert told(index).endswith("; at most 6 messages behind.")


def test_it_is_asked_and_made_anew(run: Run, alice: str) -> None:
    assert run("search", "status", alice).stdout.startswith("No index")
    assert run("search", "rebuild", alice).stdout.startswith(f"{alice} gets a new index")
    (index,) = objects(run("search", "status", alice, "--json"))
    assert (index["wanted"], index["rebuilding"]) == (True, True)
