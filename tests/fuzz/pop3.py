"""Fuzz the POP3 machine and its responses: `python -m tests.fuzz.pop3 [-max_total_time=60]`.

Promise: only events leave, whatever comes, and cutting the stream in two changes no event; the same octets, as a stored
message, never end a response before its end.
"""

import re
import sys

import atheris

with atheris.instrument_imports():
    from mail.pop3 import render
    from mail.pop3.events import Command, Event
    from mail.pop3.limits import Limits
    from mail.pop3.machine import Pop3Machine

from tests.fuzz.driving import feed

_LIMITS = Limits(command_max_bytes=100, response_max_bytes=300)
_EARLY_END = re.compile(rb"(?:\A|[\r\n])\.[\r\n]")


def _events(chunks: tuple[bytes, ...]) -> list[Event]:
    machine = Pop3Machine(_LIMITS)
    return [event for chunk in chunks for event in feed(machine, chunk, Command)]


def one_input(data: bytes) -> None:
    """The first octet says where the rest is cut."""
    if not data:
        return
    cut, stream = data[0], data[1:]
    whole, halves = _events((stream,)), _events((stream[:cut], stream[cut:]))
    if whole != halves:
        raise AssertionError(f"cut at {cut}: {whole} but {halves}")
    sent = b"".join(render.message(stream))
    if not sent.endswith(render.END) or _EARLY_END.search(sent[: -len(render.END)] + b"x"):
        raise AssertionError(f"the response ends early: {sent!r}")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
