"""Every file in conversations/ is spoken twice, whole and byte by byte, and must go the same way."""

from pathlib import Path

import pytest

from tests.unit.mail.milter.driver import FOLDER, Talk, framed, raw, steps


@pytest.mark.parametrize("step", [0, 1], ids=["whole", "bytes"])
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_conversation(path: Path, step: int) -> None:
    head: dict[str, str] = {}
    talk: Talk | None = None
    wanted_changes: list[str] = []
    for mark, text in steps(path):
        if mark in {"version", "limits", "size"}:
            head[mark] = text
            continue
        talk = talk or Talk(head)
        match mark:
            case "know":
                talk.know(text)
            case "do":
                assert not talk.said, "the file does not say what was said before"
                talk.do(text)
            case "S":
                wanted = framed(text)
                assert talk.said[: len(wanted)] == wanted
                talk.said = talk.said[len(wanted) :]
            case "R" | "raw":
                assert not talk.said, "the file does not say what was said before"
                talk.hear(framed(text) if mark == "R" else raw(text), step)
            case "=":
                outcome = talk.client.outcome
                assert outcome is not None, f"no outcome, where {text}"
                how, reply = outcome.decision
                assert text == (f"{how.value} {reply.code} {reply.status} {reply.text!r}" if reply else how.value)
                wanted_changes = [repr(change) for change in outcome.changes]
            case "+":
                assert wanted_changes.pop(0) == text
            case "E":
                assert text in talk.error
                talk.error = ""
                talk.said = b""
            case _:
                pytest.fail(f"the mark {mark}")
        assert mark in {"R", "raw"} or not talk.error
    assert talk is not None
    assert not talk.said, "the file does not say what was said at its end"
    assert not wanted_changes, "the file does not name all changes"
    assert not talk.error
