"""Parameters of MAIL and RCPT as the words that say them: for filters, and for who tells them on. The inverse of
parameters.py, in one spelling.

The law: what a word says is what was parsed; what was not given is not said.
"""

import re

from mail.smtp.events import MailFrom, RcptTo

_UNSAFE = re.compile(r"[^!-*,-<>-~]")


def mail_words(event: MailFrom) -> tuple[str, ...]:
    """`SIZE=1`, `BODY=8BITMIME` and the like."""
    words = [f"SIZE={event.size_bytes}"] if event.size_bytes else []
    if event.body != "7BIT":
        words.append(f"BODY={event.body}")
    if event.smtputf8:
        words.append("SMTPUTF8")
    if event.ret:
        words.append(f"RET={event.ret}")
    if event.envid:
        words.append(f"ENVID={xtext(event.envid)}")
    if event.auth is not None:
        words.append(f"AUTH={xtext(event.auth)}")
    if event.require_tls:
        words.append("REQUIRETLS")
    if event.by_mode:
        words.append(f"BY={event.by_s};{event.by_mode}{'T' if event.by_trace else ''}")
    if event.priority:
        words.append(f"MT-PRIORITY={event.priority}")
    return tuple(words)


def rcpt_words(event: RcptTo) -> tuple[str, ...]:
    """`NOTIFY=NEVER`, `ORCPT=rfc822;a@b` and the like."""
    words = [f"NOTIFY={','.join(event.notify)}"] if event.notify else []
    if event.orcpt:
        kind, _, address = event.orcpt.partition(";")
        words.append(f"ORCPT={kind};{xtext(address)}")
    return tuple(words)


def xtext(text: str) -> str:
    """RFC 3461 4: what may stand in a parameter's value."""
    return _UNSAFE.sub(lambda found: "".join(f"+{octet:02X}" for octet in found[0].encode()), text)
