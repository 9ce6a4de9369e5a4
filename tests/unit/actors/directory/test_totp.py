"""RFC 6238's and RFC 4226's own examples, the steps beside, and no code twice."""

import pytest

from actors.directory import totp

SECRET = b"12345678901234567890"  # RFC 6238 appendix B


@pytest.mark.parametrize(
    ("seconds", "code"),
    [  # the last six of the eight digits of RFC 6238 appendix B, SHA1
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_examples(seconds: int, code: str) -> None:
    assert totp.code_at(SECRET, seconds // 30) == code


@pytest.mark.parametrize(("count", "code"), [*enumerate(["755224", "287082", "359152", "969429", "338314"])])
def test_the_examples_of_counters(count: int, code: str) -> None:
    """RFC 4226 appendix D."""
    assert totp.code_at(SECRET, count) == code


@pytest.mark.parametrize(
    ("off", "used", "found"),
    [
        (-2, 0, None),
        (-1, 0, 999),
        (0, 0, 1000),
        (1, 0, 1001),
        (2, 0, None),
        (0, 1000, None),
        (-1, 1000, None),
        (1, 1000, 1001),
    ],
)
def test_a_code_is_right_for_its_step_and_one_beside_but_not_twice(off: int, used: int, found: int | None) -> None:
    assert totp.matching(SECRET, totp.code_at(SECRET, 1000 + off), 1000 * 30_000 + 29_999, used) == found


@pytest.mark.parametrize(
    "code", ["", "28708", "2870820", "28708x", "\uff12\uff18\uff17\uff10\uff18\uff12", "\ud800", "287 083", "-"]
)
def test_what_is_no_code(code: str) -> None:
    assert totp.matching(SECRET, code, 59_000, 0) is None


def test_spaces_and_dashes_do_not_matter() -> None:
    assert totp.matching(SECRET, " 287-082 ", 59_000, 0) == 1
    assert totp.is_code("287 082")
    assert not totp.is_code("abcd-efgh")


def test_a_secret_is_spelled_and_read_and_goes_to_an_app() -> None:
    text = totp.secret_text(SECRET)
    assert totp.secret_of(f" {text[:4]} {text[4:]} ".lower()) == SECRET
    for wrong in ("", text[:-1], text + "A", "1" + text[1:]):
        with pytest.raises(ValueError):
            totp.secret_of(wrong)
    assert totp.uri(SECRET, "al&ice@example.test", "mail.example.test:8443") == (
        f"otpauth://totp/mail.example.test%3A8443:al%26ice@example.test?secret={text}&issuer=mail.example.test%3A8443"
    )


def test_what_people_type_has_no_letter_twice_in_doubt() -> None:
    spelled = totp.spelled(bytes(range(17)))
    assert spelled == spelled.lower()
    assert [len(group) for group in spelled.split("-")] == [4] * 7
    assert not set("0189") & set(spelled)
