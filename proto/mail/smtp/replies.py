"""Replies (RFC 5321 4.2) with enhanced status codes (RFC 2034, 3463, 5248), and those the machine gives by itself.

A reply must never carry a line end or a control character that a peer sent us.
"""

import re

import msgspec

REPLY_LINE_BYTES_MAX = 512  # RFC 5321 4.5.3.1.5, with code and CRLF
_UNPRINTABLE = re.compile(r"[^\t -~]")


class Reply(msgspec.Struct, frozen=True):
    """A code, an enhanced status such as `2.1.0` (empty on greetings, HELO, EHLO and 3xx), and lines of text."""

    code: int
    status: str
    text: str

    @property
    def positive(self) -> bool:
        """Whether the command went well so far (2xx, 3xx)."""
        return self.code < 400

    def encode(self) -> bytes:
        """The bytes for the wire; `text` is split at LF into the lines of one reply."""
        lines = self.text.split("\n") if "\n" in self.text else (self.text,)
        mark = f" {self.status} " if self.status else " "
        last = len(lines) - 1
        return b"".join(
            _line(f"{self.code}{mark if number == last else '-' + mark[1:]}{text}") for number, text in enumerate(lines)
        )


def _line(text: str) -> bytes:
    """One reply line, cut at the limit; what is not printable ASCII becomes `?`."""
    if not text.isascii() or not text.isprintable():
        text = _UNPRINTABLE.sub("?", text)
    return text[: REPLY_LINE_BYTES_MAX - 2].rstrip().encode("ascii") + b"\r\n"


OK = Reply(250, "2.0.0", "Ok")
SENDER_OK = Reply(250, "2.1.0", "Ok")
RECIPIENT_OK = Reply(250, "2.1.5", "Ok")
START_MAIL = Reply(354, "", "End data with <CR><LF>.<CR><LF>")
BYE = Reply(221, "2.0.0", "Bye")
HELP = Reply(214, "2.0.0", "See RFC 5321")
WILL_TRY = Reply(252, "2.0.0", "Cannot verify the user, but will take mail for delivery")
NO_EXPAND = Reply(502, "5.5.1", "EXPN is not available")
TLS_READY = Reply(220, "2.0.0", "Ready to start TLS")
AUTHENTICATED = Reply(235, "2.7.0", "Authentication succeeded")

BAD_LINE_END = Reply(500, "5.5.2", "Lines must end in CRLF")
LINE_TOO_LONG = Reply(500, "5.5.2", "Line too long")
UNKNOWN = Reply(500, "5.5.2", "Command not recognised")
NOT_SMTP = Reply(554, "5.5.1", "This is not the protocol spoken here")
NOT_OFFERED = Reply(502, "5.5.1", "Command not available here")
NO_ARGUMENT = Reply(501, "5.5.4", "This command takes no argument")
NEEDS_ARGUMENT = Reply(501, "5.5.4", "This command needs an argument")
NAME_NEEDS_UTF8 = Reply(553, "5.6.7", "A name outside ASCII needs the SMTPUTF8 parameter")
BAD_HELLO = Reply(501, "5.5.4", "Give the name of your host")
HELLO_FIRST = Reply(503, "5.5.1", "Say EHLO first")
LHLO_FIRST = Reply(503, "5.5.1", "Say LHLO first")
BAD_SEQUENCE = Reply(503, "5.5.1", "Bad sequence of commands")
NESTED_MAIL = Reply(503, "5.5.1", "A sender was already given")
MAIL_FIRST = Reply(503, "5.5.1", "Give a sender with MAIL first")
NO_RECIPIENTS = Reply(503, "5.5.1", "No valid recipients")
RSET_FIRST = Reply(503, "5.5.1", "The last chunk failed; send RSET first")
BINARY_NEEDS_BDAT = Reply(503, "5.5.1", "BODY=BINARYMIME needs BDAT")
BAD_CHUNK = Reply(501, "5.5.4", "Syntax: BDAT size [LAST]; closing, as what follows cannot be told from commands")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients")
TOO_LARGE = Reply(552, "5.3.4", "Message too large")
BARE_NEWLINE = Reply(550, "5.6.0", "Message has a CR or LF that is not part of CRLF")
TLS_FIRST = Reply(530, "5.7.0", "Must issue a STARTTLS command first")
REQUIRETLS_NEEDS_TLS = Reply(530, "5.7.10", "REQUIRETLS needs TLS on this connection")
SOLICITATION = Reply(550, "5.7.1", "Solicitations of that class are not accepted here")
TOO_MANY_DOMAINS = Reply(452, "4.5.3", "Recipients at too many domains; send the others in another transaction")
TOO_MANY_MAILS = Reply(421, "4.5.3", "Too many messages on one connection; go on with another")
TLS_ACTIVE = Reply(503, "5.5.1", "TLS is active already")
AUTH_FIRST = Reply(530, "5.7.0", "Authentication required")
AUTH_DONE = Reply(503, "5.5.1", "Already authenticated")
AUTH_NEEDS_TLS = Reply(538, "5.7.11", "Encryption required for this mechanism")
AUTH_UNKNOWN = Reply(504, "5.5.4", "Mechanism not offered")
AUTH_BASE64 = Reply(501, "5.5.2", "Not base64")
AUTH_TOO_LONG = Reply(500, "5.5.6", "Authentication exchange line is too long")
AUTH_CANCELLED = Reply(501, "5.7.0", "Authentication cancelled")
EARLY_TALK = Reply(554, "5.5.0", "Data sent before it was asked for; closing")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors; closing")
TOO_MANY_COMMANDS = Reply(421, "4.7.0", "Too many commands without a message; closing")
TOO_MANY_AUTH = Reply(421, "4.7.0", "Too many failed authentications; closing")
TOO_MUCH_DATA = Reply(421, "4.3.4", "Far too much data; closing")
