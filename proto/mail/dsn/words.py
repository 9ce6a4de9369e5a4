"""What a notification says to people: what happened, and what they can do.

The law: plain words, no jargon, nothing that is not known. The other server's own words are always there as well.
"""

from textwrap import wrap
from typing import Any, Final

from mail.dsn.addresses import clean
from mail.dsn.report import Action, Report, Told
from mail.message.date import format_date

_WIDTH: Final = 76
_INDENTED: Final[dict[str, Any]] = {"initial_indent": "    ", "subsequent_indent": "    "}
SUBJECTS: Final[dict[Action, str]] = {
    "failed": "Your message could not be delivered",
    "delayed": "Your message is delayed",
    "relayed": "Your message was passed on",
    "delivered": "Your message was delivered",
    "expanded": "Your message was passed on to a list",
}
_ORDER: Final[tuple[Action, ...]] = ("failed", "delayed", "relayed", "expanded", "delivered")
_TOLD: Final[dict[Action, str]] = {
    "failed": "It could not be delivered to:",
    "delayed": "It has not been delivered yet to:",
    "relayed": "It was passed on to a server that does not tell of delivery; this is the last you hear of it, for:",
    "delivered": "It was delivered to:",
    "expanded": "It was passed on to the members of:",
}
_CLOSING: Final[dict[Action, str]] = {
    "failed": "It will not be tried again.",
    "delayed": "You need not do anything: it is tried again and again{until}. You will hear if it fails for good.",
}
# What happened, and what the sender can do; by the word for the cause.
_CAUSES: Final[dict[str, tuple[str, str]]] = {
    "bad-mailbox": (
        "There is no such address at {domain}.",
        "Check the address for spelling mistakes, or ask the person for the right one in another way.",
    ),
    "bad-domain": (
        "There is no mail service by the name {domain}.",
        "Check what is behind the @ for spelling mistakes.",
    ),
    "bad-sender": (
        "The other server does not take mail from your address.",
        "Ask whoever runs your mail whether your address is set up for mail to other servers.",
    ),
    "relay": (
        "The server that was asked does not take mail for {domain}.",
        "The settings of {domain} are probably wrong: tell its people in another way.",
    ),
    "mailbox-full": (
        "The mailbox of the recipient is full.",
        "Try again in some days, or tell the person in another way.",
    ),
    "mailbox-off": (
        "The mailbox of the recipient is switched off.",
        "Ask the person for another address.",
    ),
    "moved": (
        "The recipient has another address now.",
        "The other server's words may say which.",
    ),
    "too-large": (
        "The message is larger than the other server takes.",
        "Send large files in another way, for example as a link, or in several messages.",
    ),
    "content": (
        "The other server does not take a message of this kind.",
        "Send it as plain text, without unusual attachments.",
    ),
    "spam": (
        "The other server took the message for unwanted mail.",
        "Write it in other words, with fewer links, or reach the person in another way.",
    ),
    "virus": (
        "The other server found something dangerous in the message.",
        "Check your computer and the files that you sent.",
    ),
    "policy": (
        "A rule of the other server forbids this message.",
        "The other server's words may say which rule. Ask the person to let you through.",
    ),
    "reputation": (
        "The other server refuses mail from our server.",
        "Nothing is wrong with your message. Tell whoever runs your mail.",
    ),
    "greylisted": (
        "The other server asked to come again later.",
        "This is usual for a first message; nothing has to be done.",
    ),
    "rate-limited": (
        "The other server takes no more mail for now.",
        "Try again later; send to fewer people at once.",
    ),
    "too-many-recipients": (
        "The message is for more recipients than the other server takes at once.",
        "Send it to fewer people at once.",
    ),
    "auth": (
        "The other server wants our server to log in.",
        "Tell whoever runs your mail.",
    ),
    "unauthenticated": (
        "The other server could not verify that the message is from {sender_domain}.",
        "Tell whoever runs your mail: SPF, DKIM or DMARC of your domain needs attention.",
    ),
    "tls": (
        "No protected connection to the other server was possible, and the message may not be sent without one.",
        "Tell the people of {domain}; or send it without this demand, if you made it.",
    ),
    "dns": (
        "The mail server of {domain} could not be looked up.",
        "Check what is behind the @; if it is right, try again later.",
    ),
    "unreachable": (
        "The mail server of {domain} could not be reached.",
        "Check what is behind the @; if it is right, try again later or tell the person in another way.",
    ),
    "timeout": (
        "The mail server of {domain} did not answer in time.",
        "Try again later.",
    ),
    "loop": (
        "The message went round in circles.",
        "The settings of {domain} are probably wrong: tell its people in another way.",
    ),
    "expired": (
        "It was tried for as long as we try, and never taken.",
        "Try again later, or tell the person in another way.",
    ),
    "system": (
        "A server on the way had an error of its own.",
        "Try again later.",
    ),
    "protocol": (
        "The other server did not understand ours.",
        "Tell whoever runs your mail.",
    ),
}
_ELSE: Final[dict[Action, tuple[str, str]]] = {
    "failed": ("The other server refused the message.", "Its own words may say why."),
    "delayed": ("The other server did not take the message yet.", "Nothing has to be done for now."),
}


def subject(report: Report) -> str:
    """Of the worst that is told."""
    actions = {told.action for told in report.recipients}
    return SUBJECTS[next(action for action in _ORDER if action in actions)]


def text(report: Report) -> str:
    """The first part, in lines that end in LF."""
    lines = [f"This is the mail system of {report.host}.", "", "It tells you of a message that you sent"]
    if report.arrived_ms:
        lines[-1] += f" on {format_date(report.arrived_ms).decode()}"
    lines[-1] += "."
    lines.append("")
    for action in _ORDER:
        told = [one for one in report.recipients if one.action == action]
        if told:
            lines += [*wrap(_TOLD[action], _WIDTH), ""]
            for one in told:
                lines += _about(one, report)
            if closing := _CLOSING.get(action):
                lines += [*wrap(closing.format(until=_until(told)), _WIDTH), ""]
    lines += ["What follows is for programs, and " + ("the message." if report.original else "the end.")]
    return "\n".join(lines) + "\n"


def _until(told: list[Told]) -> str:
    until_ms = max(one.until_ms for one in told)
    return f" until {format_date(until_ms).decode()}" if until_ms else ""


def _about(told: Told, report: Report) -> list[str]:
    lines = [f"  {clean(told.final)}"]
    if told.action in _ELSE:
        names = {"domain": _domain(told.final), "sender_domain": _domain(report.sender)}
        what, cure = _CAUSES.get(told.cause, _ELSE[told.action])
        lines += wrap(f"{what.format(**names)} {cure.format(**names)}", _WIDTH, **_INDENTED)
    if told.said:
        said = f"{_who(told)} said: {_reply(told)}" if told.code else f"In detail: {clean(told.said)}"
        lines += wrap(said, _WIDTH, **_INDENTED)
    return [*lines, ""]


def _domain(address: str) -> str:
    return clean(address.rpartition("@")[2])


def _who(told: Told) -> str:
    name = clean(told.remote) or "The other server"
    return f"{name} [{told.ip}]" if told.ip else name


def _reply(told: Told) -> str:
    said = clean(told.said)
    return said if said.startswith(str(told.code)) else f"{told.code} {said}"
