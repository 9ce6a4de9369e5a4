"""From a command that is in order to its event: the arguments, and the conditions that RFCs put on each command.

A function here changes nothing: it gives the event or raises the Refusal. BDAT is the machine's, as bytes follow it.
"""

import binascii
from collections.abc import Callable, Sequence
from typing import Protocol

from mail.smtp import grammar, replies
from mail.smtp.events import (
    Auth,
    DataStart,
    Event,
    Expand,
    Hello,
    Help,
    MailFrom,
    Noop,
    Quit,
    RcptTo,
    Reset,
    StartTls,
    Verify,
)
from mail.smtp.limits import Limits
from mail.smtp.offers import Offers
from mail.smtp.parameters import Refusal, parse_mail, parse_rcpt
from mail.smtp.states import Role

_DATA_START, _RESET, _HELP, _NOOP, _QUIT, _START_TLS = DataStart(), Reset(), Help(), Noop(), Quit(), StartTls()


class Situation(Protocol):
    """What a command may depend on."""

    offers: Offers
    limits: Limits
    tls: bool
    authenticated: bool

    @property
    def mail(self) -> MailFrom | None:
        """The sender, in a transaction."""
        ...

    @property
    def rcpts(self) -> Sequence[RcptTo]:
        """The recipients accepted so far."""
        ...


Command = Callable[[Situation, bytes], Event]


def _hello(verb: str) -> Command:
    def read(_now: Situation, argument: bytes) -> Event:
        if not grammar.HELLO.fullmatch(argument):
            raise Refusal(replies.BAD_HELLO)
        return Hello(verb, argument.decode("utf-8", "backslashreplace"))

    return read


def _mail(now: Situation, argument: bytes) -> Event:
    if now.offers.tls_required and not now.tls:
        raise Refusal(replies.TLS_FIRST)  # RFC 3207 4
    if now.offers.auth_required and not now.authenticated:
        raise Refusal(replies.AUTH_FIRST)  # RFC 4954 6, RFC 6409 4.3
    return parse_mail(argument, now.limits, now.offers, tls=now.tls, authenticated=now.authenticated)


def _rcpt(now: Situation, argument: bytes) -> Event:
    assert now.mail is not None
    rcpt = parse_rcpt(argument, now.limits, now.offers, smtputf8=now.mail.smtputf8)
    if len(now.rcpts) >= now.limits.recipients_max:
        raise Refusal(replies.TOO_MANY_RECIPIENTS)
    if now.limits.domains_max:
        domains = {_domain(one) for one in now.rcpts}
        if len(domains) >= now.limits.domains_max and _domain(rcpt) not in domains:
            raise Refusal(replies.TOO_MANY_DOMAINS)  # RFC 9422 4.3
    return rcpt


def _domain(rcpt: RcptTo) -> str:
    return rcpt.recipient.rpartition("@")[2].lower()


def _data(now: Situation, argument: bytes) -> Event:
    assert now.mail is not None
    if now.mail.body == "BINARYMIME":
        raise Refusal(replies.BINARY_NEEDS_BDAT)  # RFC 3030 3
    return _alone(_DATA_START)(now, argument)


def _starttls(now: Situation, argument: bytes) -> Event:
    if now.tls:
        raise Refusal(replies.TLS_ACTIVE)
    if not now.offers.starttls:
        raise Refusal(replies.NOT_OFFERED)
    return _alone(_START_TLS)(now, argument)


def _alone(event: Event) -> Command:
    """A command without argument."""

    def read(_now: Situation, argument: bytes) -> Event:
        if argument:
            raise Refusal(replies.NO_ARGUMENT)
        return event

    return read


def _with_text(kind: type[Verify | Expand]) -> Command:
    """With SMTPUTF8 behind it the name may be UTF-8 (RFC 6531 3.7.4.2)."""

    def read(_now: Situation, argument: bytes) -> Event:
        found = grammar.NAME.fullmatch(argument)
        if found is None:
            raise Refusal(replies.NEEDS_ARGUMENT)
        if not found[1].isascii() and not found[2]:
            raise Refusal(replies.NAME_NEEDS_UTF8)
        return kind(found[1].decode("utf-8", "backslashreplace"))

    return read


def _auth(now: Situation, argument: bytes) -> Event:
    """RFC 4954 4: `=` is an initial response of no bytes, none at all is none."""
    if now.authenticated:
        raise Refusal(replies.AUTH_DONE)
    if not now.offers.mechanisms_tls and not now.offers.mechanisms_clear:
        raise Refusal(replies.NOT_OFFERED)
    found = grammar.AUTH.fullmatch(argument)
    if found is None:
        raise Refusal(replies.AUTH_BASE64 if argument else replies.NEEDS_ARGUMENT)
    name = found[1].decode().upper()
    if name not in now.offers.mechanisms(tls=now.tls):
        raise Refusal(replies.AUTH_NEEDS_TLS if name in now.offers.mechanisms_tls else replies.AUTH_UNKNOWN)
    if found[2] is None:
        return Auth(name, None)
    initial = b"" if found[2] == b"=" else from_base64(found[2])
    if initial is None:
        raise Refusal(replies.AUTH_BASE64)
    return Auth(name, initial)


def from_base64(data: bytes) -> bytes | None:
    """Decoded strictly; None when it is no base64."""
    try:
        return binascii.a2b_base64(data, strict_mode=True) if data else b""
    except binascii.Error:
        return None


_ANYWHERE: dict[bytes, Command] = {
    b"MAIL": _mail,
    b"RCPT": _rcpt,
    b"DATA": _data,
    b"RSET": _alone(_RESET),
    b"NOOP": lambda _now, _argument: _NOOP,
    b"QUIT": _alone(_QUIT),
    b"VRFY": _with_text(Verify),
    b"EXPN": _with_text(Expand),
    b"HELP": lambda _now, _argument: _HELP,
    b"AUTH": _auth,
    b"STARTTLS": _starttls,
}
_SMTP = _ANYWHERE | {b"HELO": _hello("HELO"), b"EHLO": _hello("EHLO")}
# RFC 2033 4.1: LHLO takes the place of HELO and EHLO.
COMMANDS = {Role.SMTP: _SMTP, Role.SUBMISSION: _SMTP, Role.LMTP: _ANYWHERE | {b"LHLO": _hello("LHLO")}}
