"""A story in words."""

import orjson

from ops.cli.why import as_plain, told
from wire import admin_pb2 as pb

FACTS = [
    pb.Fact(what="connection", of=orjson.dumps({"ip": "192.0.2.1"}).decode()),
    pb.Fact(what="spf", how="pass", of=orjson.dumps({"domain": "x.test", "answers": [1], "tls": True}).decode()),
]
STORY = pb.Story(
    ident="a.1",
    notes=[
        pb.Note(step="intake", how="accepted", message_id="m@x", sender="", recipients=["r@y"] * 7, facts=FACTS),
        pb.Note(step="0102.1", how="delivered"),
        pb.Note(step="outcome", how="deferred"),
    ],
)


def test_it_is_told_in_the_order_of_its_notes() -> None:
    lines = list(told(STORY, whole=False))
    assert lines[0] == "a.1 <m@x>: from <> to r@y, r@y, r@y, r@y, r@y and 2 more"
    assert lines[1].endswith("Taken.")
    assert lines[2:4] == ["      connection: ip 192.0.2.1", "      spf pass: domain x.test, tls yes"]
    assert lines[4].endswith("Delivery attempt 1 of 0102: delivered.")
    assert lines[5].endswith("the sender was told to try again.")


def test_particulars_come_when_wanted() -> None:
    assert "answers [1]" in "\n".join(told(STORY, whole=True))


def test_programs_get_values() -> None:
    assert as_plain(STORY)["notes"][0]["facts"][1]["of"]["answers"] == [1]


def test_what_others_wrote_does_not_drive_the_terminal() -> None:
    evil = pb.Story(ident="a.1", notes=[pb.Note(step="intake", how="accepted", message_id="\x1b]0;owned\x07\nx@\x9by")])
    lines = list(told(evil, whole=True))
    assert lines[0].startswith(r"a.1 <\x1b]0;owned\x07\nx@\x9by>")
    assert all(line.isprintable() for line in lines)
