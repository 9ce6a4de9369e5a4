"""DKIM: whether the signatures of a message are right (RFC 6376, 8301, 8463, 8616).

The law: each signature has its own result, and only `pass` says anything for a message. What is refused by rule is
`policy`, never `pass`, and why is said. An answer of the DNS that could not be had is `temperror`.

The words are RFC 8601 2.7.1's:

    pass       the signature is right and covers what the rules below want
    fail       header or body are not what was signed, or the signature is not by the key
    policy     refused by rule: rsa-sha1 and short keys (RFC 8301), expired or from the future, l= that leaves a part of
               the body unsigned, another From (or Subject, ...) added beside the signed one
    neutral    the field cannot be read or asks for something unknown; or it fails and the key says t=y
    permerror  there is no key, it was revoked or is not for this signature; From is not signed; i= where t=s forbids it
    temperror  the key could not be asked for

A key with t=y makes a fail `neutral`, and every result says `testing`: by RFC 6376 3.6.1 no mail may be worse off for
it, and whoever decides may pass over a pass, too.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from mail.trust.dkim_canon import Field, Signable, canonical_field, signed_fields
from mail.trust.dkim_keys import KeyRecord, fits, parse_record
from mail.trust.dkim_signature import Signature, read
from mail.trust.dkim_tags import BadTags
from mail.trust.questions import Answer, Asking, Question, Status

FIELD: Final = b"dkim-signature"
RECORDS_MAX: Final = 4  # tried, where a selector has several (RFC 6376 6.1.2 lets a verifier choose)
B_CHARACTERS: Final = 8  # of b=, what tells signatures apart in a report (RFC 6008 3)

# Fields that a reader is shown one of: where one is signed, none may be added (RFC 6376 8.15).
_SINGLE: Final = (b"from", b"subject", b"reply-to", b"content-type")


class Result(StrEnum):
    """RFC 8601 2.7.1."""

    NONE = "none"
    PASS = "pass"  # noqa: S105 (no password)
    FAIL = "fail"
    POLICY = "policy"
    NEUTRAL = "neutral"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


class Rules(NamedTuple):
    """What is asked of signatures besides being right."""

    signatures_max: int = 10  # looked at, from the top; lists leave two or three
    rsa_bits_min: int = 1024  # RFC 8301 3.2
    slack_s: int = 300  # by which t= may be ahead of our clock, and x= behind
    partial_body: bool = False  # whether l= may leave a part of the body unsigned


DEFAULT: Final = Rules()


class DkimResult(NamedTuple):
    """What became of one signature. `domain` is d=, empty where it cannot be read; `unsigned_bytes`: of the canonical
    body, what l= leaves out; `signature`: as it was read, for reports (`canonical_header`)."""

    result: Result
    why: str = ""  # empty for a plain pass
    domain: str = ""
    identity: str = ""  # i=, or @d=
    selector: str = ""
    algorithm: str = ""
    b: str = ""  # the first characters of b=
    testing: bool = False  # the key says t=y
    key_bits: int = 0
    body_length: int | None = None  # l=
    unsigned_bytes: int = 0
    signature: Signature | None = None


def verify(message: bytes | Signable, now_s: int, rules: Rules = DEFAULT) -> Asking[tuple[DkimResult, ...]]:
    """What became of each signature, from the top; of none where there is none. All keys are asked for at once."""
    signable = message if isinstance(message, Signable) else Signable(message)
    read_ones = [_read(field) for field in signable.named(FIELD)[: rules.signatures_max]]
    names = tuple(dict.fromkeys(one.key_name for one in read_ones if isinstance(one, Signature)))
    answers = dict(zip(names, (yield tuple(Question(name, "TXT") for name in names)), strict=True)) if names else {}
    return tuple(
        _checked(signable, one, answers[one.key_name], now_s, rules) if isinstance(one, Signature) else one
        for one in read_ones
    )


def warm(message: Signable, rules: Rules = DEFAULT) -> None:
    """Hash the body as the signatures want it; for a thread, where the body is large."""
    for field in message.named(FIELD)[: rules.signatures_max]:
        one = _read(field)
        if isinstance(one, Signature):
            message.hashed(one.body_form, one.length)


def canonical_header(message: Signable, signature: Signature) -> bytes:
    """What is signed of the header, and the signature's own field (RFC 6376 3.7); for RFC 6591 reports, too."""
    own = canonical_field(signature.blank, signature.header_form).removesuffix(b"\r\n")
    return signed_fields(message, signature.names, signature.header_form, signature.field) + own


def _read(field: Field) -> Signature | DkimResult:
    try:
        return read(field)
    except BadTags as error:
        return DkimResult(Result.NEUTRAL, str(error))


def _checked(message: Signable, signature: Signature, answer: Answer, now_s: int, rules: Rules) -> DkimResult:
    """The result of one signature, with all that is known of it."""
    told = DkimResult(
        Result.PASS,
        domain=signature.domain,
        identity=signature.identity,
        selector=signature.selector,
        algorithm=signature.algorithm,
        b=signature.b[:B_CHARACTERS],
        body_length=signature.length,
        signature=signature,
    )
    if b"from" not in signature.names:  # RFC 6376 5.4
        return told._replace(result=Result.PERMERROR, why="From is not signed")
    if why := refused(signature, now_s, rules):
        return told._replace(result=Result.POLICY, why=why)
    records = found_keys(answer)
    if isinstance(records, Trouble):
        return told._replace(result=records.result, why=records.why)
    if signature.length is not None:
        whole = message.canonical_bytes(signature.body_form)
        if signature.length > whole:  # RFC 6376 3.5: more than there is
            return told._replace(result=Result.FAIL, why="the body is shorter than l=")
        told = told._replace(unsigned_bytes=whole - signature.length)
    outcomes = [_by_key(message, told, signature, record, rules) for record in records]
    return next((one for one in outcomes if one.result is Result.PASS), outcomes[0])


def _by_key(message: Signable, told: DkimResult, signature: Signature, record: KeyRecord, rules: Rules) -> DkimResult:
    told = told._replace(testing=record.testing, key_bits=record.bits)
    trouble = unfit(signature, record, rules) or wrong(message, signature, record) or _open(message, told, rules)
    if trouble is None:
        return told
    if record.testing and trouble.result is Result.FAIL:
        return told._replace(result=Result.NEUTRAL, why=f"{trouble.why}; the key is for tests")
    return told._replace(result=trouble.result, why=trouble.why)


class Trouble(NamedTuple):
    """What a signature is instead of a pass."""

    result: Result
    why: str


def refused(signature: Signature, now_s: int, rules: Rules) -> str:
    """Which rule refuses a signature before its key is known; empty where none does."""
    if signature.algorithm == "rsa-sha1":
        return "rsa-sha1 is too weak"  # RFC 8301 3.1: must not be used for verifying
    if signature.signed_s is not None and signature.signed_s > now_s + rules.slack_s:
        return "it is from the future"
    if signature.expires_s is not None and signature.expires_s + rules.slack_s < now_s:
        return "it has expired"
    return ""


def found_keys(answer: Answer) -> list[KeyRecord] | Trouble:
    """The key records in an answer (RFC 6376 6.1.2)."""
    if answer.status == Status.TEMPFAIL:
        return Trouble(Result.TEMPERROR, "the key could not be asked for")
    records, why = [], "there is no key"
    for text in answer.records[:RECORDS_MAX]:
        try:
            records.append(parse_record(text))
        except BadTags as error:
            why = f"the key record cannot be read: {error}"
    return records or Trouble(Result.PERMERROR, why)


def unfit(signature: Signature, record: KeyRecord, rules: Rules) -> Trouble | None:
    """Why the key is not for the signature."""
    if why := record.refusal(signature.algorithm):
        return Trouble(Result.PERMERROR, why)
    if record.kind == "rsa" and record.bits < rules.rsa_bits_min:
        return Trouble(Result.POLICY, f"a key of {record.bits} bits is too short")
    if record.strict and signature.identity and signature.identity.rpartition("@")[2] != signature.domain:
        return Trouble(Result.PERMERROR, "the key is not for subdomains")
    return None


def wrong(message: Signable, signature: Signature, record: KeyRecord) -> Trouble | None:
    """What of a signature over a message is not right."""
    if message.hashed(signature.body_form, signature.length) != signature.body_hash:
        return Trouble(Result.FAIL, "the body was changed")
    digest = hashlib.sha256(canonical_header(message, signature)).digest()
    if record.key is None or not fits(record.key, signature.signature, digest):
        return Trouble(Result.FAIL, "the header was changed, or the signature is not by the key")
    return None


def _open(message: Signable, told: DkimResult, rules: Rules) -> Trouble | None:
    """What a right signature leaves open for others to add."""
    if told.unsigned_bytes and not rules.partial_body:
        return Trouble(Result.POLICY, f"{told.unsigned_bytes} bytes of the body are not signed")
    names: Sequence[bytes] = told.signature.names if told.signature else ()
    signed = Counter(names)
    there = Counter(field.name for field in message.fields if field.name in _SINGLE)
    for name in _SINGLE:
        if signed[name] and there[name] > signed[name]:
            return Trouble(Result.POLICY, f"another {name.decode().title()} is not signed")
    return None
