"""Every file in conversations/ is spoken twice, whole and byte by byte, and must be answered the same."""

from pathlib import Path

import pytest

from tests.unit.mail.smtp.driver import FOLDER, Session, machine_for, raw, steps


@pytest.mark.parametrize("step", [0, 1], ids=["whole", "bytes"])
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_conversation(path: Path, step: int) -> None:
    settings: dict[str, str] = {}
    session: Session | None = None
    said, answered, wanted = b"", b"", b""
    for mark, text in [*steps(path), ("end", "")]:
        if mark.islower() and mark != "end":
            settings[mark] = text
            continue
        if session is None:
            session = Session(machine_for(settings))
        if mark not in {"C", "R"} and said:
            answered += session.say(said, step)
            said = b""
        if mark in {"C", "R", "T", "X", "end"} and wanted and not said:
            assert answered.decode() == wanted.decode()
            answered, wanted = b"", b""
        match mark:
            case "C":
                said += text.encode() + b"\r\n"
            case "R":
                said += raw(text)
            case "S":
                wanted += text.encode() + b"\r\n"
            case "T":
                session.machine.tls_started()
            case "M":
                assert session.messages.pop(0).body == raw(text)
            case "X":
                assert session.machine.closing
            case _:
                assert mark == "end"
    assert session is not None
    assert answered == b"", "the file does not say what is answered at its end"
    assert not session.messages, "the file does not name all messages"
