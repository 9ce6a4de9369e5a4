"""What the parameters of MAIL become in the event; how they are refused is told by conversations/."""

import msgspec
import pytest

from mail.smtp.events import MailFrom
from mail.smtp.limits import Limits
from mail.smtp.parameters import Refusal, parse_mail
from tests.unit.mail.smtp.test_fuzz import ALL


def read(words: str, *, tls: bool = True, authenticated: bool = True, priority_max: int = 9) -> MailFrom:
    offers = msgspec.structs.replace(ALL, priority_max=priority_max)
    return parse_mail(f"FROM:<a@b.c> {words}".encode(), Limits(), offers, tls=tls, authenticated=authenticated)


@pytest.mark.parametrize(
    ("words", "mail"),
    [
        ("REQUIRETLS", MailFrom("a@b.c", require_tls=True)),
        ("BY=120;RT", MailFrom("a@b.c", by_s=120, by_mode="R", by_trace=True)),
        ("by=-5;n", MailFrom("a@b.c", by_s=-5, by_mode="N")),
        ("HOLDFOR=60", MailFrom("a@b.c", hold_for_s=60)),
        ("HOLDUNTIL=2026-12-01T00:00:00Z", MailFrom("a@b.c", hold_until_ms=1_796_083_200_000)),
        ("HOLDUNTIL=2026-12-01T01:00:00.9+01:00", MailFrom("a@b.c", hold_until_ms=1_796_083_200_000)),
        ("HOLDUNTIL=1950-01-01T00:00:00Z", MailFrom("a@b.c", hold_until_ms=1)),
        ("MT-PRIORITY=-9", MailFrom("a@b.c", priority=-9, priority_asked=-9)),
        ("SOLICIT=net.example:ADV,a,a", MailFrom("a@b.c", solicit=("net.example:ADV", "a"))),
        ("AUTH=e+3Dmc2@example.com", MailFrom("a@b.c", auth="e=mc2@example.com")),
        (
            "MT-PRIORITY=3 BY=60;N HOLDFOR=1 REQUIRETLS RET=FULL SIZE=5 BODY=8BITMIME",
            MailFrom(
                "a@b.c", 5, "8BITMIME", ret="FULL", require_tls=True, by_s=60, by_mode="N", hold_for_s=1, priority=3,
                priority_asked=3,
            ),
        ),
    ],
)  # fmt: skip
def test_values(words: str, mail: MailFrom) -> None:
    assert read(words) == mail


def test_a_priority_that_is_too_high_is_lowered() -> None:
    mail = read("MT-PRIORITY=7", priority_max=4)
    assert (mail.priority, mail.priority_asked) == (4, 7)


def test_who_has_not_logged_in_speaks_for_nobody() -> None:
    assert read("AUTH=e+3Dmc2@example.com", authenticated=False).auth == "<>"


@pytest.mark.parametrize("size", [1000, 1001])
def test_solicitations_are_bounded(size: int) -> None:
    value = "SOLICIT=" + "a" * size
    if size <= 1000:
        assert read(value).solicit == ("a" * size,)
    else:
        with pytest.raises(Refusal, match="SOLICIT"):
            read(value)


def test_all_parameters_at_their_longest_fit_a_line() -> None:
    path = f"<{'a' * 60}@{'b' * 60}.{'c' * 60}.{'d' * 60}>"
    words = [
        f"MAIL FROM:{path} SIZE=12345678901234567890 BODY=BINARYMIME SMTPUTF8 REQUIRETLS BY=-123456789;NT",
        "HOLDUNTIL=2026-12-01T00:00:00.123456789+00:00 MT-PRIORITY=-9 RET=FULL ENVID=" + "x" * 100,
        "AUTH=" + "y" * 494 + " SOLICIT=" + "z" * 1000,
    ]
    assert len(" ".join(words)) + 2 <= Limits().line_bytes_max
