"""Words of MAIL and RCPT: what is said is what was parsed."""

from hypothesis import given
from hypothesis import strategies as st

from mail.smtp.events import MailFrom, RcptTo
from mail.smtp.grammar import unxtext
from mail.smtp.words import mail_words, rcpt_words, xtext


def test_nothing_is_said_of_what_was_not_given() -> None:
    assert mail_words(MailFrom("a@b")) == ()
    assert rcpt_words(RcptTo("a@b")) == ()


def test_all_of_it() -> None:
    event = MailFrom("a@b", 5, "8BITMIME", True, "HDRS", "a b+", "<>", True, 60, "R", True, priority=3)
    assert mail_words(event) == (
        "SIZE=5", "BODY=8BITMIME", "SMTPUTF8", "RET=HDRS", "ENVID=a+20b+2B", "AUTH=<>", "REQUIRETLS", "BY=60;RT",
        "MT-PRIORITY=3",
    )  # fmt: skip
    assert rcpt_words(RcptTo("a@b", ("SUCCESS", "DELAY"), "rfc822;a=b@c")) == (
        "NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;a+3Db@c",
    )  # fmt: skip


@given(st.text())
def test_xtext_comes_back(text: str) -> None:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return
    assert unxtext(xtext(text).encode()) == raw
