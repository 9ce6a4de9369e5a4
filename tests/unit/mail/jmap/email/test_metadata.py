"""keywords and mailboxIds as clients set them (RFC 8621 4.1.1, 4.6)."""

from typing import Any

import pytest

from mail.jmap.email.errors import Refused
from mail.jmap.email.metadata import is_keyword, keywords, mailbox_ids


def test_keywords_are_in_lower_case() -> None:
    assert keywords({"$Seen": True, "x-Y": True}) == {"$seen", "x-y"}
    assert keywords({}) == frozenset()


@pytest.mark.parametrize("name", ['"', "%", "(", ")", "*", "\\", "]", "{", " ", "ä", "", "a b", "\x7f", "x" * 256])
def test_no_keyword(name: str) -> None:
    assert not is_keyword(name)
    with pytest.raises(Refused) as error:
        keywords({name: True})
    assert error.value.type == "invalidProperties"
    assert error.value.properties == (f"keywords/{name}"[: len("keywords/") + 255],)


def test_every_other_character_is_one() -> None:
    assert sum(is_keyword(chr(code)) for code in range(0x21, 0x7F)) == 94 - 8


@pytest.mark.parametrize("value", [None, [], "x", {"a": False}, {"a": 1}, {"a": None}])
def test_no_set(value: Any) -> None:
    for check in (keywords, mailbox_ids):
        with pytest.raises(Refused) as error:
            check(value)
        assert error.value.type == "invalidProperties"


def test_limits() -> None:
    with pytest.raises(Refused) as error:
        keywords({str(number): True for number in range(4)}, 3)
    assert error.value.type == "tooManyKeywords"
    with pytest.raises(Refused) as error:
        mailbox_ids({str(number): True for number in range(4)}, 3)
    assert error.value.type == "tooManyMailboxes"
    with pytest.raises(Refused):
        mailbox_ids({})
    assert mailbox_ids({"F1": True, "#new": True}) == {"F1", "#new"}
