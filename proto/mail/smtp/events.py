"""What a client asked, as values. An event is only made from a command that was in order and well formed.

An event never holds bytes that were not checked against the grammar, `Rejected.line` and `Message.body` excepted.
"""

import msgspec

from mail.smtp.replies import Reply


class Event(msgspec.Struct, frozen=True):
    """The base of all events. Each but `Rejected` and `AuthCancelled` waits for an answer before the next is made."""


class Hello(Event, frozen=True):
    """HELO, EHLO or LHLO (RFC 5321 4.1.1.1, RFC 2033 4.1); `name` is what the client calls itself, unproven."""

    verb: str
    name: str

    @property
    def extended(self) -> bool:
        """Whether the client knows extensions (EHLO or LHLO)."""
        return self.verb != "HELO"


class MailFrom(Event, frozen=True):
    """MAIL (RFC 5321 4.1.1.2). `sender` is `local@domain`, empty for the null reverse-path `<>`."""

    sender: str
    size_bytes: int = 0
    """SIZE= (RFC 1870), 0 when not given."""
    body: str = "7BIT"
    """BODY= (RFC 6152, RFC 3030): 7BIT, 8BITMIME or BINARYMIME."""
    smtputf8: bool = False
    ret: str = ""
    """RET= (RFC 3461 4.3): FULL, HDRS or nothing."""
    envid: str = ""
    """ENVID= (RFC 3461 4.4), decoded."""
    auth: str | None = None
    """AUTH= (RFC 4954 5), decoded; `<>` when the client could not say or has not logged in; None when not given."""
    require_tls: bool = False
    """REQUIRETLS (RFC 8689): to be passed on under proven TLS only, or returned."""
    by_s: int = 0
    """BY= (RFC 2852): seconds from now, also negative; means something only with a mode."""
    by_mode: str = ""
    """What then: N (notify) or R (return); empty when not given."""
    by_trace: bool = False
    """Whether each relay is to be told to the sender."""
    hold_for_s: int = 0
    """HOLDFOR= (RFC 4865), 0 when not given."""
    hold_until_ms: int = 0
    """HOLDUNTIL=, in milliseconds since 1970, perhaps in the past; 0 when not given."""
    priority: int = 0
    """MT-PRIORITY= (RFC 6710), -9 to 9, as it is granted."""
    priority_asked: int = 0
    """What the client asked for; where it differs the standard answer says so."""
    solicit: tuple[str, ...] = ()
    """SOLICIT= (RFC 3865): the classes of solicitation the message is of."""


class RcptTo(Event, frozen=True):
    """RCPT (RFC 5321 4.1.1.3). `recipient` is `local@domain`, or a bare `Postmaster` as the client spelled it."""

    recipient: str
    notify: tuple[str, ...] = ()
    """NOTIFY= (RFC 3461 4.1) in upper case; empty when not given."""
    orcpt: str = ""
    """ORCPT= (RFC 3461 4.2), decoded, as `type;address`."""


class DataStart(Event, frozen=True):
    """DATA: may the message come? (RFC 5321 4.1.1.4)"""


class Message(Event, frozen=True):
    """A whole message by DATA or BDAT, dots removed, with its envelope: the accepted recipients only.

    In LMTP it is answered with one reply for each of `rcpts`, in their order (RFC 2033 4.2); elsewhere with one.
    """

    body: bytes
    mail: MailFrom
    rcpts: tuple[RcptTo, ...]


class Auth(Event, frozen=True):
    """AUTH (RFC 4954 4) with an offered mechanism in upper case; `initial` is None when there was no response yet."""

    mechanism: str
    initial: bytes | None


class AuthResponse(Event, frozen=True):
    """The client's answer to a 334 challenge, decoded."""

    response: bytes


class AuthCancelled(Event, frozen=True):
    """The client gave up the exchange with `*`, or its answer was no base64; already answered with `reply`."""

    reply: Reply


class StartTls(Event, frozen=True):
    """STARTTLS (RFC 3207). After `accept()` send what is outgoing, do the handshake, call `tls_started()`."""


class Reset(Event, frozen=True):
    """RSET."""


class Verify(Event, frozen=True):
    """VRFY."""

    argument: str


class Expand(Event, frozen=True):
    """EXPN."""

    argument: str


class Help(Event, frozen=True):
    """HELP."""


class Noop(Event, frozen=True):
    """NOOP."""


class Quit(Event, frozen=True):
    """QUIT."""


class Rejected(Event, frozen=True):
    """The machine itself refused a line or a message, and has answered: for the log and for counting."""

    reply: Reply
    line: bytes
    """The command as it came, at most 100 bytes; empty for a message; 4 bytes of an unknown one, a password perhaps."""
