"""Codes of authenticator apps: time-based one-time passwords (RFC 6238 over RFC 4226), and codes for who lost the app.

The law: pure. A code is right for its step and for one before and after it, and only for steps after the last that
was used: no code is taken twice (RFC 6238 5.2).
"""

import base64
import hmac
import re
from typing import Final
from urllib.parse import quote

STEP_S: Final = 30  # RFC 6238 4.1: the default, and all that most apps know
DIGITS: Final = 6
DRIFT_STEPS: Final = 1  # RFC 6238 5.2: at most one for the way; one ahead, as phones' clocks differ both ways
SECRET_BYTES: Final = 20  # RFC 4226 4, R6: as long as the digest
RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 10  # 80 bits: 16 letters and digits

_CODE: Final = re.compile(r"[0-9]{6}")
_IGNORED: Final = str.maketrans("", "", " -\u00a0\u2011")


def code_at(secret: bytes, step: int) -> str:
    """The code of a step (RFC 4226 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    at = digest[-1] & 0x0F
    number = int.from_bytes(digest[at : at + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def matching(secret: bytes, code: str, now_ms: int, used: int) -> int | None:
    """The step that a code is of, None where it is wrong, too old, or of a step not after `used`."""
    typed = plain(code).encode(errors="surrogatepass")
    now = now_ms // 1000 // STEP_S
    found = None
    for step in range(max(now - DRIFT_STEPS, 0), now + DRIFT_STEPS + 1):  # all, so that the time tells nothing
        right = hmac.compare_digest(code_at(secret, step).encode(), typed)
        if right and step > used and found is None:
            found = step
    return found


def is_code(text: str) -> bool:
    """Whether it looks like an app's code, not like one for who lost the app."""
    return _CODE.fullmatch(plain(text)) is not None


def plain(text: str) -> str:
    """What was typed, without what is only there to be read."""
    return text.translate(_IGNORED).lower()


def spelled(raw: bytes) -> str:
    """Random bytes as people can type them: groups of four, no capitals."""
    text = base64.b32encode(raw).rstrip(b"=").decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def secret_text(secret: bytes) -> str:
    """A secret as apps take it: base32 without padding."""
    return base64.b32encode(secret).rstrip(b"=").decode()


def secret_of(text: str) -> bytes:
    """The secret in such a text. Raises ValueError."""
    text = plain(text).upper()
    secret = base64.b32decode(text + "=" * (-len(text) % 8))
    if len(secret) != SECRET_BYTES:
        raise ValueError("not a secret of ours")
    return secret


def uri(secret: bytes, login: str, issuer: str) -> str:
    """What apps open or read from a picture (the Key URI Format that Google's app began)."""
    label = f"{quote(issuer, safe='')}:{quote(login, safe='@')}"
    return f"otpauth://totp/{label}?secret={secret_text(secret)}&issuer={quote(issuer, safe='')}"
