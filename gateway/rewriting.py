"""Rewriting of the envelope's addresses by rules of the settings.

    [smtp.rewrite]
    recipient = [
        { if = 'recipient.matches(r"^(.+)@old\\.example$")', then = "${1}@new.example" },
        { else = "" },
    ]

The law: an address is rewritten at most once, by the first rule that holds; what comes out is an address by the grammar
(RFC 5321 4.1.2), or the address stays as it was. The empty sender stays empty: a bounce must never be answered.
"""

from collections.abc import Callable
from typing import Annotated, Final

import structlog
from msgspec import Meta, Struct
from prometheus_client import CollectorRegistry, Counter

from cluster.rules import Facts, Picked
from gateway.facts import AtMail, AtRcpt
from mail.smtp.grammar import RCPT

ADDRESS_BYTES_MAX: Final = 254  # a path has 256 with its brackets (RFC 5321 4.5.3.1.3)
_LOCAL_BYTES_MAX: Final = 64  # RFC 5321 4.5.3.1.1


class RewriteSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the envelope's addresses are changed when they come in."""

    sender: Annotated[AtMail[str], Meta(description="What the sender becomes; empty: it stays.")] = AtMail.of("")
    recipient: Annotated[AtRcpt[str], Meta(description="What a recipient becomes; empty: it stays.")] = AtRcpt.of("")


class Rewritten(Struct, frozen=True):
    """An address, and by which rule (empty: it is as it was)."""

    address: str
    reason: str = ""


class Rewriting:
    """The rules at work."""

    def __init__(
        self, settings: RewriteSettings, registry: CollectorRegistry, is_address: Callable[[str], bool] | None = None
    ) -> None:
        """`is_address`: what counts as an address; by default what RCPT takes."""
        self._settings = settings
        self._is_address = is_address or is_mailbox
        self._refused = Counter(
            "rookery_smtp_rewrites_refused", "Rewritings that gave no address and were not done.", registry=registry
        )
        self._log = structlog.get_logger()

    async def sender(self, facts: Facts) -> Rewritten:
        """What the sender in the facts becomes."""
        sender: str = facts["sender"]
        choice = self._settings.sender
        if not sender or (choice.is_plain and not choice.values[0]):
            return Rewritten(sender)
        return self._taken(sender, await choice.choose_with_reason(facts))

    async def recipient(self, facts: Facts) -> Rewritten:
        """What the recipient in the facts becomes."""
        recipient: str = facts["recipient"]
        choice = self._settings.recipient
        if choice.is_plain and not choice.values[0]:
            return Rewritten(recipient)
        return self._taken(recipient, await choice.choose_with_reason(facts))

    def _taken(self, old: str, picked: Picked[str]) -> Rewritten:
        new = picked.value
        if not new or new == old:
            return Rewritten(old)
        if not self._is_address(new):
            self._refused.inc()
            self._log.warning("smtp.rewrite_refused", rule=picked.reason, address=old)
            return Rewritten(old)
        return Rewritten(new, picked.reason)


def is_mailbox(text: str) -> bool:
    """Whether it is a Mailbox by the grammar (RFC 5321 4.1.2, RFC 6531 3.3), in its lengths."""
    try:
        address = text.encode()
    except UnicodeEncodeError:
        return False
    local, at, _domain = address.rpartition(b"@")
    if not at or len(local) > _LOCAL_BYTES_MAX or len(address) > ADDRESS_BYTES_MAX:
        return False
    match = RCPT.fullmatch(b"TO:<" + address + b">")
    return match is not None and match[2] == address
