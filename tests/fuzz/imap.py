"""Fuzz the IMAP machine: `python -m tests.fuzz.imap [-max_total_time=60]`.

Promise: only events leave, whatever comes, and cutting the stream in two changes no event. It starts from one of each
command there is, of all extensions.
"""

import random
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports():
    from mail.imap.events import Command, Event
    from mail.imap.limits import Limits
    from mail.imap.machine import ImapMachine

from tests.fuzz.driving import feed
from tests.fuzz.session.commands import COMMANDS

SEEDS_EACH = 8
_LIMITS = Limits(line_max_bytes=500, literal_max_bytes=200, append_max_bytes=300, skip_max_bytes=2_000, depth_max=10)


def _events(chunks: tuple[bytes, ...]) -> list[Event]:
    machine = ImapMachine(_LIMITS)
    return [event for chunk in chunks for event in feed(machine, chunk, Command)]


def one_input(data: bytes) -> None:
    """The first octet says where the rest is cut."""
    if not data:
        return
    cut, stream = data[0], data[1:]
    whole, halves = _events((stream,)), _events((stream[:cut], stream[cut:]))
    if whole != halves:
        raise AssertionError(f"cut at {cut}: {whole} but {halves}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="fuzz-imap-") as corpus:
        for number, (_often, read) in enumerate(COMMANDS):
            for seed in range(SEEDS_EACH):
                text = read(random.Random(seed))
                (Path(corpus) / f"{number}.{seed}").write_bytes(b"%ca %b\r\n" % (seed * 16, text))
        atheris.Setup([*sys.argv, corpus], one_input)
        atheris.Fuzz()
