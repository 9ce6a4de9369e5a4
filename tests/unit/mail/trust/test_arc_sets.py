"""Which sets there are: whole chains, and every way in which one is none."""

from collections.abc import Callable

import pytest

from mail.trust.arc_sets import BrokenChain, collect, highest, payload_of
from mail.trust.dkim_canon import Field, Signable
from tests.unit.mail.trust.chains import MESSAGE, chain, fields_of


def test_sets_come_by_instance_whatever_their_order_is() -> None:
    message = chain(3)
    fields = fields_of(message)
    shuffled = b"".join(fields[at] for at in (4, 0, 8, 2, 6, 1, 3, 7, 5)) + MESSAGE
    for raw in (message, shuffled):
        assert [(one.instance, one.seal.verdict) for one in collect(Signable(raw))] == [
            (1, "none"),
            (2, "pass"),
            (3, "pass"),
        ]
    assert collect(Signable(MESSAGE)) == ()


BROKEN: dict[str, tuple[Callable[[list[bytes]], list[bytes]], str]] = {
    # The fields are, from the top: seal, message signature and results of i=3, of i=2, of i=1.
    "no seal": (lambda f: f[1:], "complete"),
    "no message signature": (lambda f: f[:1] + f[2:], "complete"),
    "no results": (lambda f: f[:2] + f[3:], "complete"),
    "a set missing in the middle": (lambda f: f[:3] + f[6:], "complete"),
    "the first set missing": (lambda f: f[:6], "complete"),
    "only results": (lambda f: f[8:], "complete"),
    "a seal twice": (lambda f: f[:1] + f, "twice"),
    "results twice": (lambda f: [*f, f[2]], "twice"),
    "a set twice": (lambda f: f[:3] + f, "twice"),
    "i=0": (lambda f: [f[0].replace(b"i=3", b"i=0"), *f[1:]], "i= is not 1 to 50"),
    "i=51": (lambda f: [f[0].replace(b"i=3", b"i=51"), *f[1:]], "i= is not 1 to 50"),
    "i= that is no number": (lambda f: [f[0].replace(b"i=3", b"i=x"), *f[1:]], "i= is not 1 to 50"),
    "results without i=": (lambda f: [*f[:2], f[2].replace(b"i=3; ", b""), *f[3:]], "does not begin with i="),
    "results with i= later": (lambda f: [*f[:2], f[2].replace(b"i=3; mx", b"mx; i=3"), *f[3:]], "begin with i="),
    "results without a semicolon": (lambda f: [*f[:2], f[2].replace(b"i=3;", b"i=3"), *f[3:]], "begin with i="),
    "results of another set": (lambda f: [*f[:2], f[2].replace(b"i=3;", b"i=2;"), *f[3:]], "twice"),
    "an unreadable seal": (lambda f: [f[0].replace(b"a=", b"a=;"), *f[1:]], "ARC-Seal: "),
    "a tag twice": (lambda f: [f[0].replace(b"i=3;", b"i=3; i=3;"), *f[1:]], "i= is there twice"),
    "a seal with h=": (lambda f: [f[0].replace(b"i=3;", b"i=3; h=from;"), *f[1:]], "no h="),
    "too much": (lambda f: f * 60, "more than 50"),
    "a thousand results": (lambda f: [*f, *[b"ARC-Authentication-Results: i=1; x\r\n"] * 1000], "more than 50"),
    "results of a megabyte": (lambda f: [*f[:2], f[2][:-2] + b" x" * 500_000 + b"\r\n", *f[3:]], "too long"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_chain(name: str) -> None:
    spoil, why = BROKEN[name]
    message = b"".join(spoil(fields_of(chain(3)))) + MESSAGE
    with pytest.raises(BrokenChain) as error:
        collect(Signable(message))
    assert why in str(error.value)


def test_the_highest_instance_is_known_of_broken_chains_too() -> None:
    fields = fields_of(chain(3))
    assert highest(Signable(MESSAGE)) == 0
    assert highest(Signable(b"".join(fields[:2]) + b"ARC-Seal: rubbish\r\n" + MESSAGE)) == 3


@pytest.mark.parametrize(
    ("value", "payload"),
    [
        (b" i=1; mx.example; spf=pass\r\n", "mx.example; spf=pass"),
        (b" (c) i (c) =\r\n\t(c) 12 (c) ; mx.example;\r\n\tspf=pass\r\n", "mx.example;\tspf=pass"),
        (b" i=1; b\xfcg\r\n", "b\ufffdg"),
    ],
)
def test_what_was_recorded(value: bytes, payload: str) -> None:
    assert payload_of(Field(b"arc-authentication-results", b"ARC-Authentication-Results:" + value)) == payload
