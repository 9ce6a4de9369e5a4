"""What a client may make us hold. Every bound of the parser stands here, with its reason, and nowhere else."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one connection in one state; the shell changes them with the state (`machine.limits = ...`)."""

    line_max_bytes: int = 65_536
    """One line without its CRLF. RFC 2683 3.2.1.5 asks for 8,000; clients that name many messages send more."""
    tag_max_bytes: int = 128
    """Clients use 10 or fewer; a tag comes back in every answer."""
    literal_max_bytes: int = 262_144
    """All literals of one command together, and all its lines: names, passwords, search strings."""
    append_max_bytes: int = 52_428_800
    """All literals of one APPEND together. What APPENDLIMIT (RFC 7889) says; 0: no APPEND in this state."""
    append_parts_max: int = 1_000
    """Messages in one APPEND (RFC 3502), each part of those that are made of parts (RFC 4469) counted."""
    literals_max: int = 256
    """Literals in one command. A search for every word of a sentence needs a few dozen."""
    nonsync_max_bytes: int | None = None
    """The largest literal sent without asking: None with LITERAL+, 4096 with LITERAL- (RFC 7888 5)."""
    skip_max_bytes: int = 104_857_600
    """What we read and throw away to stay in step after refusing a literal; beyond it the connection ends."""
    depth_max: int = 100
    """Parentheses, NOT and OR inside each other, and part numbers in a section."""
    search_nodes_max: int = 2_000
    """Keys in one SEARCH. Each is work for every message."""
    ranges_max: int = 10_000
    """Ranges in one sequence set: a line's worth."""
    name_max_bytes: int = 1_024
    """One mailbox name or pattern on the wire. More than any store keeps; LIST tries each pattern on each name."""
    patterns_max: int = 50
    """Patterns in one LIST (RFC 5258)."""
    items_max: int = 1_000
    """Members of any other list: flags, fetch items, header names, URLs."""


BEFORE_LOGIN = Limits(
    line_max_bytes=8_192,
    literal_max_bytes=4_096,
    append_max_bytes=0,
    literals_max=4,
    skip_max_bytes=65_536,
    depth_max=10,
    search_nodes_max=20,
    ranges_max=100,
    items_max=50,
)
"""A stranger needs a name and a password, and a SASL response of some kilobytes."""
