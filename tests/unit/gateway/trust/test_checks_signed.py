"""The checks with DKIM and ARC as they are: what we sign and seal passes them, small and large."""

from random import Random
from typing import Any

import pytest

from cluster.clock import ManualClock
from gateway.trust.checks import APART_FROM_BYTES, Checks
from gateway.trust.verdict import Verdict
from mail.trust import arc, dkim
from mail.trust.arc_seal import seal
from mail.trust.authres import parse
from mail.trust.dkim_canon import Signable
from mail.trust.dkim_sign import sign
from tests.unit.gateway.trust.resolving import Knowing
from tests.unit.mail.trust.zone import ED, RSA, ZONE

NOW = 1_700_000_000
RECORDS: dict[str, Any] = {
    **{name: {"TXT": texts} for name, texts in ZONE.items()},
    "_dmarc.example.org": {"TXT": [b"v=DMARC1; p=reject"]},
}
MESSAGE = b"From: Me <me@example.org>\r\nSubject: x\r\n\r\n"


async def _checked(message: bytes) -> Verdict:
    checks = Checks(
        Knowing(RECORDS),
        ManualClock(),
        Random(1),
        "mx.example.net",
        dkim=dkim.verify,
        arc=arc.verify,
        prepare=Signable,
    )
    return await checks.run(ip="192.0.2.1", helo="out.example.org", sender="", message=message)


@pytest.mark.parametrize("size", [10, APART_FROM_BYTES])
async def test_signed_sealed_and_aligned(size: int) -> None:
    message = MESSAGE + b"x" * size + b"\r\n"
    message = sign(message, [RSA, ED], NOW) + message
    message = seal(message, "mx.example.com", "dkim=pass header.d=example.org", "none", RSA, NOW) + message
    verdict = await _checked(message)
    assert [one.result for one in verdict.dkim or ()] == ["pass", "pass"]
    assert verdict.arc is not None
    assert (verdict.arc.result, verdict.dmarc.result if verdict.dmarc else "") == ("pass", "pass")
    told = parse(verdict.authentication_results.removeprefix(b"Authentication-Results:"))
    assert told is not None
    methods = [(one.method, one.result) for one in told.results]
    assert methods.count(("dkim", "pass")) == 2
    assert ("arc", "pass") in methods


async def test_changed_on_the_way() -> None:
    message = MESSAGE + b"Hello\r\n"
    verdict = await _checked(sign(message, [RSA], NOW) + message + b"more\r\n")
    assert [(one.result, one.why) for one in verdict.dkim or ()] == [("fail", "the body was changed")]
    assert verdict.dmarc is not None
    assert verdict.dmarc.result == "fail"
