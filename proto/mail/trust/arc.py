"""ARC: whether the chain of those who handled a message holds (RFC 8617 5.2).

The law: all failures are permanent, an answer of the DNS that could not be had among them (5.2.1); a chain that fails
says nothing. That a chain passes says who sealed it, not that they are to be believed: that is the asker's list.

What of DKIM is refused for a signature (rsa-sha1, short keys, l= short of the body) is refused here as well. An
ARC-Message-Signature that signs ARC-Authentication-Results is taken, since old sealers made such; one that signs a seal
is not (RFC 8617 4.1.2). A chain whose last message signature leaves From open holds, as other verifiers have it, but
names no sealer and records nothing: anybody could have put another author into the message.

Of the 170 cases of ValiMail's ARC suite two are told otherwise on purpose, as in dkimpy and Mail::DKIM: signatures and
seals by rsa-sha1 fail (RFC 8301 3.1).
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

from mail.trust.arc_sets import SEAL, ArcSet, BrokenChain, collect
from mail.trust.authres import AuthResults, parse
from mail.trust.dkim import DEFAULT, Result, Rules, Trouble, found_keys, refused, unfit, wrong
from mail.trust.dkim_canon import Signable, canonical_field
from mail.trust.dkim_keys import KeyRecord, fits
from mail.trust.dkim_signature import Signature
from mail.trust.questions import Answer, Asking, Question

Verdict = Literal["none", "pass", "fail"]


class ArcSeal(NamedTuple):
    """Who sealed, and with what."""

    instance: int
    domain: str
    selector: str


class ArcResult(NamedTuple):
    """`oldest_pass`: the lowest instance whose signature over the message still holds, 0: all (RFC 8617 5.2 step 5).
    `seals` by instance; `payloads`: what each recorded, without its instance; both only of a chain that passes, or
    whose structure at least was in order, and never where From is open to anybody (`why` says so). `temporary`: it
    failed for want of an answer of the DNS."""

    result: Verdict
    why: str = ""
    instances: int = 0
    oldest_pass: int = 0
    seals: tuple[ArcSeal, ...] = ()
    payloads: tuple[str, ...] = ()
    temporary: bool = False

    @property
    def newest(self) -> str:
        """What the last sealer recorded: an Authentication-Results payload (RFC 8601 2.2)."""
        return self.payloads[-1] if self.payloads else ""

    @property
    def recorded(self) -> AuthResults | None:
        """The same, read; None where it breaks the grammar, which does not break the chain (RFC 8617 3.4)."""
        return parse(self.newest.encode()) if self.payloads else None


def verify(message: bytes | Signable, now_s: int, rules: Rules = DEFAULT) -> Asking[ArcResult]:
    """Whether the chain holds. All keys are asked for at once, and none where there is nothing to win by it."""
    signable = message if isinstance(message, Signable) else Signable(message)
    try:
        sets = collect(signable)
    except BrokenChain as error:
        return ArcResult("fail", str(error))
    if not sets:
        return ArcResult("none")
    told = ArcResult(
        "fail",
        instances=len(sets),
        seals=tuple(ArcSeal(one.instance, one.seal.domain, one.seal.selector) for one in sets),
        payloads=tuple(one.payload for one in sets),
    )
    if why := _misplaced(sets) or _unlike_the_body(signable, sets[-1].message):
        return told._replace(why=why)
    names = tuple(dict.fromkeys(name for one in sets for name in (one.message.key_name, one.seal.key_name)))
    answers = dict(zip(names, (yield tuple(Question(name, "TXT") for name in names)), strict=True))
    return _chained(sets, told, _Judge(signable, answers, now_s, rules))


def warm(message: Signable) -> None:
    """Hash the body as the sets want it; for a thread, where the body is large."""
    try:
        sets = collect(message)
    except BrokenChain:
        return
    for one in sets:
        if not _unlike_length(message, one.message):
            message.hashed(one.message.body_form, one.message.length)


def _misplaced(sets: Sequence[ArcSet]) -> str:
    """What of the seals' verdicts breaks the chain (RFC 8617 5.2 steps 2 and 3)."""
    if sets[-1].seal.verdict == "fail":
        return "the last sealer found the chain broken"
    for one in sets:
        if one.seal.verdict != ("none" if one.instance == 1 else "pass"):
            return f"cv={one.seal.verdict} is not what the seal i={one.instance} must say"
    return ""


def _unlike_the_body(message: Signable, signature: Signature) -> str:
    """Told before anything is asked for."""
    if why := _unlike_length(message, signature):
        return why
    if message.hashed(signature.body_form, signature.length) != signature.body_hash:
        return "the body was changed after the last seal"
    return ""


def _chained(sets: Sequence[ArcSet], told: ArcResult, judge: "_Judge") -> ArcResult:
    """RFC 8617 5.2 steps 4 to 7."""
    last = len(sets)
    if trouble := judge.over_the_message(sets[-1].message):
        return _failed(told, f"ARC-Message-Signature i={last}", trouble)
    oldest = last
    while oldest > 1 and not judge.over_the_message(sets[oldest - 2].message):
        oldest -= 1
    told = told._replace(oldest_pass=0 if oldest == 1 else oldest)
    digests = _seal_digests(sets)
    for one in reversed(sets):
        if trouble := judge.over_the_sets(one.seal, digests[one.instance - 1]):
            return _failed(told, f"ARC-Seal i={one.instance}", trouble)
    if b"from" not in sets[-1].message.names:
        return told._replace(result="pass", why="From is not signed: nobody vouches for it", seals=(), payloads=())
    return told._replace(result="pass")


def _failed(told: ArcResult, what: str, trouble: Trouble) -> ArcResult:
    return told._replace(why=f"{what}: {trouble.why}", temporary=trouble.result is Result.TEMPERROR)


def _seal_digests(sets: Sequence[ArcSet]) -> list[bytes]:
    """What each seal signs: all sets up to its own, its own field last and with an empty b= (RFC 8617 5.1.1)."""
    digests, sofar = [], hashlib.sha256()
    for one in sets:
        sofar.update(canonical_field(one.results.raw, "relaxed"))
        sofar.update(canonical_field(one.message.field.raw, "relaxed"))
        sealed = sofar.copy()
        sealed.update(canonical_field(one.seal.blank, "relaxed").removesuffix(b"\r\n"))
        digests.append(sealed.digest())
        sofar.update(canonical_field(one.seal.field.raw, "relaxed"))
    return digests


class _Judge:
    """Judges single signatures of one chain; each key record is read once."""

    def __init__(self, message: Signable, answers: dict[str, Answer], now_s: int, rules: Rules) -> None:
        self._message = message
        self._now_s = now_s
        self._rules = rules
        self._keys: Final = {name: found_keys(answer) for name, answer in answers.items()}

    def over_the_message(self, signature: Signature) -> Trouble | None:
        """What is wrong with an ARC-Message-Signature."""
        if SEAL in signature.names:
            return Trouble(Result.PERMERROR, "h= has a seal")
        if why := _unlike_length(self._message, signature):
            return Trouble(Result.POLICY, why)
        return self._by_keys(signature, lambda key: wrong(self._message, signature, key))

    def over_the_sets(self, seal: Signature, digest: bytes) -> Trouble | None:
        """What is wrong with a seal."""

        def unlike(key: KeyRecord) -> Trouble | None:
            right = key.key is not None and fits(key.key, seal.signature, digest)
            return None if right else Trouble(Result.FAIL, "the sets were changed, or the seal is not by the key")

        return self._by_keys(seal, unlike)

    def _by_keys(self, signature: Signature, judged: Callable[[KeyRecord], Trouble | None]) -> Trouble | None:
        if why := refused(signature, self._now_s, self._rules):
            return Trouble(Result.POLICY, why)
        keys = self._keys[signature.key_name]
        if isinstance(keys, Trouble):
            return keys
        troubles = [unfit(signature, key, self._rules) or judged(key) for key in keys]
        return None if None in troubles else troubles[0]


def _unlike_length(message: Signable, signature: Signature) -> str:
    if signature.length is None or signature.length == message.canonical_bytes(signature.body_form):
        return ""
    return "l= is not the whole body"
