"""A mailbox whose answers are known: it must be what it says, whoever reads it."""

import email
import mailbox as mailboxes
from collections import Counter
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from ops.bench import texts
from ops.bench.varied import IN_A_THREAD, Mailbox, has_needle, sender

MAILBOX = Mailbox(50 * IN_A_THREAD)


def test_what_is_known_is_in_the_message() -> None:
    for letter in MAILBOX.letters():
        raw = MAILBOX.raw(letter)
        read = email.message_from_bytes(raw)
        assert sender(letter.sender) in read["From"]
        assert read["Subject"].removeprefix("Re: ") == letter.subject
        assert read["Subject"].startswith("Re: ") is (letter.place > 0) is ("In-Reply-To" in read)
        assert parsedate_to_datetime(read["Date"]).timestamp() == letter.sent_s <= letter.arrived_s
        assert (texts.NEEDLE.encode() in raw) is has_needle(letter.number)
        assert raw.endswith(b"\r\n")


def test_no_two_threads_share_a_subject_and_no_two_messages_an_identity() -> None:
    letters = list(MAILBOX.letters())
    assert set(Counter(letter.subject for letter in letters).values()) == {IN_A_THREAD}
    assert len({email.message_from_bytes(MAILBOX.raw(letter))["Message-ID"] for letter in letters}) == MAILBOX.count
    assert len({letter.sender for letter in letters}) > 100


@pytest.mark.parametrize("newest_last", [False, True])
def test_threads_hold_every_message_once(newest_last: bool) -> None:
    told = MAILBOX.threads(newest_last=newest_last)
    numbers = sorted(int(word) for word in told.replace("(", " ").replace(")", " ").split())
    assert numbers == list(range(1, MAILBOX.count + 1))
    assert "((" not in told
    by_number = {letter.number: letter for letter in MAILBOX.letters()}
    first = [by_number[int(part.split()[0])] for part in told.removeprefix("(").split("))(")]
    if not newest_last:
        assert [one.sent_s for one in first] == sorted(one.sent_s for one in first)


def test_an_mbox_has_the_same(tmp_path: Path) -> None:
    path = tmp_path / "mbox"
    path.write_bytes(MAILBOX.mbox(3, 9))
    found = list(mailboxes.mbox(path))
    assert [one["Message-ID"] for one in found] == [
        email.message_from_bytes(MAILBOX.raw(MAILBOX.letter(number)))["Message-ID"] for number in range(3, 10)
    ]
