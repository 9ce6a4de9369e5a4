"""PushSubscription as clients set it (RFC 8620 7.2).

The law: as in kinds.py; keys that leave here are a point of P-256 in its plain form and a secret of 16 octets
(RFC 8291 2, 3.2), and a URL is one of HTTPS with a host.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from mail.jmap.errors import invalid_properties
from mail.jmap.limits import Limits
from mail.jmap.objects import checks
from mail.jmap.objects.kinds import Kind, Property

_POINT_BYTES: Final = 65
_PLAIN_POINT: Final = 4
_SECRET_BYTES: Final = 16
_URL_MAX_CHARS: Final = 2_000
_DEVICE_MAX_CHARS: Final = 255
_URL: Final = re.compile(r"https://[A-Za-z0-9\[][A-Za-z0-9.:\]-]*(?:[/?][!-~]*)?\Z").match


class Keys(msgspec.Struct, forbid_unknown_fields=True):
    p256dh: str
    auth: str


def _octets(text: str) -> bytes:
    """URL-safe base64, with its padding or without."""
    if not text.isascii() or len(text) > 4 * _POINT_BYTES:
        raise ValueError("a key is not in base64")
    plain = text.rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise ValueError("a key is not in base64") from None


def read_keys(value: dict[str, str]) -> tuple[bytes, bytes]:
    """The public key and the secret; ValueError."""
    point, secret = _octets(value["p256dh"]), _octets(value["auth"])
    if len(point) != _POINT_BYTES or point[0] != _PLAIN_POINT or len(secret) != _SECRET_BYTES:
        raise ValueError("a key has the wrong size")
    return point, secret


def _keys(value: dict[str, str] | None, _limits: Limits) -> dict[str, str] | None:
    if value is not None:
        read_keys(value)
    return value


def _url(value: str, _limits: Limits) -> str:
    if len(value) > _URL_MAX_CHARS or not _URL(value):
        raise ValueError("it is no https URL")
    return value


def _device(value: str, limits: Limits) -> str | None:
    if not 0 < len(value) <= _DEVICE_MAX_CHARS:
        raise ValueError("it is empty or too long")
    return checks.line(value, limits)


def _types(value: list[str] | None, limits: Limits) -> list[str] | None:
    if value is not None and (len(value) > limits.push_types_max or any(len(one) > _DEVICE_MAX_CHARS for one in value)):
        raise ValueError("there are too many")
    return value


def _unverified(made: Mapping[str, Any], _limits: Limits) -> None:
    if made["verificationCode"] is not None:
        raise invalid_properties({"verificationCode": "the server makes it"})


PUSH_SUBSCRIPTION: Final = Kind(
    name="PushSubscription",
    properties={
        "id": Property(server=True, fixed=True),
        "deviceClientId": Property(type=str, fixed=True, clean=_device),
        "url": Property(type=str, fixed=True, clean=_url),
        "keys": Property(type=Keys | None, default=None, fixed=True, clean=_keys),
        "verificationCode": Property(type=str | None, default=None, clean=checks.line),
        "expires": Property(type=str | None, default=None, clean=checks.moment),
        "types": Property(type=list[str] | None, default=None, clean=_types),
    },
    whole=_unverified,
)
"""Whether a verification code is the right one is the server's to see."""
