"""gateway/imap/ids.py."""

import re

from hypothesis import given
from hypothesis import strategies as st

from gateway.access.ids import account_id, account_of, email_id, email_of, mailbox_id, thread_id, thread_of

NUMBERS = st.integers(1, 2**63 - 1)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_an_identifier_is_read_back_in_its_own_account_only(account: int, own: int, number: int) -> None:
    for made, read in ((email_id, email_of), (thread_id, thread_of)):
        identifier = made(account, own, number)
        assert re.fullmatch("[A-Za-z][A-Za-z0-9_-]{0,254}", identifier)  # RFC 8474 7, 8.1
        assert read(identifier, account, own) == number
        if account != own:
            assert read(identifier, own, own) is None
            assert made(own, own, number) != identifier


def test_kinds_are_never_one_another() -> None:
    assert (mailbox_id(5, 5, 10), email_id(5, 5, 10), thread_id(5, 5, 10)) == ("Fa", "Ea", "Ta")
    assert mailbox_id(31, 5, 10) == "A1f_Fa"
    for wrong in (
        "",
        "Fa",
        "Ta",
        "ea",
        "E",
        "EA",
        "E0a",
        "E-1",
        "E" + "f" * 17,
        "E" + "f" * 16,
        "E8" + "0" * 15,
        "A5_Ea",
        "A6_Ea",
        "NIL",
    ):
        assert email_of(wrong, 5, 5) is None
    assert email_of("A6_Ea", 6, 5) == 10
    assert thread_of("Ea", 5, 5) is None


def test_no_account_has_more_than_63_bits() -> None:
    assert account_of(account_id(2**63 - 1)) == 2**63 - 1
    assert account_of("A8" + "0" * 15) is None
