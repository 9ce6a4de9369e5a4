"""The settings by which mail is let in or not, each in words beside its default."""

import re
from typing import Annotated, Final, NamedTuple

from msgspec import Meta, Struct

from gateway.facts import AtConnect, AtData, AtHello, AtMail, AtRcpt
from gateway.rewriting import RewriteSettings
from mail.smtp.replies import Reply

ACCEPT: Final = "accept"
JUNK: Final = "junk"
DISCARD: Final = "discard"
_REPLY: Final = re.compile(r"([45][0-9]{2}) (?:([45]\.[0-9]{1,3}\.[0-9]{1,3}) )?([ -~]{1,400})")


class RuleSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether to go on, at each step. A rule says "accept", or the reply with which it is refused, such as
    "550 5.7.1 Not from there"; 421 closes the connection. Once the message is here also "junk" (taken, into Junk), or
    "discard" (taken, and forgotten)."""

    connect: Annotated[AtConnect[str], Meta(description="When a client connects.")] = AtConnect.of(ACCEPT)
    hello: Annotated[AtHello[str], Meta(description="At EHLO.")] = AtHello.of(ACCEPT)
    mail: Annotated[AtMail[str], Meta(description="At MAIL FROM.")] = AtMail.of(ACCEPT)
    rcpt: Annotated[AtRcpt[str], Meta(description="At each RCPT TO.")] = AtRcpt.of(ACCEPT)
    data: Annotated[AtData[str], Meta(description="When the message is here, and has been checked.")] = AtData.of(
        ACCEPT
    )

    def __post_init__(self) -> None:
        for name, more in (("connect", ()), ("hello", ()), ("mail", ()), ("rcpt", ()), ("data", (JUNK, DISCARD))):
            for value in getattr(self, name).values:
                if value not in (ACCEPT, *more) and "${" not in value and reply_of(value) is None:
                    words = ", ".join(f'"{word}"' for word in (ACCEPT, *more))
                    raise ValueError(f'{name}: {value[:60]!r} is neither {words} nor a reply like "550 5.7.1 Why"')


class GateSettings(NamedTuple):
    """Who is let in, and how addresses are changed: of SmtpSettings."""

    rules: RuleSettings
    rewrite: RewriteSettings
    relay: AtRcpt[bool]

    @property
    def are_open(self) -> bool:
        """Whether nothing is refused or changed."""
        rules, rewrite = self.rules, self.rewrite
        steps = (rules.connect, rules.hello, rules.mail, rules.rcpt, rules.data)
        if any(not one.is_plain or one.values[0] != ACCEPT for one in steps):
            return False
        changed = any(not one.is_plain or one.values[0] for one in (rewrite.sender, rewrite.recipient))
        return not changed and self.relay.is_plain and not self.relay.values[0]


def reply_of(text: str) -> Reply | None:
    """`550 5.7.1 Why` as a reply; None for anything else."""
    found = _REPLY.fullmatch(text)
    if found is None:
        return None
    status = found[2] or ("5.7.1" if found[1].startswith("5") else "4.7.1")
    return Reply(int(found[1]), status, found[3]) if status[0] == found[1][0] else None
