"""mail/vacation/answering.py: which messages are answered."""

import pytest

from mail.vacation.answering import why_not

OWN = ("alice@example.org", "al@example.org")
TO = "To: Al <AL@example.org>\r\n"


@pytest.mark.parametrize(
    "head",
    [
        TO,
        "to: bob@x.test,\r\n Group: alice@example.org;\r\n",
        "Resent-Cc: alice@example.org\r\n",
        TO + "Auto-Submitted: No (a person)\r\n",
        TO + "Auto-Submitted: no; why=x\r\n",
        TO + "Precedence: first-class\r\nContent-Type: text/plain\r\n",
    ],
)
def test_what_somebody_wrote_to_her_is_answered(head: str) -> None:
    assert why_not(head.encode(), "bob@far.test", OWN) == ""


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ("", "not to an address of its recipient"),
        ("To: list@example.org\r\n", "not to an address of its recipient"),
        (TO + "List-Id: <l.x.test>\r\n", "of a list"),
        (TO + "LIST-UNSUBSCRIBE: <mailto:x@y.test>\r\n", "of a list"),
        (TO + "Auto-Submitted:\r\n auto-replied\r\n", "of a machine"),
        (TO + "Auto-Submitted: auto-generated; x=no\r\n", "of a machine"),
        (TO + "Precedence: Bulk\r\n", "in bulk"),
        (TO + "X-Auto-Response-Suppress: DR, OOF\r\n", "not wanted"),
        (TO + "Content-Type: multipart/report; report-type=delivery-status\r\n", "a report"),
    ],
)
def test_what_a_machine_or_a_list_sent_is_not(head: str, why: str) -> None:
    assert why_not(head.encode(), "bob@far.test", OWN) == why


@pytest.mark.parametrize(
    "sender",
    ["", "Alice@example.org", "owner-list@x.test", "list-request@x.test", "l-owner@x.test", "MAILER-DAEMON@x.test",
     "noreply@x.test", "no-reply@x.test", "shop.noreply@x.test", "do-not-reply@x.test", "list-bounces@x.test",
     "list-bounces+al=example.org@x.test", "Postmaster@x.test"],
)  # fmt: skip
def test_who_is_nobody_a_machine_or_herself_is_not(sender: str) -> None:
    assert why_not(TO.encode(), sender, OWN).startswith("from ")


@pytest.mark.parametrize("sender", ["reply@x.test", "norbert@x.test", "bouncer@x.test", "owner@x.test", "a-b@x.test"])
def test_who_only_sounds_like_one_is(sender: str) -> None:
    assert why_not(TO.encode(), sender, OWN) == ""
