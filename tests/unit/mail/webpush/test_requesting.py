"""The fields of a request, and what answers mean."""

import pytest

from mail.webpush import requesting


def test_fields() -> None:
    made = requesting.fields(60, encrypted=True, urgency="high", topic="abc", authorization="vapid t=x, k=y")
    assert made == {
        "Content-Type": "application/json",
        "Content-Encoding": "aes128gcm",
        "TTL": "60",
        "Urgency": "high",
        "Topic": "abc",
        "Authorization": "vapid t=x, k=y",
    }
    assert requesting.fields(0, encrypted=False) == {
        "Content-Type": "application/json",
        "TTL": "0",
        "Urgency": "normal",
    }


@pytest.mark.parametrize(
    ("status", "means"),
    [
        (201, "taken"), (200, "taken"), (202, "taken"), (404, "gone"), (410, "gone"), (413, "too-large"),
        (429, "slower"), (500, "again"), (503, "again"), (408, "again"), (400, "refused"), (403, "refused"),
        (301, "refused"),
    ],
)  # fmt: skip
def test_what_answers_mean(status: int, means: str) -> None:
    assert requesting.meaning(status) == means


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("99999999999", float(requesting.RETRY_S_MAX)),
        ("Thu, 01 Jan 1970 00:17:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:10:00 GMT", 0.0),
        ("Thu, 01 Jan 2060 00:10:00 GMT", float(requesting.RETRY_S_MAX)),
        ("soon", None),
        ("", None),
        ("-3", None),
    ],
)
def test_how_long_to_wait(value: str, seconds: float | None) -> None:
    assert requesting.retry_after_s(value, 1000.0) == seconds
