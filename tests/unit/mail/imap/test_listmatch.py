"""LIST patterns: the same answers as trying everything, in a time that no pattern can stretch."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mail.imap.listmatch import ListMatch, Pattern


def _naive(pattern: str, name: str) -> bool:
    """By the words of RFC 3501 6.3.8, trying every length for every wildcard."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(_naive(pattern[1:], name[taken:]) for taken in range(len(name) + 1))
    if pattern[0] == "%":
        most = name.index("/") if "/" in name else len(name)
        return any(_naive(pattern[1:], name[taken:]) for taken in range(most + 1))
    return bool(name) and name[0] == pattern[0] and _naive(pattern[1:], name[1:])


@given(st.text("ab/*%", max_size=8), st.text("ab/", max_size=8))
def test_the_same_as_trying_everything(pattern: str, name: str) -> None:
    assert Pattern(pattern).matches(name) is _naive(pattern, name)


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("inbox", "INBOX", True),
        ("iNb%", "INBOX", True),
        ("inbox/a", "INBOX/a", True),
        ("inbox/A", "INBOX/a", False),
        ("inboxes", "INBOXES", False),
        ("a/inbox", "a/INBOX", False),
        ("%", "INBOX", True),
        ("%", "INBOX/a", False),
        ("*", "", True),
        ("", "", True),
        ("", "a", False),
        ("é*", "éa/b", True),
    ],
)
def test_examples(pattern: str, name: str, matches: bool) -> None:
    assert Pattern(pattern).matches(name) is matches


@given(st.text("ab/*%", max_size=8), st.text("ab/", max_size=8))
def test_a_beginning_is_reached_if_anything_that_begins_so_matches(pattern: str, beginning: str) -> None:
    rests = (pattern[place:].replace("*", "").replace("%", "") for place in range(len(pattern) + 1))
    matches = Pattern(pattern)
    assert matches.reaches(beginning) is any(matches.matches(beginning + rest) for rest in rests)
    assert ListMatch("", [pattern]).reaches(beginning) is matches.reaches(beginning)


def test_patterns_go_below_the_reference() -> None:
    listed = ListMatch("a/", ["b", "c%"])
    assert [name for name in ("a/b", "a/cd", "a/c/d", "b", "a/") if listed.matches(name)] == ["a/b", "a/cd"]


def test_a_hostile_pattern_costs_no_more_than_its_length() -> None:
    # A regular expression that goes back would need 2**1000 steps; the 300 s limit of a test would end it.
    assert not Pattern("*a" * 1_000 + "b").matches("a" * 10_000)
    assert not Pattern("%a" * 1_000 + "b").matches("a" * 10_000)
