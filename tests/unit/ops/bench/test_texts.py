"""The messages of the benchmarks are what they are said to be."""

import random
import zlib

from ops.bench.texts import LETTERS, NEEDLE, NEEDLE_EVERY, letter, letters, mbox, noise, prose

SIZE_BYTES = 4096


def test_noise_hardly_compresses_and_prose_does() -> None:
    dice = random.Random(1)
    assert 0.7 < _left(noise(100_000).text(dice, SIZE_BYTES)) < 0.8  # base64 has 6 bits in 8
    assert 0.3 < _left(prose().text(dice, SIZE_BYTES)) < 0.7


def test_texts_are_whole_lines_of_about_the_size() -> None:
    dice = random.Random(2)
    for pool in (noise(100_000), prose(100_000)):
        for _ in range(100):
            text = pool.text(dice, SIZE_BYTES)
            assert abs(len(text) - SIZE_BYTES) < 200
            assert text.endswith(b"\r\n")
            assert text.count(b"\n") == text.count(b"\r\n")
            assert b"\r\n." not in b"\r\n" + text  # nothing to double in DATA


def test_one_letter_in_a_hundred_has_the_needle() -> None:
    words = prose(100_000)
    hits = [number for number in range(3 * NEEDLE_EVERY) if NEEDLE.encode() in letter(number, "a@b.test", 800, words)]
    assert hits == [0, NEEDLE_EVERY, 2 * NEEDLE_EVERY]


def test_the_same_letters_each_time_no_two_alike() -> None:
    assert letters() == letters()
    assert len(set(letters())) == LETTERS


def test_an_mbox_has_as_many_messages_as_asked_for() -> None:
    assert mbox(LETTERS + 5).count(b"\nFrom - ") == LETTERS + 4  # the first begins the file
    assert b"\r" not in mbox(1)


def _left(text: bytes) -> float:
    return len(zlib.compress(text, 9)) / len(text)
