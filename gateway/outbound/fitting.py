"""What of a message fits a server: the transaction it is sent in, converted where it must be; or why it cannot be.

The law: nothing is sent that the server did not offer to take. What cannot be sent without loss is refused with the
status that its sender should hear. Pure: the same message and offers give the same transaction.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from actors.queue.types import Envelope, Recipient
from mail.message.downgrade import Needs, Undowngradable, downgrade, needs
from mail.smtp.client.capabilities import Capabilities
from mail.smtp.client.content import canonical
from mail.smtp.client.envelope import BadAddress, Sender, Target, Transaction, to_ascii


class Misfit(NamedTuple):
    """Why a message cannot go to this server, or to one recipient there."""

    status: str
    said: str
    cause: str


class Fitted(NamedTuple):
    """`taken`: the recipients of the transaction, by their places in what was asked for; `misfits`: those that cannot
    be said to this server."""

    transaction: Transaction | None
    taken: tuple[int, ...]
    misfits: Mapping[int, Misfit]


_NONE: Final[Mapping[int, Misfit]] = {}
_NOT_UTF8: Final = Misfit("5.6.7", "The server does not take addresses or headers outside ASCII", "content")


class Message:
    """A message on its way, looked at once for all servers it is tried at."""

    def __init__(self, mail: Envelope, body: bytes) -> None:
        self.mail = mail
        self._binary = mail.body == "BINARYMIME"
        self._content = body if self._binary else canonical(body)
        self._needs: Needs = needs(self._content, binary=self._binary)

    def fit(
        self,
        recipients: Sequence[Recipient],
        offers: Capabilities,
        *,
        now_ms: int,
        protected: bool,
        final: bool = False,
    ) -> Fitted | Misfit:
        """For a server with these offers. `protected`: TLS is proven as RFC 8689 2 wants it; `final`: it delivers
        (LMTP)."""
        mail = self.mail
        utf8 = self._utf8(recipients, offers)
        if isinstance(utf8, Misfit):
            return utf8
        late = _late(mail, offers, now_ms, final=final)
        if late is not None:
            return late
        content = self._converted(offers)
        if isinstance(content, Misfit):
            return content
        if offers.size_bytes_max and len(content) > offers.size_bytes_max:
            return Misfit(
                "5.3.4", f"The message is larger than the server takes ({offers.size_bytes_max} bytes)", "too-large"
            )
        taken, targets, misfits = _targets(recipients, offers, utf8=utf8)
        if not targets:
            return Fitted(None, (), misfits)
        try:
            address = mail.sender if utf8 else to_ascii(mail.sender)
        except BadAddress:
            return _NOT_UTF8
        kept = content is self._content
        sender = Sender(
            address=address,
            size_bytes=len(content),
            body=self._needs.body if kept else "7BIT" if content.isascii() else "8BITMIME",
            smtputf8=utf8,
            ret=mail.ret,
            envid=mail.envid,
            require_tls=mail.require_tls and protected,
            priority=mail.priority,
            by_s=(mail.by_ms - now_ms) // 1000 if mail.by_mode else None,
            by_mode=mail.by_mode or "N",
            by_trace=mail.by_trace,
        )
        return Fitted(Transaction(sender, targets, content), taken, misfits)

    def _utf8(self, recipients: Sequence[Recipient], offers: Capabilities) -> bool | Misfit:
        """Whether SMTPUTF8 is to be said (RFC 6531 3.4)."""
        mail = self.mail
        header = mail.smtputf8 and self._needs.header_utf8
        if header and not offers.smtputf8:
            return _NOT_UTF8
        wide = header or not (mail.sender.isascii() and all(one.address.isascii() for one in recipients))
        return wide and offers.smtputf8

    def _converted(self, offers: Capabilities) -> bytes | Misfit:
        """The content as this server takes it (RFC 3030 3, RFC 6152 3)."""
        wanted = self._needs.body
        if (
            wanted == "7BIT"
            or (wanted == "8BITMIME" and offers.eightbit)
            or (wanted == "BINARYMIME" and offers.binarymime)
        ):
            return self._content
        try:
            return canonical(downgrade(self._content, "8BITMIME" if offers.eightbit else "7BIT"))
        except Undowngradable as error:
            return Misfit(error.status, f"The server does not take 8-bit mail, and {error.why}", "content")


def _late(mail: Envelope, offers: Capabilities, now_ms: int, *, final: bool) -> Misfit | None:
    """RFC 2852 4.1: what is to be returned when late is not given to who would not return it."""
    if mail.by_mode != "R":
        return None
    left_s = (mail.by_ms - now_ms) // 1000
    if left_s <= 0:
        return Misfit("5.4.7", "The time to deliver the message is over", "expired")
    if final or (offers.deliver_by and left_s >= offers.deliver_by_min_s):
        return None
    return Misfit("5.4.7", "The server does not promise to deliver in time", "expired")


def _targets(
    recipients: Sequence[Recipient], offers: Capabilities, *, utf8: bool
) -> tuple[tuple[int, ...], tuple[Target, ...], Mapping[int, Misfit]]:
    """As many recipients as the server takes at once (RFC 9422)."""
    if utf8 and not offers.recipients_max:
        return tuple(range(len(recipients))), tuple(map(_target, recipients)), _NONE
    taken: list[int] = []
    targets: list[Target] = []
    misfits: dict[int, Misfit] = {}
    for number, recipient in enumerate(recipients):
        if offers.recipients_max and len(targets) >= offers.recipients_max:
            break
        target = _target(recipient)
        if not utf8 and not target.address.isascii():
            try:
                target = Target(to_ascii(target.address), target.notify, target.orcpt)
            except BadAddress:
                misfits[number] = _NOT_UTF8
                continue
        taken.append(number)
        targets.append(target)
    return tuple(taken), tuple(targets), misfits


def _target(recipient: Recipient) -> Target:
    return Target(recipient.address, recipient.notify, recipient.orcpt)
