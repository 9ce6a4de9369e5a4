"""Sealing: what is made, in which order, and when nothing may be."""

import pytest

from mail.trust.arc import Verdict, verify
from mail.trust.arc_seal import seal
from mail.trust.arc_sets import collect
from mail.trust.dkim_canon import Signable
from mail.trust.dkim_sign import sign
from tests.unit.mail.trust.chains import MESSAGE, chain, fields_of, sealed
from tests.unit.mail.trust.zone import ED, NOW, RSA, ZONE, run

FIRST = seal(MESSAGE, "mx.example.org", "spf=pass;\n dkim=none\r\n\t(c)", "none", RSA, NOW)


def test_three_fields_of_one_instance() -> None:
    names = [field.name for field in Signable(FIRST + MESSAGE).fields][:3]
    assert names == [b"arc-seal", b"arc-message-signature", b"arc-authentication-results"]
    (one,) = collect(Signable(FIRST + MESSAGE))
    assert (one.instance, one.seal.verdict, one.message.signed_s, one.seal.signed_s) == (1, "none", NOW, NOW)
    assert FIRST.endswith(b"ARC-Authentication-Results: i=1; mx.example.org; spf=pass;\r\n\tdkim=none\r\n\t(c)\r\n")


def test_signatures_of_dkim_are_signed_and_results_are_not() -> None:
    message = b"Authentication-Results: a; none\r\n" + sign(MESSAGE, [RSA], NOW) + MESSAGE
    (one,) = collect(Signable(sealed(message)))
    assert b"dkim-signature" in one.message.names
    assert not {b"authentication-results", b"arc-seal", b"received"} & set(one.message.names)


def test_a_broken_chain_is_sealed_once_alone() -> None:
    broken = chain(2).replace(b"Subject: Hi", b"Subject: Ha")
    third = seal(broken, "mx.example.org", "arc=fail", "fail", ED, NOW)
    assert b"i=3;" in third
    assert b"cv=fail" in third
    found = run(verify(third + broken, NOW), ZONE)
    assert (found.result, found.why) == ("fail", "the last sealer found the chain broken")
    assert seal(third + broken, "mx.example.org", "arc=fail", "fail", ED, NOW) == b""


def test_a_chain_that_is_no_chain_gets_the_next_number() -> None:
    torn = b"".join(fields_of(chain(3))[1:]) + MESSAGE
    assert b"ARC-Seal: i=4;" in seal(torn, "mx.example.org", "arc=fail", "fail", ED, NOW)


def test_fifty_sets_are_all() -> None:
    full = chain(50)
    assert seal(full, "mx.example.org", "arc=pass", "pass", ED, NOW) == b""


@pytest.mark.parametrize(
    ("message", "cv"),
    [(MESSAGE, "pass"), (MESSAGE, "fail"), (chain(1), "none"), (b"ARC-Seal: x\r\n" + MESSAGE, "pass")],
)
def test_what_cannot_have_been_found(message: bytes, cv: Verdict) -> None:
    with pytest.raises(ValueError, match="not of this message"):
        seal(message, "mx.example.org", "none", cv, ED, NOW)
