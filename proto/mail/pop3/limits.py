"""What a client may make us hold. Every bound of the machine stands here, with its reason, and nowhere else."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one connection, in octets without the CRLF."""

    command_max_bytes: int = 510
    """RFC 2449 4 asks for 253; PASS with the longest password that SASL takes (255) is longer."""
    response_max_bytes: int = 12_288
    """An answer to a challenge, in base64: the longest token with its mechanism's words (mail/sasl/bearer.py). AUTH
    itself may be as long, though RFC 5034 4 keeps it to a command's length: clients send tokens with it."""
