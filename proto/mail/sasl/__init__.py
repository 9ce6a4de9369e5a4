"""SASL mechanisms, server side (RFC 4422), as pure machines: SMTP, IMAP and ManageSieve only frame them.

    exchange = begin("SCRAM-SHA-256", nonce=..., secret=...)
    step = exchange.step(initial_response or b"")
    # Challenge: send it, and step() with the answer; an Ask: find out, and answer(); Done and Failed are the end

A mechanism never looks up an account and never compares a password: it asks. Nothing it says may tell whether an
account exists.
"""

from mail.sasl.mechanisms import CLEAR_PASSWORD, MECHANISMS, begin, offered
from mail.sasl.saslprep import NotPrintable, saslprep
from mail.sasl.scram import Binding, derive_scram
from mail.sasl.steps import (
    Challenge,
    Done,
    Exchange,
    Failed,
    Found,
    NeedPassword,
    NeedScram,
    NeedToken,
    ScramAny,
    ScramKeys,
    Step,
)

__all__ = [
    "CLEAR_PASSWORD",
    "MECHANISMS",
    "Binding",
    "Challenge",
    "Done",
    "Exchange",
    "Failed",
    "Found",
    "NeedPassword",
    "NeedScram",
    "NeedToken",
    "NotPrintable",
    "ScramAny",
    "ScramKeys",
    "Step",
    "begin",
    "derive_scram",
    "offered",
    "saslprep",
]
