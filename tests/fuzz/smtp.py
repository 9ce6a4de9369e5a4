"""Fuzz the SMTP machine: `python tests/fuzz/smtp.py -max_total_time=10`.

Promises: no input raises; whole equals byte by byte, but for what was sent before it was asked for; what is kept of a
message is bounded by the limits.
"""

import sys

import atheris

with atheris.instrument_imports(include=["mail.smtp", "mail.sasl"]):
    from tests.unit.mail.smtp.driver import Session, machine_for

_ROLES = ("smtp", "submission", "lmtp")
_ALL = (
    "requiretls deliverby deliver_by_s_min=9 hold_s_max=99 hold_until_ms_max=1800000000000 mt_priority priority_max=3 "
    "no_soliciting solicitations=a,b vrfy expn"
)
_OFFERS = ("", "starttls auth", "auth tls", f"auth tls {_ALL}", f"starttls {_ALL}", "no-chunking no-dsn no-size")
_LIMITS = "line_bytes_max=200 message_bytes_max=300 discard_bytes_max=600 recipients_max=3"


def one_input(data: bytes) -> None:
    """The first byte chooses the role and the offers, the rest is the wire."""
    choice = data[0] if data else 0
    head = {"role": _ROLES[choice % 3], "offers": _OFFERS[choice // 3 % len(_OFFERS)], "limits": _LIMITS}
    wire = (b"LHLO a\r\n" if choice % 3 == 2 else b"EHLO a\r\n") + data[1:]
    whole, pieces = Session(machine_for(head)), Session(machine_for(head))
    answers = whole.say(wire), pieces.say(wire, 1)
    if b"554 5.5.0" not in answers[0] + answers[1]:
        assert answers[0] == answers[1], (wire, answers)
        assert whole.events == pieces.events, wire
    assert all(len(message.body) <= 300 for message in whole.messages)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
