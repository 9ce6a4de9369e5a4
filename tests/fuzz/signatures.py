"""Promises about signatures: DKIM-Signature fields, key records, ARC sets. Part of promises.py."""

import contextlib
from collections.abc import Callable
from typing import Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mail.trust.arc import Verdict
from mail.trust.arc import verify as arc_verify
from mail.trust.arc_seal import seal
from mail.trust.arc_sets import BrokenChain, collect
from mail.trust.dkim import verify
from mail.trust.dkim_canon import Field, Signable
from mail.trust.dkim_keys import parse_record
from mail.trust.dkim_sign import SigningKey, sign
from mail.trust.dkim_signature import read
from mail.trust.dkim_tags import BadTags
from mail.trust.questions import Asking
from tests.unit.mail.trust.asking import Answer

T = TypeVar("T")
SEALER: Final = SigningKey("x.test", "s", Ed25519PrivateKey.from_private_bytes(bytes(32)))


def dkim_signature(data: bytes) -> None:
    """A DKIM-Signature field and a message that is one: BadTags, or what is read, once and again; every signature has a
    result, and that of noise is never a pass.
    """
    for raw in (data, b"DKIM-Signature:" + data):
        if b":" in raw:
            with contextlib.suppress(BadTags):
                found = read(Field(b"dkim-signature", raw))
                assert found.b and len(found.blank) <= len(raw)  # noqa: PT018
        for message in (raw, raw + b"\r\nFrom: a@b.test\r\n\r\nHello\r\n"):
            results = answered(verify(message, 1_700_000_000), data)
            assert len(results) <= 10
            assert all(one.result != "pass" for one in results)


def dkim_key(data: bytes) -> None:
    """A key record: BadTags, or a record that says of both algorithms whether it serves."""
    for text in (data, b"v=DKIM1; p=" + data):
        with contextlib.suppress(BadTags):
            record = parse_record(text)
            assert record.bits or (record.refusal("rsa-sha256") and record.refusal("ed25519-sha256"))


def arc_sets(data: bytes) -> None:
    """A message with ARC fields: BrokenChain, or sets without a gap; noise never passes, and is sealed as such."""
    for message in (data, b"ARC-Seal:" + data + b"\r\n\r\nx\r\n"):
        with contextlib.suppress(BrokenChain):
            sets = collect(Signable(message))
            assert [one.instance for one in sets] == list(range(1, len(sets) + 1))
        found = answered(arc_verify(message, 1_700_000_000), data)
        assert found.result != "pass"
        sealed = seal(message, "mx.test", "none", found.result, SEALER, 1_700_000_000)
        assert sealed == b"" or sealed.startswith(b"ARC-Seal: i=")


def answered(asking: Asking[T], text: bytes) -> T:
    """The evaluator's result, where the DNS says this text to everything."""
    try:
        questions = next(asking)
        while True:
            questions = asking.send(tuple(Answer("ok", (text,)) for _ in questions))
    except StopIteration as stop:
        result: T = stop.value
        return result


def _chain(count: int) -> bytes:
    message = _RAW
    for number in range(count):
        cv: Verdict = "pass" if number else "none"
        message = seal(message, "mx.test", "spf=pass", cv, SEALER, 1_700_000_000) + message
    return message


_RAW: Final = b"From: a@b.test\r\nSubject: x\r\nContent-Type: text/plain\r\n\r\nHello\r\n"
SIGNATURES: Final[dict[str, Callable[[bytes], None]]] = {
    one.__name__: one for one in (dkim_signature, dkim_key, arc_sets)
}
VALID: Final[dict[str, list[bytes]]] = {
    "dkim_signature": [
        sign(_RAW, [SEALER], 1_700_000_000, expire_s=60).removeprefix(b"DKIM-Signature:"),
        sign(_RAW, [SEALER], 1_700_000_000) + _RAW,
        b" v=1; a=rsa-sha256; d=b\xc3\xbccher.test; s=s; h=from; l=0; i=a=3D@x.b\xc3\xbccher.test; bh=; b=AA==\r\n",
    ],
    "dkim_key": [
        b"v=DKIM1; k=ed25519; h=sha256; s=email; t=y:s; n=a=20b; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        b"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
        b"",
    ],
    "arc_sets": [_chain(1), _chain(2)],
}
