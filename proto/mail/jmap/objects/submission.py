"""EmailSubmission and MDN as clients set them (RFC 8621 7, RFC 9007 2).

The law: as in kinds.py; an envelope that leaves here has recipients, and each address in it is one of RFC 5321.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from mail.jmap.errors import SetError
from mail.jmap.ids import IdOrCreated
from mail.jmap.limits import Limits
from mail.jmap.objects import checks
from mail.jmap.objects.kinds import Kind, Property

_SERVER: Final = Property(server=True)
_ID: Final = Property(server=True, fixed=True)
_FIELD_NAME: Final = re.compile(r"[!-9;-~]{1,76}\Z").match  # RFC 5322 3.6.8


class Address(msgspec.Struct, forbid_unknown_fields=True):
    """RFC 8621 7."""

    email: str
    parameters: dict[str, str | None] | None = None


class Envelope(msgspec.Struct, forbid_unknown_fields=True):
    mailFrom: Address  # noqa: N815 - the name on the wire
    rcptTo: list[Address]  # noqa: N815


def _envelope(value: dict[str, Any] | None, limits: Limits) -> dict[str, Any] | None:
    """Each address with both members; whether they are addresses is seen later, as that has errors of its own."""
    if value is None:
        return None
    return {
        "mailFrom": _address(value["mailFrom"], limits),
        "rcptTo": [_address(one, limits) for one in value["rcptTo"]],
    }


def _address(value: dict[str, Any], limits: Limits) -> dict[str, Any]:
    return {"email": value["email"], "parameters": checks.esmtp_parameters(value.get("parameters"), limits)}


def check_envelope(envelope: Mapping[str, Any], limits: Limits) -> None:
    """The errors that an envelope has besides invalidProperties, be it given or made (RFC 8621 7.5). SetError."""
    recipients = [one["email"] for one in envelope["rcptTo"]]
    if not recipients:
        raise SetError("noRecipients")
    if len(recipients) > limits.recipients_max:
        raise SetError("tooManyRecipients", maxRecipients=limits.recipients_max)
    if wrong := [one for one in recipients if not checks.is_address(one)]:
        raise SetError("invalidRecipients", invalidRecipients=wrong)
    sender = envelope["mailFrom"]["email"]
    if sender and not checks.is_address(sender):
        raise SetError("invalidProperties", "mailFrom is no address.", properties=["envelope"])


def _whole_submission(made: Mapping[str, Any], limits: Limits) -> None:
    if made["envelope"] is not None:
        check_envelope(made["envelope"], limits)


EMAIL_SUBMISSION: Final = Kind(
    name="EmailSubmission",
    properties={
        "id": _ID,
        "identityId": Property(type=IdOrCreated, fixed=True, refers=True),
        "emailId": Property(type=IdOrCreated, fixed=True, refers=True),
        "threadId": _ID,
        "envelope": Property(type=Envelope | None, default=None, fixed=True, clean=_envelope),
        "sendAt": _ID,
        "undoStatus": Property(type=Literal["canceled"], born=True, usual="final"),  # as meli says it
        "deliveryStatus": _SERVER,
        "dsnBlobIds": _SERVER,
        "mdnBlobIds": _SERVER,
    },
    whole=_whole_submission,
)
"""An update can only set undoStatus to `canceled`."""


class Disposition(msgspec.Struct, forbid_unknown_fields=True):
    """RFC 9007 2."""

    actionMode: Literal["manual-action", "automatic-action"]  # noqa: N815 - the name on the wire
    sendingMode: Literal["mdn-sent-manually", "mdn-sent-automatically"]  # noqa: N815
    type: Literal["deleted", "dispatched", "displayed", "processed"]


def _extension_fields(value: dict[str, str] | None, limits: Limits) -> dict[str, str] | None:
    if value is None:
        return None
    if len(value) > limits.extension_fields_max:
        raise ValueError("there are too many")
    for name, one in value.items():
        if not _FIELD_NAME(name):
            raise ValueError("a name is none of a header field")
        checks.line(one, limits)
    return value


MDN: Final = Kind(
    name="MDN",
    properties={
        "forEmailId": Property(type=IdOrCreated, refers=True),
        "subject": Property(type=str | None, default=None, clean=checks.line),
        "textBody": Property(type=str | None, default=None, clean=checks.text),
        "includeOriginalMessage": Property(type=bool, default=False),
        "reportingUA": Property(type=str | None, default=None, clean=checks.line),
        "disposition": Property(type=Disposition),
        "mdnGateway": _SERVER,
        "originalRecipient": _SERVER,
        "finalRecipient": Property(type=str | None, default=None, clean=checks.line),
        "originalMessageId": _SERVER,
        "error": _SERVER,
        "extensionFields": Property(type=dict[str, str] | None, default=None, clean=_extension_fields),
    },
)


def mdn_as_given(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """An MDN for MDN.create: the examples of RFC 9007 call extensionFields `extension`, and clients follow them."""
    if "extension" not in given or "extensionFields" in given:
        return given
    return {("extensionFields" if name == "extension" else name): value for name, value in given.items()}
