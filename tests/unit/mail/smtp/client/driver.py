"""A reader of the conversations of a client: what the server says is given, what the client says must be as written.

role: lmtp            else SMTP          flights: 3   tls: yes
S: a line of the server's, with CRLF     R: raw bytes of the server's with Python's escapes
C: a line the client must say            D: raw bytes it must say
A: send FROM TO,TO.. BODY [name=value ...]      A: starttls | tls | quit | lost | auth MECHANISM USER SECRET
E: an event that must come: Ready, TlsGo, Finished delivered 250, Closed ...
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from mail.smtp.client.auth import Credentials
from mail.smtp.client.content import canonical
from mail.smtp.client.envelope import Sender, Target, Transaction
from mail.smtp.client.events import AuthFailed, Closed, Event, Finished, Settled, TlsRefused
from mail.smtp.client.machine import Client

FOLDER = Path(__file__).parent / "conversations"
NONCE = "fyko+d2lbbFgONRv9qkxdawL"


def steps(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a conversation as (mark, text)."""
    for line in path.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            mark, _, text = line.partition(":")
            yield mark, text.removeprefix(" ")


def raw(text: str) -> bytes:
    """Python's escapes to bytes."""
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


def transaction(words: str) -> Transaction:
    """`a@b c@d;FAILURE,f@g body=8BITMIME Hello\\r\\n`: sender (`<>` for none), targets, fields of the sender, text."""
    sender, targets, *rest = words.split(" ")
    fields: dict[str, object] = {}
    while rest and "=" in rest[0]:
        name, _, value = rest.pop(0).partition("=")
        fields[name] = value
    content = raw(" ".join(rest))
    made = msgspec.convert({"address": sender.strip("<>"), **fields}, Sender, strict=False)
    if made.body != "BINARYMIME":
        content = canonical(content)
    made = msgspec.structs.replace(made, size_bytes=len(content))
    return Transaction(made, tuple(map(_target, targets.split(","))), content)


def _target(word: str) -> Target:
    address, *rest = word.split(";")
    return Target(address, tuple(rest[:1]), ";".join(rest[1:]))


def told(event: Event) -> str:
    """An event as a conversation has it."""
    match event:
        case Finished(_, results, again):
            return "Finished " + " | ".join(map(_result, results)) + (" again" if again else "")
        case Closed(why, reply, where):
            return f"Closed {where} {reply.code if reply else why}"
        case AuthFailed(reply, why):
            return f"AuthFailed {reply.code if reply else why}"
        case TlsRefused(reply):
            return f"TlsRefused {reply.code}"
        case _:
            return type(event).__name__


def _result(one: Settled) -> str:
    said = f"{one.reply.code} {one.reply.status}".strip() if one.reply else one.why
    return f"{one.how} {one.where} {said}" + ("" if one.certain else " uncertain")


class Talk:
    """A machine, what it said and what it told."""

    def __init__(self, head: dict[str, str], *, step: int = 0) -> None:
        self.client = Client(
            "me.example",
            lmtp=head.get("role") == "lmtp",
            tls="tls" in head,
            flights_max=int(head.get("flights", "2")),
        )
        self._step = step
        self.said = b""
        self.events: list[Event] = []

    def hear(self, data: bytes) -> None:
        """The server says something, whole or in pieces."""
        step = self._step or max(1, len(data))
        for start in range(0, len(data), step):
            self.events += self.client.receive(data[start : start + step])
            self.said += self.client.outgoing()

    def act(self, text: str) -> None:
        """The driver does something."""
        verb, _, rest = text.partition(" ")
        client = self.client
        match verb:
            case "send":
                client.send(transaction(rest))
            case "starttls":
                client.start_tls()
            case "tls":
                client.tls_started()
            case "quit":
                client.quit()
            case "lost":
                self.events += client.lost("the connection was lost")
            case "auth" | "auth-clear":
                mechanism, user, secret = rest.split(" ")
                oauth = mechanism in {"XOAUTH2", "OAUTHBEARER"}
                known = Credentials(
                    user=user,
                    password="" if oauth else secret,
                    token=secret if oauth else "",
                    mechanism="" if mechanism == "any" else mechanism,
                )
                self.events += client.authenticate(
                    known, nonce=NONCE, host="relay.example", port=587, clear=verb == "auth-clear"
                )
            case _:
                raise AssertionError(text)
        self.said += client.outgoing()
