"""gateway/imap/ids.py."""

import re

from hypothesis import given
from hypothesis import strategies as st

from gateway.access.ids import account_id, account_of, email_id, email_of, mailbox_id, thread_id, thread_of

NUMBERS = st.integers(1, 2**63 - 1)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_an_identifier_is_read_back_in_its_own_account_only(account: int, other: int, number: int) -> None:
    for made, read in ((email_id, email_of), (thread_id, thread_of)):
        identifier = made(account, number)
        assert re.fullmatch("[A-Za-z][A-Za-z0-9_-]{0,254}", identifier)  # RFC 8474 7, 8.1
        assert read(identifier, account) == number
        if account != other:
            assert read(identifier, other) is None
            assert made(other, number) != identifier


def test_kinds_are_never_one_another() -> None:
    assert (mailbox_id(5, 10), email_id(5, 10), thread_id(31, 10)) == ("A5_Fa", "A5_Ea", "A1f_Ta")
    for wrong in (
        "",
        "Ea",
        "A5_Fa",
        "A5_Ta",
        "A5_ea",
        "A5_E",
        "A5_EA",
        "A5_E0a",
        "A5_E-1",
        "A5_E" + "f" * 17,
        "A5_E" + "f" * 16,
        "A5_E8" + "0" * 15,
        "A05_Ea",
        "a5_Ea",
        "A6_Ea",
        "NIL",
    ):
        assert email_of(wrong, 5) is None
    assert email_of("A6_Ea", 6) == 10
    assert thread_of("A6_Ea", 6) is None


def test_no_account_has_more_than_63_bits() -> None:
    assert account_of(account_id(2**63 - 1)) == 2**63 - 1
    assert account_of("A8" + "0" * 15) is None
