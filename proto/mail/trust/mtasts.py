"""MTA-STS (RFC 8461): the record that announces a policy, the policy, and which hosts it names.

The law: what is not as the RFC has it is no policy, and no policy is never a policy that allows all: the caller keeps
the one it had. What is read is bounded.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Final, Literal, NamedTuple

POLICY_BYTES_MAX: Final = 64 * 1024  # RFC 8461 §3.3
MAX_AGE_S_MAX: Final = 31_557_600  # a year (RFC 8461 §3.2); more counts as this
ID_CHARACTERS_MAX: Final = 32  # RFC 8461 §3.1
HOST_CHARACTERS_MAX: Final = 253
PATH: Final = "/.well-known/mta-sts.txt"  # RFC 8461 §3.3

Mode = Literal["enforce", "testing", "none"]
MODES: Final[tuple[Mode, ...]] = ("enforce", "testing", "none")

_VERSION: Final = b"v=STSv1"
_FIELD: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([!-:<>-~]+)")  # sts-extension, sts-id
_ID: Final = re.compile(r"[A-Za-z0-9]{1,32}")
_LINE: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31}):[ \t]*([^\x00-\x20\x7f](?:[^\x00-\x1f\x7f]*))")
_HOST: Final = re.compile(r"(?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9-]*)(?:\.[A-Za-z0-9][A-Za-z0-9-]*)*")
_AGE: Final = re.compile(r"[0-9]{1,10}")


class BadPolicy(ValueError):
    """It is no policy; the text says why."""


class Record(NamedTuple):
    """What `_mta-sts.DOMAIN` says: the policy's id, or, where it is empty, `why` there is none."""

    id: str = ""
    why: str = "no record"


class Policy(NamedTuple):
    """Which hosts take a domain's mail, and what to do where that cannot be proven."""

    mode: Mode
    mx: tuple[str, ...]  # in lower case; `*.` stands for one label
    max_age_s: int

    def names(self, host: str) -> bool:
        """Whether the host may take the domain's mail (RFC 8461 §4.1)."""
        host = host.lower().removesuffix(".")
        parent = host.partition(".")[2]
        return host in self.mx or (bool(parent) and f"*.{parent}" in self.mx)


# -- the record (RFC 8461 §3.1) ----------------------------------------------------------------------------------------


def read_record(texts: Iterable[bytes]) -> Record:
    """The record among the TXT records of `_mta-sts.DOMAIN`."""
    found = [text for text in texts if text.startswith(_VERSION + b";")]
    if len(found) != 1:
        return Record(why="several records" if found else "no record")
    pairs: dict[str, str] = {}
    for field in [field.strip(" \t") for field in found[0].decode("latin-1").split(";")[1:]]:
        if not field:  # at the end the RFC allows one; more, as other readers do, since nothing can hide in them
            continue
        if not (match := _FIELD.fullmatch(field)):
            return Record(why="the record is malformed")
        pairs.setdefault(match[1], match[2])  # RFC 8461 §3.2: of one name, the first counts
    ident = pairs.get("id", "")
    return Record(ident, "") if _ID.fullmatch(ident) else Record(why="the record has no id")


# -- the policy (RFC 8461 §3.2) ----------------------------------------------------------------------------------------


def read_policy(data: bytes) -> Policy:
    """Read a policy. Raises BadPolicy."""
    if len(data) > POLICY_BYTES_MAX:
        raise BadPolicy(f"it has more than {POLICY_BYTES_MAX} bytes")
    hosts: dict[str, None] = {}  # a set that keeps their order
    fields: dict[str, str] = {}
    for key, value in _pairs(data):
        if key == "mx":
            hosts[_host(value)] = None
        else:
            fields.setdefault(key, value)
    if fields.get("version") != "STSv1":
        raise BadPolicy("its version is not STSv1")
    mode = next((mode for mode in MODES if mode == fields.get("mode")), None)
    if mode is None:
        raise BadPolicy("its mode is none of enforce, testing, none")
    age = fields.get("max_age", "")
    if not _AGE.fullmatch(age):
        raise BadPolicy("it has no max_age")
    if not hosts and mode != "none":
        raise BadPolicy("it names no mx")
    return Policy(mode, tuple(hosts), min(int(age), MAX_AGE_S_MAX))


def _pairs(data: bytes) -> Iterator[tuple[str, str]]:
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError as error:
        raise BadPolicy("it is not UTF-8") from error
    for line in lines:
        line = line.removesuffix("\r").rstrip(" \t")
        if not line:  # more than the RFC allows, but seen at the end of many, and harmless
            continue
        if not (match := _LINE.fullmatch(line)):
            raise BadPolicy(f"a line of it is no field: {line[:60]!r}")
        yield match[1], match[2]


def _host(value: str) -> str:
    if len(value) > HOST_CHARACTERS_MAX or not _HOST.fullmatch(value) or value.endswith("-") or "-." in value:
        raise BadPolicy(f"{value[:60]!r} is no mx")
    return value.lower()


def render(policy: Policy) -> bytes:
    """A policy as it is served."""
    return "".join(line + "\r\n" for line in lines_of(policy)).encode()


def lines_of(policy: Policy) -> tuple[str, ...]:
    """Its lines, as they are served and reported (RFC 8460 §4.4)."""
    return (
        "version: STSv1",
        f"mode: {policy.mode}",
        *(f"mx: {host}" for host in policy.mx),
        f"max_age: {policy.max_age_s}",
    )


def id_of(policy: Policy) -> str:
    """An id for the record of a policy of ours: another one for another policy."""
    return hashlib.sha256(render(policy)).hexdigest()[:20]


def record_of(policy: Policy) -> str:
    """The TXT record to publish at `_mta-sts.DOMAIN`."""
    return f"v=STSv1; id={id_of(policy)};"
