"""A driver for the tests that decides by the look of an address, and a reader of conversation files.

role: lmtp                  smtp (default), submission or lmtp
offers: starttls auth       starttls, auth, tls-required; any field of Offers, with `=` its value, with `no-` off
authed: vrfy                the same, from AUTH on
limits: errors_max=2        any of Limits
newlines: neutralise
C: a line, sent with CRLF   R: raw bytes with Python's escapes, sent without
S: a line that must come    T: the TLS handshake ends here
M: the message that must have been taken, with Python's escapes
X: the session must be over
"""

from collections.abc import Iterator
from pathlib import Path

from mail.smtp.content import Newlines
from mail.smtp.events import Auth, AuthResponse, Event, Message, RcptTo
from mail.smtp.limits import Limits
from mail.smtp.machine import Server
from mail.smtp.offers import Offers
from mail.smtp.replies import Reply
from mail.smtp.states import Role

FOLDER = Path(__file__).parent / "conversations"
_NO_USER = Reply(550, "5.1.1", "No such user")
_LATER = Reply(450, "4.2.0", "Try later")
_FULL = Reply(452, "4.2.2", "Mailbox full")
_OK = Reply(250, "2.0.0", "Ok")
_WRONG = Reply(535, "5.7.8", "Wrong name or password")


def decide(machine: Server, event: Event) -> None:
    """Refuse recipients `unknown@` and `later@`, messages with `REFUSE` in them, LMTP's `full@`; the password is pw."""
    match event:
        case RcptTo(recipient=name) if name.startswith("unknown@"):
            machine.send(_NO_USER)
        case RcptTo(recipient=name) if name.startswith("later@"):
            machine.send(_LATER)
        case Message(body=body) if b"REFUSE" in body:
            machine.send(*[Reply(550, "5.7.1", "Refused")] * (len(event.rcpts) if machine.role is Role.LMTP else 1))
        case Message() if machine.role is Role.LMTP:
            machine.send(*(_FULL if rcpt.recipient.startswith("full@") else _OK for rcpt in event.rcpts))
        case Auth(initial=None):
            machine.challenge(b"")
        case Auth(initial=data) | AuthResponse(response=data):
            if data == b"":
                machine.challenge(b"again")
            elif data == b"\0user\0pw":
                machine.accept()
            else:
                machine.send(_WRONG)
        case _:
            machine.accept()


class Session:
    """A machine with its driver, and what came out of it."""

    def __init__(self, machine: Server) -> None:
        self.machine = machine
        self.events: list[Event] = []
        self.messages: list[Message] = []

    def say(self, data: bytes, step: int = 0) -> bytes:
        """Feed `data` whole, or in pieces of `step` bytes; what the server answered."""
        answer = b""
        for start in range(0, len(data), step or max(1, len(data))):
            self.machine.receive(data[start : start + step] if step else data)
            for event in self.machine.events():
                if isinstance(event, Message):
                    self.messages.append(event)
                self.events.append(event)
                if self.machine.pending is not None:
                    decide(self.machine, event)
            answer += self.machine.outgoing()
        return answer


def steps(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a conversation as (mark, text)."""
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            mark, _, text = line.partition(":")
            yield mark, text.removeprefix(" ")


def raw(text: str) -> bytes:
    """Python's escapes to bytes."""
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


def _offers(words: list[str], role: Role) -> Offers:
    auth = "auth" in words
    fields: dict[str, object] = {
        "tls_required": "tls-required" in words,
        "auth_required": role is Role.SUBMISSION,
        "mechanisms_tls": ("SCRAM-SHA-256", "PLAIN") if auth else (),
        "mechanisms_clear": ("SCRAM-SHA-256",) if auth else (),
    }
    for word in words:
        name, has_value, value = word.partition("=")
        if name in {"auth", "tls", "tls-required"}:
            continue
        kind = Offers.__annotations__[name.removeprefix("no-").replace("-", "_")]
        fields[name.removeprefix("no-")] = (
            (tuple(value.split(",")) if kind == tuple[str, ...] else kind(value))
            if has_value
            else not name.startswith("no-")
        )
    return Offers(**fields)  # type: ignore[arg-type]


def machine_for(settings: dict[str, str]) -> Server:
    """A machine as the head of a conversation asks for it."""
    words, authed = settings.get("offers", "").split(), settings.get("authed", "").split()
    limits = {name: int(value) for name, _, value in (w.partition("=") for w in settings.get("limits", "").split())}
    role = Role(settings.get("role", "smtp"))
    always, known = _offers(words, role), _offers(words + authed, role)
    return Server(
        role,
        "mx.example",
        offers=(lambda _tls, authenticated: known if authenticated else always) if authed else always,
        limits=Limits(**limits),
        newlines=Newlines(settings.get("newlines", "refuse")),
        tls="tls" in words,
    )
