"""Sealing: the three fields of one ARC set (RFC 8617 5.1).

The law: the message is sealed as it leaves, after every other change and signature (5.1 step 1). A chain that was
found broken is sealed once with cv=fail over this set alone (5.1.2), and never again.
"""

from typing import Final

from mail.trust.arc import Verdict
from mail.trust.arc_sets import SETS_MAX, ArcSet, BrokenChain, collect, highest
from mail.trust.dkim_canon import Signable, canonical_field
from mail.trust.dkim_sign import HEADERS, OVERSIGNED, SigningKey, finished, over_the_message, signed_names, unsigned

# RFC 8617 4.1.2: DKIM-Signature fields are signed, Authentication-Results and ARC's own never.
SEALED: Final = [*HEADERS, "DKIM-Signature"]


def seal(message: bytes | Signable, authserv_id: str, payload: str, cv: Verdict, key: SigningKey, now_s: int) -> bytes:
    """The fields to put in front of the message; empty where nothing may be added: the last seal says cv=fail, or
    there are 50 sets.

    `payload`: the results that Authentication-Results has after the authserv-id, folded or not (RFC 8601 2.2); `cv`:
    what `arc.verify` found when the message came. Raises ValueError where `cv` is none and there is a chain, or pass
    and there is none.
    """
    signable = message if isinstance(message, Signable) else Signable(message)
    sets, broken = _chain(signable)
    if (cv == "none") != (not sets and not broken) or (cv == "pass" and broken):
        raise ValueError(f"cv={cv} is not of this message")
    instance = highest(signable) + 1
    if instance > SETS_MAX or (sets and sets[-1].seal.verdict == "fail"):
        return b""
    results = _results(instance, authserv_id, payload)
    signature = over_the_message(
        signable,
        "ARC-Message-Signature",
        [*_tags(instance, key), ("c", "relaxed/relaxed"), ("t", str(now_s))],
        signed_names(signable, SEALED, OVERSIGNED),
        ("relaxed", "relaxed"),
        key,
    )
    before = [] if cv == "fail" else [raw for one in sets for raw in _raw(one)]
    text = unsigned("ARC-Seal", [*_tags(instance, key), ("t", str(now_s)), ("cv", cv)])
    covered = b"".join(canonical_field(raw, "relaxed") for raw in (*before, results, signature))
    covered += canonical_field(text, "relaxed").removesuffix(b"\r\n")
    return finished(text, covered, key) + signature + results


def _chain(message: Signable) -> tuple[tuple[ArcSet, ...], bool]:
    """The sets there are, and whether they are no chain."""
    try:
        return collect(message), False
    except BrokenChain:
        return (), True


def _tags(instance: int, key: SigningKey) -> list[tuple[str, str]]:
    return [("i", str(instance)), ("a", key.algorithm), ("d", key.domain), ("s", key.selector)]


def _raw(one: ArcSet) -> tuple[bytes, bytes, bytes]:
    return one.results.raw, one.message.field.raw, one.seal.field.raw


def _results(instance: int, authserv_id: str, payload: str) -> bytes:
    """ARC-Authentication-Results; the payload's lines stay, each folded rightly."""
    lines = [line.strip() for line in payload.splitlines()]
    text = "\r\n\t".join(line for line in lines if line)
    return f"ARC-Authentication-Results: i={instance}; {authserv_id}; {text}\r\n".encode()
