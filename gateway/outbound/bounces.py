"""What a refusal means, in a word: for counting, for rules, and for whom to leave alone for a while.

The law: the word comes from the enhanced status where that says enough, else from the words of the text; the remote
server's own text is never changed. A word never decides whether mail is tried again: the reply code does.
"""

import re
from typing import Final, NamedTuple

TEXT_CHARS_MAX: Final = 2000  # of a reply, what is looked at

CAUSES: Final = (
    "bad-mailbox", "bad-domain", "bad-sender", "relay", "mailbox-full", "mailbox-off", "moved", "too-large",
    "content", "spam",
    "virus", "policy", "reputation", "greylisted", "rate-limited", "too-many-recipients", "auth", "unauthenticated",
    "tls", "dns", "unreachable", "timeout", "loop", "expired", "system", "protocol", "other",
)  # fmt: skip


class Verdict(NamedTuple):
    """`back_off`: the whole host has had enough of us for now, not only this message."""

    cause: str
    back_off: bool = False


# RFC 3463, 7372, 7504, 7505, 8689, by subject.detail. What is too general for a word of its own is not here.
_BY_STATUS: Final = {
    "1.0": "bad-mailbox", "1.1": "bad-mailbox", "1.2": "bad-domain", "1.3": "bad-mailbox", "1.4": "bad-mailbox",
    "1.6": "moved", "1.7": "bad-sender", "1.8": "bad-sender", "1.9": "relay", "1.10": "bad-domain",
    "2.1": "mailbox-off", "2.2": "mailbox-full", "2.3": "too-large",
    "3.1": "system", "3.2": "system", "3.4": "too-large", "3.5": "system",
    "4.1": "unreachable", "4.2": "unreachable", "4.3": "dns", "4.4": "dns", "4.5": "rate-limited", "4.6": "loop",
    "4.7": "expired",
    "5.1": "protocol", "5.2": "protocol", "5.3": "too-many-recipients", "5.4": "protocol", "5.5": "protocol",
    "6.1": "content", "6.2": "content", "6.3": "content", "6.6": "content", "6.7": "content", "6.9": "content",
    "7.8": "auth", "7.9": "auth", "7.10": "tls", "7.11": "tls", "7.20": "unauthenticated", "7.21": "unauthenticated",
    "7.22": "unauthenticated", "7.23": "unauthenticated", "7.24": "unauthenticated", "7.25": "reputation",
    "7.26": "unauthenticated", "7.27": "bad-sender", "7.28": "rate-limited", "7.29": "unauthenticated", "7.30": "tls",
}  # fmt: skip
# What texts say, most telling first: patterns for the text in lower case. Each is linear: what repeats is bounded.
_WORDS: Final = r"""
greylisted: gr[ea]y-?list|try again in \d+ (?:second|minute)|temporarily deferred .{0,20}first time
virus: virus|malware|infected
rate-limited: too many (?:concurrent )?(?:smtp )?(?:connections|sessions|messages|emails)|rate.?limit|throttl
rate-limited: unusual rate|too fast|exceeded .{0,30}(?:rate|limit|volume)|reduce .{0,20}rate
rate-limited: connection (?:rate|limit)|sending limit|\btss?0\d\b
unauthenticated: \bspf\b|\bdkim\b|\bdmarc\b|unauthenticated (?:e?mail|sender)
unauthenticated: not (?:pass|meet) .{0,40}authentication
reputation: blacklist|blocklist|block ?list|black ?listed|\brbl\b|\bdnsbl\b|reputation|spamhaus|spamcop
reputation: barracuda|listed (?:at|by|in|on)\b|poor .{0,20}history|reverse dns|\bptr\b|\brdns\b|your ip
reputation: client host .{0,80}(?:blocked|rejected)
spam: spam|\bjunk\b|unsolicited|\bube\b|bulk mail|suspicious|phish|content filter
mailbox-full: mailbox (?:is )?full|quota|over ?limit|out of (?:storage|space)|storage (?:space|limit)
mailbox-full: inbox is full|insufficient .{0,20}(?:storage|space)|mailbox size
too-many-recipients: too many recipients|recipient limit|max(?:imum)? recipients
too-large: message (?:size|too (?:large|big))|exceeds .{0,30}size|size limit|too large
bad-sender: sender (?:address )?(?:rejected|unknown|denied|verify)|invalid sender|domain of sender
mailbox-off: (?:account|mailbox|user|address|recipient).{0,30}(?:disabled|suspended|inactive|deactivated|locked|expired)
mailbox-off: no longer (?:active|in use|accepting)|has been disabled
bad-mailbox: (?:user|recipient|mailbox|address|account|alias).{0,40}(?:unknown|not found|does ?n[o't]{1,2} exist)
bad-mailbox: (?:user|recipient|mailbox|address|account|alias).{0,40}(?:unavailable|invalid|rejected|not exist)
bad-mailbox: (?:user|recipient|mailbox|address|account|alias).{0,40}(?:no such|undeliverable)
bad-mailbox: (?:unknown|invalid|no such|non-?existent|bad) (?:local )?(?:user|recipient|mailbox|address|rcpt)
bad-mailbox: (?:unknown|invalid|no such|non-?existent|bad) (?:account|destination)
bad-mailbox: no mailbox
bad-mailbox: no mailbox|not our customer|recipientnotfound|doesn't have an? .{0,30}account
bad-domain: (?:domain|host) .{0,40}(?:not found|unknown|does not exist)|null ?mx|no such domain
relay: relay(?:ing)? (?:access )?(?:is )?(?:denied|not (?:permitted|allowed))|unable to relay|not relay
tls: starttls|\btls\b|encryption (?:required|needed)
auth: authentication (?:required|failed|needed)|must (?:authenticate|log ?in)|auth required
loop: mail loop|loop(?:s|ing)? (?:detected|back)|too many hops|hop count
system: temporar.{0,40}(?:problem|error|failure|unavailable)|internal (?:server )?error
system: service (?:not |un)available|local error|try (?:again )?later|server (?:busy|error)|disk full|queue file
policy: polic|prohibited|not (?:allowed|permitted|authorized|accepted)|access denied|blocked|administrative
policy: refused
"""
_BY_WORDS: Final = [
    (cause, re.compile(pattern)) for cause, _, pattern in (line.partition(": ") for line in _WORDS.strip().splitlines())
]
# Words under which a host speaks of all our connections, not of one message.
_HOST_WORDS: Final = re.compile(
    r"too many (?:concurrent )?(?:smtp )?(?:connections|sessions)|connection (?:rate|limit)|"
    r"from your (?:ip|host|server|network)|your ip|rate.?limit|throttl|unusual rate|too fast|\btss?0\d\b"
)
_HOST_CAUSES: Final = frozenset({"rate-limited", "reputation"})
_PRECISE: Final = frozenset(_BY_STATUS) - {"1.0", "4.1", "4.2", "5.1", "5.2", "5.4", "5.5", "3.2", "3.5", "2.1", "1.10"}


def classify(code: int, status: str, said: str) -> Verdict:
    """The cause of a refusal, from code (0: none), enhanced status (empty: none) and the text that came with it."""
    subject = status.partition(".")[2]
    text = said[:TEXT_CHARS_MAX].lower()
    if subject in _PRECISE:
        cause = _BY_STATUS[subject]
    else:
        cause = _in_words(text) or _BY_STATUS.get(subject) or _by_code(code, subject)
    temporary = 400 <= code < 500
    back_off = code == 421 or (temporary and (cause in _HOST_CAUSES or _HOST_WORDS.search(text) is not None))
    return Verdict(cause, back_off)


def _in_words(text: str) -> str:
    return next((cause for cause, words in _BY_WORDS if words.search(text)), "")


def _by_code(code: int, subject: str) -> str:
    """Where neither the detail nor the words tell."""
    if subject.startswith("7."):
        return "policy"
    if subject.startswith("2.") or code in (550, 551, 553):
        return "bad-mailbox"
    if code in (552, 452):
        return "mailbox-full"
    if code in (421, 450, 451, 454):
        return "system"
    return {530: "auth", 535: "auth", 521: "bad-domain", 556: "bad-domain"}.get(
        code, "protocol" if 500 <= code < 510 else "other"
    )
