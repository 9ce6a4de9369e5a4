"""actors/mailbox/names.py"""

import pytest

from actors.mailbox import names
from cluster.errors import Refused


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("inbox", "INBOX"),
        ("Inbox/Work", "INBOX/Work"),
        ("a/inbox", "a/inbox"),
        ("Work/", "Work"),
        ("Bu\u0308cher", "B\u00fccher"),
    ],
)
def test_normal(given: str, stored: str) -> None:
    assert names.normal(given) == stored
    assert names.normal(stored) == stored


@pytest.mark.parametrize("name", ["", "/", "a//b", "/a", "a*", "100%", "a\nb", "a\0", "x" * 401, "/".join("a" * 21)])
def test_refused(name: str) -> None:
    with pytest.raises(Refused):
        names.normal(name)


def test_parents() -> None:
    assert list(names.parents("a/b/c")) == ["a/b", "a"]
    assert names.is_below("a/b", "a")
    assert not names.is_below("ab", "a")
