"""A request to a push resource (RFC 8030 5), and what its answer means.

The law: every answer has one meaning: it was taken, it may be tried again, less is to be sent, or there is nobody any
more. Whatever is not known is worth another attempt only where the server is at fault.
"""

from email.utils import parsedate_to_datetime
from typing import Final, Literal

from mail.webpush.coding import NAME

Urgency = Literal["very-low", "low", "normal", "high"]  # 5.3
Meaning = Literal["taken", "again", "slower", "gone", "too-large", "refused"]

TTL_S_MAX: Final = 2**31 - 1  # 5.2
TOPIC_CHARS_MAX: Final = 32  # of the base64url alphabet (5.4)
RETRY_S_MAX: Final = 24 * 3600  # a server that wants to be left alone for longer is asked once a day
CONTENT_TYPE: Final = "application/json"  # RFC 8620 7.2


def fields(
    ttl_s: int, *, encrypted: bool, urgency: Urgency = "normal", topic: str = "", authorization: str = ""
) -> dict[str, str]:
    """The fields of a request. `topic`: a newer message replaces one of the same topic that was not delivered yet."""
    assert 0 <= ttl_s <= TTL_S_MAX
    assert len(topic) <= TOPIC_CHARS_MAX
    found = {"Content-Type": CONTENT_TYPE, "TTL": str(ttl_s), "Urgency": urgency}
    if encrypted:
        found["Content-Encoding"] = NAME
    if topic:
        found["Topic"] = topic
    if authorization:
        found["Authorization"] = authorization
    return found


def meaning(status: int) -> Meaning:
    """What the status of an answer says."""
    if 200 <= status < 300:
        return "taken"
    if status in (404, 410):  # the subscription has expired, or there never was one (7.3)
        return "gone"
    if status == 413:  # 7.2
        return "too-large"
    if status == 429:  # 8.4; RFC 8620 7.2: pushes MUST become fewer
        return "slower"
    if status == 408 or status >= 500:
        return "again"
    return "refused"


def retry_after_s(value: str, now_s: float) -> float | None:
    """The seconds that a Retry-After field asks to wait (RFC 9110 10.2.3); None: it says nothing that can be read."""
    value = value.strip()
    if value.isascii() and value.isdigit():
        return float(min(int(value[:10]), RETRY_S_MAX))
    try:
        at_s = parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
    return min(max(at_s - now_s, 0.0), float(RETRY_S_MAX))
