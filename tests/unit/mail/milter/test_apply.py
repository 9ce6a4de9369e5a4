"""What comes of changes. Each file in cases/ has a message, a filter's frames, and the message that must come of them.

before: a message, with Python's escapes       R: a frame of the filter
after: the message that must come of it        options: leading_space
envelope: sender recipient...                  envelope after: the same, behind the frames
"""

from pathlib import Path

import pytest

from mail.milter.apply import Applied, Envelope, Recipient, apply
from mail.milter.changes import Change
from mail.milter.content import split
from mail.milter.responses import Decision, Progress, Skip, parse_response
from tests.unit.mail.milter.driver import raw, steps

FOLDER = Path(__file__).parent / "cases"


def change(text: str) -> Change:
    data = raw(text)
    found = parse_response(data[0], data[1:])
    assert not isinstance(found, Decision | Progress | Skip)
    return found


def said(envelope: Envelope) -> str:
    """An envelope in one line: `sender,PARAMETER recipient,PARAMETER`."""
    return " ".join(",".join((address, *args)) for address, args in [envelope[:2], *envelope.recipients])


def envelope_of(text: str) -> Envelope:
    (sender, *args), *others = (word.split(",") for word in text.split(" "))
    return Envelope(sender, tuple(args), tuple(Recipient(address, tuple(more)) for address, *more in others))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_case(path: Path) -> None:
    wanted: list[Change] = []
    leading_space = False
    before = Applied(Envelope(""), split(b""))
    looked = 0
    for mark, text in steps(path):
        match mark:
            case "before":
                before = before._replace(content=split(raw(text)))
                wanted = []
            case "envelope":
                before = before._replace(envelope=envelope_of(text))
                wanted = []
            case "options":
                leading_space = text == "leading_space"
            case "R":
                wanted.append(change(text))
            case _:
                after = apply(before.envelope, before.content, wanted, leading_space=leading_space)
                got = {"after": after.content.join(), "envelope after": said(after.envelope), "held": after.quarantine}
                assert got[mark] == (raw(text) if mark == "after" else text)
                looked += 1
    assert looked


def test_what_is_not_changed_is_the_same_object() -> None:
    content = split(b"A: b\r\n\r\nc\r\n")
    envelope = Envelope("a@b.test", (), (Recipient("c@d.test"),))
    applied = apply(envelope, content, (), leading_space=False)
    assert applied.content is content
    assert applied.envelope == envelope
    assert applied.quarantine is None
