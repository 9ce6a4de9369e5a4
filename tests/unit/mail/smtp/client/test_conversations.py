"""Every file in conversations/ is held twice, the server's side whole and byte by byte, with the same outcome."""

from pathlib import Path

import pytest

from tests.unit.mail.smtp.client.driver import FOLDER, Talk, raw, steps, told

FILES = sorted(FOLDER.glob("*.txt"))


@pytest.mark.parametrize("step", [0, 1], ids=["whole", "bytes"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_conversation(path: Path, step: int) -> None:
    head: dict[str, str] = {}
    talk: Talk | None = None
    heard, wanted = b"", b""
    events: list[str] = []
    for mark, text in [*steps(path), ("end", "")]:
        if mark.islower() and mark != "end":
            head[mark] = text
            continue
        talk = talk or Talk(head, step=step)
        if mark not in {"S", "R"} and heard:
            talk.hear(heard)
            heard = b""
        if mark in {"S", "R", "A", "end"}:
            assert talk.said.decode("latin-1") == wanted.decode("latin-1")
            assert [told(event) for event in talk.events] == events
            if mark != "end":
                talk.said, wanted, talk.events, events = b"", b"", [], []
        match mark:
            case "S":
                heard += text.encode() + b"\r\n"
            case "R":
                heard += raw(text)
            case "C":
                wanted += text.encode() + b"\r\n"
            case "D":
                wanted += raw(text)
            case "E":
                events.append(text)
            case "A":
                talk.act(text)
            case _:
                assert mark == "end"
