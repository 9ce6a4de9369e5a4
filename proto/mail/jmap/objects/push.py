"""PushSubscription as clients set it (RFC 8620 7.2).

The law: as in kinds.py; what a URL, keys and types may be is known in one place (subscriptions.py).
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from mail.jmap import subscriptions
from mail.jmap.errors import invalid_properties
from mail.jmap.limits import Limits
from mail.jmap.objects import checks
from mail.jmap.objects.kinds import Kind, Property


class Keys(msgspec.Struct, forbid_unknown_fields=True):
    p256dh: str
    auth: str


def _keys(value: dict[str, str] | None, _limits: Limits) -> dict[str, str] | None:
    if value is not None:
        subscriptions.check_keys(value["p256dh"], value["auth"])
    return value


def _url(value: str, _limits: Limits) -> str:
    subscriptions.check_url(value)
    return value


def _device(value: str, limits: Limits) -> str | None:
    subscriptions.check_device(value)
    return checks.line(value, limits)


def _types(value: list[str] | None, _limits: Limits) -> list[str] | None:
    subscriptions.types_of(value)
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
